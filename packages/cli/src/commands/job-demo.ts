import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { newRunPath } from '@tempered/lab/run'
import { errorMessage, readIdentityFile, sleep, systemClock } from '@tempered/node'
import type { JobStatus } from '@tempered/settlement'
import { weiOf } from '../config/coins.js'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import type { AttackFile } from '../machines/attack-file.js'
import { type DemoNode, startDemoNode, writeDemoNode } from '../settlement/demo-nodes.js'
import { demoText } from '../settlement/demo-text.js'
import { loadSettlement } from '../settlement/load-settlement.js'
import { type LocalChain, startLocalChain } from '../settlement/local-chain.js'
import { openSettlement, type SettlementSettings } from '../settlement/open-settlement.js'
import { settlementFileText } from '../settlement/settlement-file.js'
import type { Target } from '../settlement/target.js'
import { type JobPostOptions, runJob } from './job-post.js'

export interface JobDemoOptions {
  readonly target: Target
  readonly rounds: number
  readonly out: string
  readonly backend: string
}

const MEMBERS = 6
const STAKE = weiOf('2')
const BUDGET = weiOf('6')
const PER_ROUND = weiOf('0.05')
const BLOCK_SECONDS = 1
/** Days on a chain with real money; seconds in the demo. */
const APPEAL_SECONDS = 10
const UNBONDING_SECONDS = 600
/** How long to wait for the last verdict after the settlement. */
const VERDICT_MS = 120_000

const attackOf = (name: string, params: Record<string, number>, from: number): AttackFile => ({
  attack: { name, params },
  from,
  to: 10_000,
})
/** What the nodes that lie do; the others are honest. */
const ATTACKS: ReadonlyMap<number, AttackFile> = new Map([
  [4, attackOf('free-rider', { noise: 0 }, 1)],
  [5, attackOf('equivocation', { scale: 0.5 }, 3)],
])

const say = (what: string): void => {
  process.stderr.write(`${what}\n`)
}

/** `tempered job demo`: exit code 0 only if everybody was paid and punished as deserved, to the last wei. */
export async function jobDemo(options: JobDemoOptions): Promise<void> {
  checkTarget(options.target)
  const folder = resolve(newRunPath(options.out, 'job-demo', new Date()))
  await mkdir(folder, { recursive: true })
  const stopping = new AbortController()
  const closing: (() => Promise<void>)[] = []
  const interruption = onInterrupt(async () =>
    stopping.abort(new DOMException('stopped by a signal', 'AbortError')),
  )
  try {
    const chain = await startLocalChain(MEMBERS + 2, BLOCK_SECONDS)
    closing.push(() => chain.stop())
    const { good, text } = await perform(options, folder, chain, stopping.signal, closing)
    process.stdout.write(text)
    if (!good) throw new CliError('E_GOAL_MISSED', 'the demo failed; see the lines with FAIL above')
  } catch (error) {
    if (!stopping.signal.aborted) throw error
  } finally {
    for (const close of closing.reverse())
      await close().catch((error) => say(`stopping failed: ${errorMessage(error)}`))
    interruption.dispose()
    if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  }
}

/** The job classifies digits. */
function checkTarget({ metric, better, value }: Target): void {
  if (metric !== 'accuracy' || better !== 'higher' || value < 0 || value > 1)
    throw new CliError(
      'E_USAGE',
      '--target: the demo classifies digits; give an accuracy from 0 to 1, e.g. "accuracy>=0.85"',
    )
}

