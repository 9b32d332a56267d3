import { judgedModels } from '@tempered/node'
import { longestSeries } from './longest-series.js'
import { byzantineOf, honestNodes, type RunRecord } from './run-record.js'

/** An honest node that its rule, or the rule of all its neighbours, has shut out. */
export interface IsolatedNode {
  readonly node: string
  /**
   * `refuses-all`: it refused everything that arrived. `refused-by-all`: everyone who received its model refused it.
   * `refused-by-group`: in private rounds, the rule that its group weighs models by.
   */
  readonly how: 'refuses-all' | 'refused-by-all' | 'refused-by-group'
  /** Longest series of rounds in a row, from 0, both ends included. */
  readonly from: number
  readonly to: number
}

/** Shorter series are not reported. */
const LEAST_ROUNDS = 3

/** The honest nodes that were shut out for three rounds in a row or more, in order of nodes. */
export function isolatedNodes(record: RunRecord): IsolatedNode[] {
  const isByzantine = byzantineOf(record)
  /** By receiver, then by sender: what became of each honest sender's model, by round. */
  const refusing = new Map<string, Map<number, boolean>>()
  const refused = new Map<string, Map<number, boolean>>()
  const note = (
    verdicts: Map<string, Map<number, boolean>>,
    peer: string,
    round: number,
    no: boolean,
  ): void => {
    const rounds = verdicts.get(peer) ?? new Map<number, boolean>()
    verdicts.set(peer, rounds.set(round, no && (rounds.get(round) ?? true)))
  }
  const honest = honestNodes(record)
  let isPrivate = false
  for (const receiver of honest) {
    for (const { report } of record.records[receiver.index]?.rounds ?? []) {
      isPrivate ||= report.privacy !== undefined
      for (const { peer, arrived, accepted } of judgedModels(report)) {
        if (!arrived || isByzantine(peer, report.round)) continue
        note(refusing, receiver.peer, report.round, !accepted)
        note(refused, peer, report.round, !accepted)
      }
    }
  }
  return honest.flatMap(({ name, peer }): IsolatedNode[] => {
    const refusesAll = longestSeries(refusing.get(peer), LEAST_ROUNDS)
    if (refusesAll !== undefined) return [{ node: name, how: 'refuses-all', ...refusesAll }]
    const refusedByAll = longestSeries(refused.get(peer), LEAST_ROUNDS)
    const how = isPrivate ? 'refused-by-group' : 'refused-by-all'
    return refusedByAll === undefined ? [] : [{ node: name, how, ...refusedByAll }]
  })
}
