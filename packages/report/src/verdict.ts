import { type Estimate, metricText, type Tradeoff } from '@tempered/lab/measures'
import { counted } from '@tempered/lab/text'
import type { Metric } from '@tempered/train'
import type { AttackerGroup } from './attacker-count.js'

/** The part of a report that its first sentences need. */
export interface VerdictInput {
  readonly nodes: number
  readonly rounds: number
  readonly seeds: number
  readonly attackers: readonly AttackerGroup[]
  readonly rule: string
  readonly metric: Metric
  /** The metric at the worst honest node, null where there is no run of that kind. */
  readonly attacked: Estimate | null
  readonly undefended: Estimate | null
  readonly honest: Estimate | null
  readonly baseline: Estimate | null
  readonly balance: Tradeoff | null
  /** The worst honest node under attack with the scenario's other rules. */
  readonly others?: readonly { readonly rule: string; readonly attacked: Estimate }[]
}

/** A run in plain words: the attack, the benefit of the defence and its cost. */
export function verdictText(input: VerdictInput): string {
  return [attackText(input), benefitText(input), costText(input), othersText(input)]
    .filter((text) => text !== '')
    .join(' ')
}

function attackText({ nodes, attackers, rounds, seeds }: VerdictInput): string {
  const span = `over ${counted(rounds, 'round')}${seeds > 1 ? ` and ${seeds} seeds` : ''}`
  const count = attackers.reduce((sum, group) => sum + group.count, 0)
  if (count === 0)
    return `${nodes === 1 ? 'The only node did not attack' : `None of the ${nodes} nodes attacked`} ${span}.`
  const by = attackers
    .map(({ attack, rounds, count: some, names }) => {
      const who =
        names.length === 0 || names.length > 4
          ? `${counted(some, 'node')}${names.length === 0 ? ' drawn for each run' : ''}`
          : list(names)
      return `${attack} (${who}${rounds === null ? '' : `, ${windowText(rounds)}`})`
    })
    .join(' and ')
  return `${count} of ${nodes} nodes attacked with ${by}, ${span}.`
}

function windowText({ from, to }: NonNullable<AttackerGroup['rounds']>): string {
  if (to === null) return `from round ${from} on`
  return from === to ? `in round ${from}` : `in rounds ${from} to ${to}`
}

function benefitText({ rule, attacked, undefended, balance, metric }: VerdictInput): string {
  const value = (estimate: Estimate): string => metricText(metric, estimate.mean)
  const gained = balance?.benefit.worstGained ?? null
  if (attacked === null)
    return undefended === null
      ? ''
      : `Under plain averaging the worst honest node ended at ${value(undefended)}.`
  if (undefended !== null && gained === null && (balance?.unequalSeeds.length ?? 0) > 0)
    return `With ${rule} the worst honest node ended at ${value(attacked)}, under plain averaging at ${value(undefended)}; the runs were scored after different rounds and are not compared.`
  if (undefended === null || gained === null)
    return `With ${rule} the worst honest node ended at ${value(attacked)}; there is no undefended run to compare it with.`
  const ends = `the worst honest node ended at ${value(attacked)} instead of the ${value(undefended)} of plain averaging`
  const change =
    metric.unit === 'share'
      ? `${amount(metric, Math.abs(gained.mean))} ${gained.mean < 0 ? 'lost' : 'gained'}`
      : `${amount(metric, Math.abs(gained.mean))} ${gained.mean < 0 ? 'worse' : 'better'}`
  if (isUnclear(gained)) return `With ${rule}, ${ends}: ${change}, but the seeds do not agree on the sign.`
  if (gained.mean <= 0) return `With ${rule}, ${ends}: ${change}; the defence did not help.`
  return `With ${rule}, ${ends}: ${change}.`
}

function costText({ rule, attacked, honest, baseline, balance, metric }: VerdictInput): string {
  const value = (estimate: Estimate): string => metricText(metric, estimate.mean)
  const lost = balance?.cost.worstLost ?? null
  const refused = balance?.cost.honestRefused ?? balance?.cost.honestRefusedAttacked ?? null
  const refusing =
    refused === null
      ? ''
      : `it rejected ${share(refused.mean)} of the honest models that reached honest nodes`
  if (lost !== null) {
    const price = `Without attackers it ${priceText(lost, metric)}`
    return `${price}${refusing === '' ? '' : `; ${refusing}`}.`
  }
  if (attacked !== null && refusing !== '') return `Under attack ${refusing}.`
  if (honest !== null)
    return `With ${rule} the worst honest node ended at ${value(honest)}${refusing === '' ? '' : `; ${refusing}`}.`
  if (baseline !== null && attacked === null)
    return `Under plain averaging the worst honest node ended at ${value(baseline)}.`
  return ''
}

function othersText({ others = [], metric }: VerdictInput): string {
  if (others.length === 0) return ''
  const ends = others.map(({ rule, attacked }) => `${metricText(metric, attacked.mean)} with ${rule}`)
  return `Under attack the worst honest node ended at ${list(ends)}.`
}

function priceText(lost: Estimate, metric: Metric): string {
  const unclear = isUnclear(lost) ? ', though the seeds do not agree on the sign' : ''
  // What shows as nothing, costs nothing.
  const least = metric.unit === 'share' ? 0.0005 : 1e-9
  if (lost.mean >= least) return `cost ${amount(metric, lost.mean)} at the worst honest node${unclear}`
  if (lost.mean <= -least)
    return `cost nothing at the worst honest node (${amount(metric, -lost.mean)} better${unclear})`
  return 'cost nothing at the worst honest node'
}

function isUnclear({ low, high }: Estimate): boolean {
  return low !== null && high !== null && low < 0 && high > 0
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`
}

/** A difference: percentage points, or the metric's own numbers with its name. */
function amount(metric: Metric, value: number): string {
  return metric.unit === 'share'
    ? `${(100 * value).toFixed(1)} points`
    : `${metric.label} ${Number(value.toPrecision(3))}`
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
