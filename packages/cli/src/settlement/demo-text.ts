import { relative } from 'node:path'
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
  /** File of the model that the user has got. */
  readonly model: string
  readonly nodes: readonly DemoNode[]
  readonly opened: OpenedSettlement
  readonly target: Target
  /** Of all accounts that had coins at the beginning. */
  readonly keys: readonly AccountKey[]
  /** Of each node, in wei. */
  readonly stake: bigint
}

/** What each account of a local chain has at the beginning, in wei. */
const BEGINNING = 10_000n * 10n ** 18n

/** What came of the demonstration, read from the chain, and whether it is what should have come. */
export async function demoText(end: DemoEnd): Promise<{ readonly good: boolean; readonly text: string }> {
  const { status, model, nodes, opened } = end
  const { accountAddress } = await loadSettlement()
  const rows = await Promise.all(
    nodes.map(async ({ name, key, attack, folder }) => {
      const account = accountAddress(key)
      const { signer } = await readIdentityFile(`${folder}/identity.key`)
      const bound = status.members.find((one) => one.account === account)?.peerId
      return [
        name,
        attack?.attack.name ?? 'honest',
        bound === signer.peerId ? account : 'not bound',
        ...sumsOf(status, account, coinsText),
      ]
    }),
  )
  const checks = [...judged(end, accountAddress), ...(await sums(end, accountAddress))]
  const { outcome } = status
  const lines = [
    '',
    `job ${status.id}: ${status.state}`,
    ...(outcome === undefined
      ? []
      : [
          `${Number(outcome.metric) / 1e6} after ${outcome.rounds} rounds, settled in block ${outcome.block}`,
          `the model is the user's: token ${outcome.token} of the ModelRegistry, and ${relative('.', model)}`,
        ]),
    '',
    ...table([['node', 'does', 'account', 'paid', 'shares', 'lost'], ...rows], new Set()),
    '',
    ...checks.map(({ what, holds }) => `${holds ? 'ok ' : 'NO '} ${what}`),
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

/** Whether everybody got what it deserved. */
function judged(
  { status, nodes, keys, target }: DemoEnd,
  accountAddress: (key: AccountKey) => string,
): Check[] {
  const metric = Number(status.outcome?.metric ?? Number.NaN) / 1e6
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
      what: `the job is settled, and its target reached: ${target.metric} ${metric}, wanted ${target.value}`,
      holds:
        status.state === 'settled' &&
        (target.better === 'higher' ? metric >= target.value : metric <= target.value),
    },
    {
      what: `the registry says that the model is the user's, ${user}`,
      holds: status.outcome?.owner === user,
    },
    {
      what: 'every honest node was paid, and lost nothing',
      holds: honest.every((account) => paidTo(account) > 0n && lossOf(account).length === 0),
    },
    ...liars.map(({ name, account }) => ({
      what: `the ${name} was not paid, and lost its stake${lossOf(account).map(({ why, block }) => ` (${why}, block ${block})`)}`,
      holds: paidTo(account) === 0n && lossOf(account).length > 0,
    })),
  ]
}

/** Whether the sums come out, to the last wei. */
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
      what: `budget ${status.budget} = paid ${paid} + back to the user ${status.returned} wei`,
      holds: status.budget === paid + status.returned,
    },
    {
      what: `stakes of ${BigInt(nodes.length) * stake} = still staked ${staked} + lost ${lost} wei`,
      holds: BigInt(nodes.length) * stake === staked + lost,
    },
    {
      what: `lost ${lost} = treasury ${treasury} + bounty of whoever brought the evidence ${bounties} wei`,
      holds: lost === treasury + bounties,
    },
    {
      what: `all coins of block 0, ${beginning} = all accounts and contracts in block ${blockNumber}, ${all} + fees ${burnt} wei`,
      holds: beginning === all + burnt,
    },
  ]
}
