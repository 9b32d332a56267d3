import { counted } from '@tempered/errors'
import { HIGH_LOSS_ROUNDS } from '@tempered/node'
import { ranges } from '../text/ranges.js'
import { longestSeries, type RoundSeries } from './longest-series.js'
import { type FailedNode, honestNodes, type RunRecord } from './run-record.js'

/** Nodes whose training diverged: to a model that is not finite, or to a loss far above that of guessing. */

const DIVERGED = 'E_DIVERGED'

export function isDivergence({ code }: Pick<FailedNode, 'code'>): boolean {
  return code === DIVERGED
}

/** Names that are listed; there may be thousands. */
const MOST_NAMES = 8

/** `node-00, node-02 and 5 more`. */
function namesText(names: readonly string[]): string {
  const listed = names.slice(0, MOST_NAMES).join(', ')
  return names.length > MOST_NAMES ? `${listed} and ${names.length - MOST_NAMES} more` : listed
}

/** One sentence about all nodes of a run whose training diverged, with what to do; undefined if there are none. */
export function divergenceText(failed: readonly FailedNode[]): string | undefined {
  const diverged = failed.filter(isDivergence)
  const [first] = diverged
  if (first === undefined) return undefined
  const rounds = [...new Set(diverged.flatMap(({ round }) => (round === undefined ? [] : [round + 1])))]
  const when = rounds.length === 0 ? '' : ` in ${roundsText(rounds.sort((a, b) => a - b))}`
  const names = diverged.map(({ node }) => node).sort()
  return `training diverged${when} at ${namesText(names)}: ${causeOf(first.message)}`
}

function roundsText(rounds: readonly number[]): string {
  return `${rounds.length === 1 ? 'round' : 'rounds'} ${ranges(rounds)}`
}

/** The message of a node begins with what it found, which differs from node to node; cause and remedy follow. */
function causeOf(message: string): string {
  const end = message.indexOf('. ')
  const cause = end < 0 ? message : message.slice(end + 2)
  return cause.charAt(0).toLowerCase() + cause.slice(1)
}

/** An honest node whose training loss stayed far above that of guessing. */
export interface HighLossNode extends RoundSeries {
  readonly node: string
  /** The largest loss in that series. */
  readonly loss: number
}

/** The honest nodes that trained in vain for three rounds in a row or more, in order of nodes. */
export function highLossNodes(record: RunRecord): HighLossNode[] {
  const limit = record.taskFacts?.highLoss
  if (limit === undefined) return []
  return honestNodes(record).flatMap(({ name, index }): HighLossNode[] => {
    const losses = new Map(
      record.records[index]?.rounds.flatMap(({ report: { round, trainingLoss } }) =>
        trainingLoss === null ? [] : [[round, trainingLoss] as const],
      ),
    )
    const high = new Map([...losses].map(([round, loss]) => [round, loss > limit]))
    const series = longestSeries(high, HIGH_LOSS_ROUNDS)
    if (series === undefined) return []
    const within = [...losses].filter(([round]) => round >= series.from && round <= series.to)
    return [{ node: name, ...series, loss: Math.max(...within.map(([, loss]) => loss)) }]
  })
}

/** One sentence about all of them, with what to do; undefined if there are none. */
export function highLossText(nodes: readonly HighLossNode[], isAttacked: boolean): string | undefined {
  if (nodes.length === 0) return undefined
  const from = Math.min(...nodes.map((one) => one.from)) + 1
  const to = Math.max(...nodes.map((one) => one.to)) + 1
  const loss = Math.max(...nodes.map((one) => one.loss))
  return (
    `the training loss of ${counted(nodes.length, 'honest node')} (${namesText(nodes.map(({ node }) => node))}) stayed more than ten times ` +
    `above that of guessing in rounds ${from} to ${to}, up to ${Number(loss.toPrecision(3))}: ${highLossRemedy(isAttacked)}`
  )
}

/** What to do about it: attackers may be the cause, where there are some. */
export function highLossRemedy(isAttacked: boolean): string {
  return isAttacked
    ? 'the models of the attackers get into the aggregate, or the learning rate is too high; use a stronger rule, or lower training.learningRate in a new run'
    : 'the learning rate is too high; lower training.learningRate in a new run'
}
