import type { Metric } from '@tempered/train'
import { type Estimate, estimate } from './bootstrap.js'
import type { Measures } from './catalogue.js'
import { ACCURACY_FACTS } from './task-facts.js'

/**
 * The benefit and the cost of a defence. Each figure is a difference or ratio of two runs with the same seed, then the
 * mean over seeds; null where one of the two runs is missing. Metrics and attack success are compared only if both
 * runs were scored after the same round.
 */
export interface Tradeoff {
  readonly rule: string
  /** By which the runs were judged. */
  readonly metric: Metric
  /** Seeds of which two runs were scored after different rounds, so that these runs are not compared. */
  readonly unequalSeeds: readonly number[]
  readonly benefit: {
    /** By how much the metric of the worst honest node is better under attack, defended instead of undefended. */
    readonly worstGained: Estimate | null
    /** The same for the mean of the honest nodes. */
    readonly meanGained: Estimate | null
    /** Attack success rate of a backdoor, undefended − defended; in [−1, 1], higher is better. */
    readonly asrPrevented: Estimate | null
  }
  readonly cost: {
    /** By how much it is worse with no attacker, defended instead of plainly averaged. */
    readonly worstLost: Estimate | null
    readonly meanLost: Estimate | null
    /** Of the honest models that reached honest nodes, the share refused with no attacker; in [0, 1]. */
    readonly honestRefused: Estimate | null
    /** The same under attack. */
    readonly honestRefusedAttacked: Estimate | null
    /** Defended / plain averaging; 1 when the defence is free. */
    readonly bytesRatio: Estimate | null
    readonly secondsRatio: Estimate | null
    /**
     * Computation time of the rule per node and round in milliseconds, and that of plain averaging; real even in
     * simulations.
     */
    readonly ruleMs: Estimate | null
    readonly plainMs: Estimate | null
    /** The runs whose bytes and seconds are compared: without attackers if both exist, otherwise with them. */
    readonly comparedWith: 'no attacker' | 'attackers' | null
  }
}

/** One run of a variant. */
export interface SeedRun {
  readonly measures: Measures
  /** Round (from 0) after which it was scored; undefined where it was not recorded. */
  readonly scoredRound?: number | null | undefined
}

/** The runs of one variant by seed. */
export type BySeed = ReadonlyMap<number, SeedRun>

export interface BalanceInput {
  readonly rule: string
  /** By which the runs are judged; default: accuracy. */
  readonly metric?: Metric | undefined
  /** Attackers, with the defence. */
  readonly attacked?: BySeed | undefined
  /** No attackers, with the defence. */
  readonly honest?: BySeed | undefined
  /** Attackers, plain averaging. */
  readonly undefended?: BySeed | undefined
  /** No attackers, plain averaging. */
  readonly baseline?: BySeed | undefined
}

export function tradeoffOf(input: BalanceInput): Tradeoff {
  const { rule, attacked, honest, undefended, baseline, metric = ACCURACY_FACTS.metric } = input
  // Above 0 means that a is better than b.
  const gain = (a: number | null, b: number | null): number | null =>
    metric.better === 'higher' ? difference(a, b) : difference(b, a)
  const quiet = paired(honest, baseline, (a, b) => ratio(a.secondsPerRound, b.secondsPerRound)) !== null
  const [ours, theirs] = quiet ? [honest, baseline] : [attacked, undefended]
  const bytesRatio = paired(ours, theirs, (a, b) => ratio(a.bytesPerRound, b.bytesPerRound))
  const secondsRatio = paired(ours, theirs, (a, b) => ratio(a.secondsPerRound, b.secondsPerRound))
  const compared = bytesRatio !== null || secondsRatio !== null
  return {
    rule,
    metric,
    unequalSeeds: [
      ...new Set([...unequalSeeds(attacked, undefended), ...unequalSeeds(honest, baseline)]),
    ].sort((a, b) => a - b),
    benefit: {
      worstGained: afterSameRound(attacked, undefended, (a, b) => gain(worstOf(a), worstOf(b))),
      meanGained: afterSameRound(attacked, undefended, (a, b) => gain(meanOf(a), meanOf(b))),
      asrPrevented: afterSameRound(attacked, undefended, (a, b) => difference(b.asr, a.asr)),
    },
    cost: {
      worstLost: afterSameRound(honest, baseline, (a, b) => gain(worstOf(b), worstOf(a))),
      meanLost: afterSameRound(honest, baseline, (a, b) => gain(meanOf(b), meanOf(a))),
      honestRefused: overSeeds(honest, (measures) => measures.honestRefused),
      honestRefusedAttacked: overSeeds(attacked, (measures) => measures.honestRefused),
      bytesRatio,
      secondsRatio,
      ruleMs: overSeeds(ours, ({ aggregateMs }) => aggregateMs),
      plainMs: overSeeds(theirs, ({ aggregateMs }) => aggregateMs),
      comparedWith: compared ? (quiet ? 'no attacker' : 'attackers') : null,
    },
  }
}

/** Cells of older labs have accuracies alone. */
function worstOf({ worstHonestMetric, worstHonestAccuracy }: Measures): number | null {
  return worstHonestMetric ?? worstHonestAccuracy ?? null
}

function meanOf({ meanHonestMetric, meanHonestAccuracy }: Measures): number | null {
  return meanHonestMetric ?? meanHonestAccuracy ?? null
}

/** Mean of a measure over the seeds of a variant. */
export function overSeeds(
  runs: BySeed | undefined,
  pick: (measures: Measures) => number | null,
): Estimate | null {
  return estimate(inSeedOrder(runs).map(([, { measures }]) => pick(measures)))
}

/** Mean of `compare` over the seeds that both variants have; it compares the two runs of a seed. */
function paired(
  a: BySeed | undefined,
  b: BySeed | undefined,
  compare: (a: Measures, b: Measures) => number | null,
): Estimate | null {
  return estimate(
    inSeedOrder(a).flatMap(([seed, run]) => {
      const other = b?.get(seed)
      return other === undefined ? [] : [compare(run.measures, other.measures)]
    }),
  )
}

/** The same over the seeds of which both runs were scored after the same round. */
function afterSameRound(
  a: BySeed | undefined,
  b: BySeed | undefined,
  compare: (a: Measures, b: Measures) => number | null,
): Estimate | null {
  const left = new Set(unequalSeeds(a, b))
  return paired(new Map(inSeedOrder(a).filter(([seed]) => !left.has(seed))), b, compare)
}

function unequalSeeds(a: BySeed | undefined, b: BySeed | undefined): number[] {
  return inSeedOrder(a).flatMap(([seed, { scoredRound }]) => {
    const other = b?.get(seed)?.scoredRound
    return scoredRound === undefined || other === undefined || scoredRound === other ? [] : [seed]
  })
}

function inSeedOrder(runs: BySeed | undefined): [number, SeedRun][] {
  return [...(runs ?? [])].sort(([a], [b]) => a - b)
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b
}

function ratio(a: number | null, b: number | null): number | null {
  return a === null || b === null || b === 0 ? null : a / b
}