async function perform(
  options: JobDemoOptions,
  folder: string,
  { rpc }: LocalChain,
  signal: AbortSignal,
  closing: (() => Promise<void>)[],
): Promise<{ readonly good: boolean; readonly text: string }> {
  const { DEFAULT_RULES, deployAll, jobStatus, localAccountKey } = await loadSettlement()
  say(
    `local chain (anvil) at ${rpc}, one block per second, until this command ends; results: ${relative('.', folder)}`,
  )
  const deployed = await deployAll(rpc, localAccountKey(0), {
    ...DEFAULT_RULES,
    unbondingSeconds: UNBONDING_SECONDS,
    appealSeconds: APPEAL_SECONDS,
  })
  const contracts = join(folder, 'settlement.json')
  const place = { ...deployed, fromBlock: 0n }
  await writeFile(contracts, settlementFileText(place))
  const nodes = Array.from({ length: MEMBERS }, (_, k): DemoNode => {
    const name = `node-${k}`
    return { name, folder: join(folder, name), key: localAccountKey(k + 2), attack: ATTACKS.get(k) }
  })
  await Promise.all(
    nodes.map(async (node, k) => {
      await writeDemoNode({ folder, rpc, chainId: deployed.chainId, contracts }, node, k, MEMBERS)
      await stake(node, { rpc, place, key: node.key, confirmations: 1 }, signal)
    }),
  )
  say(`${MEMBERS} nodes have staked 2 coins each; node-4 is a free rider, node-5 equivocates from round 3 on`)
  const running = nodes.map((node) => startDemoNode(node, options.backend))
  for (const node of running) closing.push(() => node.stop())

  say('training and settling take about a minute')
  const settings = { rpc, place, key: localAccountKey(1), confirmations: 1 }
  let id: `0x${string}` | undefined
  const job = runJob(jobOptions(options, folder), settings, signal, {
    say: (what) => say(`user: ${what}`),
    posted(number) {
      id = number
      say(
        `user: job ${number}, budget 6: ${options.target.metric} ${options.target.better === 'higher' ? '>=' : '<='} ${options.target.value}`,
      )
    },
  })
  const { file: model } = await Promise.race([job, ...running.map(({ failed }) => failed)])
  if (model === undefined || id === undefined)
    throw new CliError('E_GOAL_MISSED', 'the job was not completed; see the logs of the nodes')
  say('waiting for the verdict against the free rider; the appeal period is 10 seconds')
  const opened = await openSettlement(settings, say)
  closing.push(async () => opened.close())
  const until = Date.now() + VERDICT_MS
  let status = await jobStatus(opened.client, id, 0n)
  while (!signal.aborted && Date.now() < until && !arePunished(status)) {
    await sleep(systemClock, 1_000, signal)
    status = await jobStatus(opened.client, id, 0n)
  }
  for (const node of running) await node.stop()
  return demoText({
    ...{ status, model, nodes, opened },
    target: options.target,
    keys: Array.from({ length: MEMBERS + 2 }, (_, k) => localAccountKey(k)),
    stake: STAKE,
  })
}

const arePunished = ({ losses }: JobStatus): boolean =>
  new Set(losses.map(({ account }) => account)).size >= ATTACKS.size

/** Binds a node's account to its peer and stakes. */
async function stake({ folder }: DemoNode, settings: SettlementSettings, signal: AbortSignal): Promise<void> {
  const { artifacts, bindPeer } = await loadSettlement()
  const { client, outbox, close } = await openSettlement(settings, say)
  // The chain is stopped as well, and would no longer answer.
  signal.addEventListener('abort', close, { once: true })
  const { signer } = await readIdentityFile(join(folder, 'identity.key'))
  const { address } = client.wallet.account
  const { peerKey, peerSignature } = bindPeer(signer, address, {
    chainId: client.wallet.chain.id,
    contract: client.contracts.stakes,
  })
  await outbox.send({
    address: client.contracts.stakes,
    abi: artifacts.StakingRegistry.abi,
    functionName: 'register',
    args: [peerKey, peerSignature],
    value: STAKE,
  })
  close()
}

function jobOptions({ target, rounds }: JobDemoOptions, folder: string): JobPostOptions {
  return {
    ...{ target, rounds },
    budget: BUDGET,
    perRound: PER_ROUND,
    members: MEMBERS,
    stake: STAKE,
    pay: 'equal',
    licence: 'Apache-2.0',
    acceptWithin: 600,
    settleWithin: 3_600,
    model: 'softmax',
    seed: 1,
    rule: 'geometric-median',
    localSteps: 20,
    batchSize: 32,
    learningRate: 0.1,
    momentum: 0,
    logitAdjustment: 1,
    scoreEvery: 1,
    // Blocks of liars time out after three of these.
    deltaMs: 500,
    collectMs: 60_000,
    joinMs: 120_000,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    out: join(folder, 'user'),
  }
}
