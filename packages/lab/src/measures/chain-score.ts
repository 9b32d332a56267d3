import type { ReportedRound } from '../events/reported-round.js'
import type { ChainScore } from './run-score.js'
import { mean } from './statistics.js'

/**
 * What the common chain of a run cost, from the reports of each honest node and of all nodes; undefined for runs without
 * one.
 */
export function chainScore(
  honest: readonly (readonly ReportedRound[])[],
  all: readonly ReportedRound[],
  attackers: ReadonlySet<string>,
): ChainScore | undefined {
  const costs = honest.flat().flatMap(({ chain }) => (chain === undefined ? [] : [chain]))
  if (costs.length === 0) return undefined
  const seconds = (of: (one: (typeof costs)[number]) => number | null): number | null => {
    const known = mean(costs.map(of).filter((ms) => ms !== null))
    return known === null ? null : known / 1000
  }
  const rounds = new Set(all.map(({ round }) => round)).size
  const hashes = all.reduce((sum, { chain }) => sum + (chain?.hashes ?? 0), 0)
  const authors = costs.flatMap((one) => one.authors)
  return {
    secondsToAgree: seconds(({ agreeMs }) => agreeMs),
    secondsToFinal: seconds(({ finalMs }) => finalMs),
    blocksWasted: (mean(honest.map((reports) => reports.at(-1)?.chain?.wasted ?? 0)) ?? 0) / rounds,
    hashesPerRound: hashes / rounds,
    attackerBlocks: mean(authors.map((author) => Number(attackers.has(author)))),
  }
}
