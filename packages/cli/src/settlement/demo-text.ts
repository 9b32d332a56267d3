import { relative } from 'node:path'
import { counted } from '@tempered/errors'
import { readIdentityFile } from '@tempered/node'
import type { JobStatus } from '@tempered/settlement'
import { coinsText } from '../config/coins.js'
import { sumsOf } from '../terminal/job-text.js'
import { table } from '../terminal/table.js'
import type { AccountKey } from './account-file.js'
import type { DemoNode } from './demo-nodes.js'
import { loadSettlement } from './load-settlement.js'
import type { OpenedSettlement } from './open-settlement.js'
import type { Target } from './target.js'

export interface DemoEnd {
  readonly status: JobStatus
  /** File of the model that the user has received. */
  readonly model: string
  readonly nodes: readonly DemoNode[]
  readonly opened: OpenedSettlement
  readonly target: Target
  /** Keys of all accounts that had coins at the beginning. */
  readonly keys: readonly AccountKey[]
  /** Of each node, in wei. */
  readonly stake: bigint
}

/** What the nodes that lie are called. */
const ROLES: Readonly<Record<string, string>> = {
  'free-rider': 'free rider',
  equivocation: 'equivocating node',
}

/** What each account of a local chain has at the beginning, in wei. */
const BEGINNING = 10_000n * 10n ** 18n

/** The outcome of the demo, read from the chain, and whether it is the expected one. */
export async function demoText(end: DemoEnd): Promise<{ readonly good: boolean; readonly text: string }> {
  const { status, model, nodes, opened } = end
  const { accountAddress, metricText } = await loadSettlement()
  const rows = await Promise.all(
    nodes.map(async ({ name, key, attack, folder }) => {
      const account = accountAddress(key)
      const { signer } = await readIdentityFile(`${folder}/identity.key`)
      const bound = status.members.find((one) => one.account === account)?.peerId
      return [
        name,
        attack === undefined ? 'honest' : (ROLES[attack.attack.name] ?? attack.attack.name),
        bound === signer.peerId ? account : 'unbound',
        ...sumsOf(status, account, coinsText),
      ]
    }),
  )
  const checks = [...judged(end, accountAddress, metricText), ...(await sums(end, accountAddress))]
  const { outcome } = status
  const lines = [
    '',
    `job ${status.id}: ${status.state}`,
    ...(outcome === undefined
      ? []
      : [
          `${end.target.metric} ${metricText(outcome.metric)} after ${counted(outcome.rounds, 'round')}, settled in block ${outcome.block}`,
          `the user owns the model: token ${outcome.token} of the ModelRegistry, file ${relative('.', model)}`,
        ]),
    '',
    ...table([['node', 'role', 'account', 'paid', 'shares', 'slashed'], ...rows], new Set()),
    '',
    ...checks.map(({ what, holds }) => `${holds ? 'ok  ' : 'FAIL'} ${what}`),
    '',
    `contracts: ${opened.place.contracts.escrow} and six others, in settlement.json`,
    '',
  ]
  return { good: checks.every(({ holds }) => holds), text: lines.join('\n') }
}

interface Check {
  readonly what: string
  readonly holds: boolean
}

/** Whether everyone was paid or slashed as expected. */
function judged(
  { status, nodes, keys, target }: DemoEnd,
  accountAddress: (key: AccountKey) => string,
  metricText: (millionths: bigint) => string,
): Check[] {
  const metric = Number(status.outcome?.metric ?? Number.NaN) / 1e6
  const sign = target.better === 'higher' ? '>=' : '<='
  const measured = status.outcome === undefined ? 'none' : metricText(status.outcome.metric)
  const paidTo = (account: string): bigint =>
    status.paid.filter((one) => one.account === account).reduce((sum, { amount }) => sum + amount, 0n)
  const lossOf = (account: string) => status.losses.filter((one) => one.account === account)
  const honest = nodes.filter(({ attack }) => attack === undefined).map(({ key }) => accountAddress(key))
  const liars = nodes.flatMap(({ attack, key }) =>
    attack === undefined ? [] : [{ name: attack.attack.name, account: accountAddress(key) }],
  )
  const user = accountAddress(keys[1]!)
  return [
    {
      what: `the job is settled and its target reached: ${target.metric} ${measured}, target ${sign} ${target.value}`,
      holds:
        status.state === 'settled' &&
        (target.better === 'higher' ? metric >= target.value : metric <= target.value),
    },
    {
      what: `the ModelRegistry names the user, ${user}, as the owner of the model`,
      holds: status.outcome?.owner === user,
    },
    {
      what: 'every honest node was paid, and none was slashed',
      holds: honest.every((account) => paidTo(account) > 0n && lossOf(account).length === 0),
    },
    ...liars.map(({ name, account }) => ({
      what: `the ${ROLES[name] ?? name} was not paid, and lost its stake${lossOf(account).map(({ why, block }) => ` (${why}, block ${block})`)}`,
      holds: paidTo(account) === 0n && lossOf(account).length > 0,
    })),
  ]
}

/** Whether the sums add up, to the last wei. */
async function sums(
  { status, nodes, opened, keys, stake }: DemoEnd,
  accountAddress: (key: AccountKey) => `0x${string}`,
): Promise<Check[]> {
  const { artifacts, feesIn } = await loadSettlement()
  const { reader, contracts } = opened.client
  const blockNumber = await reader.getBlockNumber({ cacheTime: 0 })
  const balanceOf = (address: `0x${string}`): Promise<bigint> => reader.getBalance({ address, blockNumber })
  const paid = status.paid.reduce((sum, { amount }) => sum + amount, 0n)
  const lost = status.losses.reduce((sum, { amount }) => sum + amount, 0n)
  const staked = await reader.readContract({
    address: contracts.stakes,
    abi: artifacts.StakingRegistry.abi,
    functionName: 'totalStaked',
    blockNumber,
  })
  const treasury = await balanceOf(contracts.treasury)
  const bountyShare = await reader.readContract({
    address: contracts.slashing,
    abi: artifacts.SlashingManager.abi,
    functionName: 'bountyShare',
  })
  const bounties = status.losses
    .filter(({ why }) => why === 'contradiction')
    .reduce((sum, { amount }) => sum + (amount * BigInt(bountyShare)) / 10_000n, 0n)
  const fees = await feesIn(opened.client, 1n, blockNumber)
  const accounts = keys.map(accountAddress)
  let all = 0n
  for (const address of [...accounts, ...Object.values(contracts)]) all += await balanceOf(address)
  const burnt = [...fees.values()].reduce((sum, fee) => sum + fee, 0n)
  const beginning = BigInt(accounts.length) * BEGINNING
  return [
    {
      what: `budget: ${coinsText(status.budget)} = ${coinsText(paid)} paid + ${coinsText(status.returned)} returned to the user`,
      holds: status.budget === paid + status.returned,
    },
    {
      what: `stakes: ${coinsText(BigInt(nodes.length) * stake)} = ${coinsText(staked)} still staked + ${coinsText(lost)} slashed`,
      holds: BigInt(nodes.length) * stake === staked + lost,
    },
    {
      what: `slashed: ${coinsText(lost)} = ${coinsText(treasury)} in the treasury + ${coinsText(bounties)} bounty for the reporter`,
      holds: lost === treasury + bounties,
    },
    {
      what: `all coins: ${coinsText(beginning)} in block 0 = ${coinsText(all)} in accounts and contracts in block ${blockNumber} + ${coinsText(burnt)} fees`,
      holds: beginning === all + burnt,
    },
  ]
}
