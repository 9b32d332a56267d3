import { judgedModels } from '@tempered/node'
import { listPreAggregators, listRules } from '@tempered/robust-agg'
import type { ReportedRound } from '../events/reported-round.js'
import type { NamedRule, PrivateRounds } from '../text/rule-text.js'
import { share } from './statistics.js'

/** Models that reached honest nodes, by sender and verdict. */
export interface VerdictCounts {
  byzantine: number
  byzantineRefused: number
  honest: number
  honestRefused: number
  /** Sum of the attackers' weights in the aggregates. */
  byzantineWeight: number
  /** Rounds of honest nodes that an attacker's model reached. */
  attackedRounds: number
}

/**
 * Rates in [0, 1]; null where no model arrived to measure them on. Precision and recall are also null where the rule
 * weighs all models instead of refusing some (`RuleInfo.weighsAll`): it only refuses models that no rule could accept,
 * or too few models arrived for it.
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
   * Weight of the attackers' models in an honest node's aggregate, mean over the rounds that any of them reached.
   * Coordinate-wise rules have no weights and count all models equally.
   */
  readonly hostileWeight: number | null
}

/**
 * Counts the verdicts of honest nodes' reports. A model that never arrived got no verdict and is not counted.
 * What an attacker sends in rounds in which it does not attack is honest.
 */
export function countVerdicts(
  reports: Iterable<ReportedRound>,
  isByzantine: (peer: string, round: number) => boolean,
): VerdictCounts {
  const counts: VerdictCounts = {
    byzantine: 0,
    byzantineRefused: 0,
    honest: 0,
    honestRefused: 0,
    byzantineWeight: 0,
    attackedRounds: 0,
  }
  for (const report of reports) {
    const before = counts.byzantine
    for (const neighbour of judgedModels(report)) {
      if (!neighbour.arrived) continue
      const kind = isByzantine(neighbour.peer, report.round) ? 'byzantine' : 'honest'
      counts[kind] += 1
      if (!neighbour.accepted) counts[`${kind}Refused`] += 1
      if (kind === 'byzantine') counts.byzantineWeight += neighbour.weight
    }
    if (counts.byzantine > before) counts.attackedRounds += 1
  }
  return counts
}

/**
 * Whether a rule weighs all models instead of refusing some (`RuleInfo.weighsAll`), and no pre-aggregator before it
 * refuses any.
 *
 * @param privacy - of a private run
 */
export function weighsAll({ name, pre = [] }: NamedRule, privacy?: PrivateRounds): boolean {
  // In a private run the verdicts are those of its group, which refuse models that the rule gives no weight, if there is one.
  if (privacy !== undefined) return privacy.rule === undefined || privacy.rule.name === 'geometric-median'
  const isWeighing = listRules().some((rule) => rule.name === name && rule.weighsAll)
  const refusing = new Set(listPreAggregators().flatMap((info) => (info.refuses ? [info.name] : [])))
  return isWeighing && !pre.some((step) => refusing.has(step.name))
}

/** @param weighsAll - whether the rule that gave the verdicts weighs all models instead of refusing some */
export function filterQuality(counts: VerdictCounts, weighsAll: boolean): FilterQuality {
  const { byzantine, byzantineRefused, honest, honestRefused, byzantineWeight, attackedRounds } = counts
  const refused = byzantineRefused + honestRefused
  return {
    precision: weighsAll ? null : share(byzantineRefused, refused),
    recall: weighsAll ? null : share(byzantineRefused, byzantine),
    acceptance: share(byzantine + honest - refused, byzantine + honest),
    honestRefused: share(honestRefused, honest),
    hostileWeight: share(byzantineWeight, attackedRounds),
  }
}
