import { counted } from '@tempered/errors'
import { cidFromDigest, RAW } from '@tempered/protocol'
import type { JobStatus } from '@tempered/settlement'
import { table } from './table.js'

/** The state of a job, for people. `coins`: wei as text; `metric`: millionths as text. */
export function jobText(
  status: JobStatus,
  coins: (wei: bigint) => string,
  metric: (millionths: bigint) => string,
): string {
  const { id, state, user, budget, postedIn, members, outcome, returned } = status
  const lines = [`job ${id}: ${state}`, `posted by ${user} in block ${postedIn}, budget ${coins(budget)}`]
  const { target, lowerIsBetter, mostRounds, places, acceptUntil, settleUntil } = status
  const time = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString()
  lines.push(
    `target ${lowerIsBetter ? '<=' : '>='} ${metric(target)} in at most ${counted(mostRounds, 'round')}`,
    `${members.length} of ${places} members${state === 'open' ? `, accepting until ${time(acceptUntil)}` : ''}; settlement deadline ${time(settleUntil)}`,
  )
  if (outcome !== undefined)
    lines.push(
      `settled in block ${outcome.block}: ${metric(outcome.metric)} after ${counted(outcome.rounds, 'round')}, target ${(lowerIsBetter ? outcome.metric <= target : outcome.metric >= target) ? 'reached' : 'missed'}`,
      `model ${modelName(outcome.model)}, run ${outcome.run}`,
      `token ${outcome.token} of the ModelRegistry belongs to ${outcome.owner}`,
    )
  const rows = members.map(({ account, peerId }) => [
    account,
    peerId === undefined ? 'unbound' : `…${peerId.slice(-8)}`,
    ...sumsOf(status, account, coins),
  ])
  lines.push('', ...table([['member', 'peer', 'paid', 'shares', 'slashed'], ...rows], new Set()))
  if (state === 'settled' || state === 'refunded') lines.push('', `returned to the user: ${coins(returned)}`)
  return `${lines.join('\n')}\n`
}

/** Paid, shares and slashed. */
export function sumsOf(
  { outcome, paid, losses }: JobStatus,
  account: string,
  coins: (wei: bigint) => string,
): [string, string, string] {
  const got = paid.filter((one) => one.account === account)
  const lost = losses.filter((one) => one.account === account)
  const shares = outcome?.shares.find((one) => one.account === account)?.shares
  return [
    got.map(({ amount, block }) => `${coins(amount)} (block ${block})`).join(', ') || '–',
    shares === undefined ? '–' : `${Number(shares) / 10_000} %`,
    lost
      .map(({ amount, block, why, about, kind }) => {
        const what = kind === 'head' ? 'versions of ledger entry' : 'models in round'
        const reason =
          why === 'verdict' ? 'verdict by two thirds of the members' : `two ${what} ${BigInt(about) + 1n}`
        return `${coins(amount)} (block ${block}): ${reason}`
      })
      .join(', ') || '–',
  ]
}

/** The CID of a model whose digest a contract has. */
function modelName(digest: string): string {
  return cidFromDigest(RAW, Buffer.from(digest.slice(2), 'hex')).toString()
}
