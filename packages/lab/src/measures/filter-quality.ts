import { listPreAggregators, listRules } from '@tempered/robust-agg'
import type { ReportedRound } from '../events/reported-round.js'
import type { NamedRule } from '../text/rule-text.js'
import { share } from './statistics.js'

/** Models that reached honest nodes, by who sent them and what became of them. */
export interface VerdictCounts {
  hostile: number
  hostileRefused: number
  honest: number
  honestRefused: number
  /** Sum of the attackers' weights in the aggregates. */
  hostileWeight: number
  /** Rounds of honest nodes that an attacker's model reached. */
  attackedRounds: number
}

/**
 * Rates in [0, 1]; null where nothing arrived that they could be measured by. Precision and recall are null too where the
 * rule weighs all models instead of refusing some (`RuleInfo.weighsAll`): what it refuses nobody could take, or there were
 * too few models for it.
 */
export interface FilterQuality {
  /** Of the models that honest nodes refused, the share that came from attackers. */
  readonly precision: number | null
  /** Of the attackers' models that reached honest nodes, the share that was refused. */
  readonly recall: number | null
  /** Of all models that reached honest nodes, the share that was accepted. */
  readonly acceptance: number | null
  /** Of the honest models that reached honest nodes, the share that was refused. */
  readonly honestRefused: number | null
  /**
   * Weight of the attackers' models in an honest node's aggregate, mean over the rounds that any of them reached. Rules
   * by coordinate have no weights and count every model alike.
   */
  readonly hostileWeight: number | null
}

/**
 * Counts the verdicts of honest nodes' reports. A model that never arrived got no verdict and is not counted.
 * What an attacker sends in rounds in which it does not attack is honest.
 */
export function countVerdicts(
  reports: Iterable<ReportedRound>,
  isHostile: (peer: string, round: number) => boolean,
): VerdictCounts {
  const counts: VerdictCounts = {
    hostile: 0,
    hostileRefused: 0,
    honest: 0,
    honestRefused: 0,
    hostileWeight: 0,
    attackedRounds: 0,
  }
  for (const report of reports) {
    const before = counts.hostile
    for (const neighbour of report.neighbours) {
      if (neighbour.arrival === null) continue
      const kind = isHostile(neighbour.peer, report.round) ? 'hostile' : 'honest'
      counts[kind] += 1
      if (!neighbour.accepted) counts[`${kind}Refused`] += 1
      if (kind === 'hostile') counts.hostileWeight += neighbour.weight
    }
    if (counts.hostile > before) counts.attackedRounds += 1
  }
  return counts
}

/**
 * Whether a rule weighs all models instead of refusing some (`RuleInfo.weighsAll`), and no pre-aggregator before it
 * refuses any.
 */
export function weighsAll({ name, pre = [] }: NamedRule): boolean {
  const isWeighing = listRules().some((rule) => rule.name === name && rule.weighsAll)
  const refusing = new Set(listPreAggregators().flatMap((info) => (info.refuses ? [info.name] : [])))
  return isWeighing && !pre.some((step) => refusing.has(step.name))
}

/** @param weighsAll - whether the rule that gave the verdicts weighs all models instead of refusing some */
export function filterQuality(counts: VerdictCounts, weighsAll: boolean): FilterQuality {
  const { hostile, hostileRefused, honest, honestRefused, hostileWeight, attackedRounds } = counts
  const refused = hostileRefused + honestRefused
  return {
    precision: weighsAll ? null : share(hostileRefused, refused),
    recall: weighsAll ? null : share(hostileRefused, hostile),
    acceptance: share(hostile + honest - refused, hostile + honest),
    honestRefused: share(honestRefused, honest),
    hostileWeight: share(hostileWeight, attackedRounds),
  }
}
