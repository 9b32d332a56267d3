import type { MetricView } from './report-data.js'

/** The data of a matrix page, embedded as JSON. */
export interface MatrixData {
  readonly kind: 'matrix'
  /** By which nodes are judged; missing where it is accuracy. */
  readonly metric?: MetricView
  readonly rules: readonly string[]
  readonly attacks: readonly string[]
  /** Axes with a choice, in this order; values as text. */
  readonly choices: readonly ChoiceView[]
  readonly measures: readonly MeasureView[]
  readonly groups: readonly GroupView[]
}

export interface ChoiceView {
  readonly axis: string
  readonly values: readonly string[]
}

export interface MeasureView {
  readonly name: string
  readonly label: string
  readonly unit: 'share' | 'bytes' | 'seconds' | 'milliseconds' | 'number' | 'count'
  /** The better direction; null where there is none. */
  readonly better: 'high' | 'low' | null
}

/** All seeds of one combination. */
export interface GroupView {
  readonly rule: string
  readonly attack: string
  /** Values of the choices, in their order. */
  readonly at: readonly string[]
  readonly done: number
  readonly failed: number
  readonly missing: number
  /** First error of the seeds that failed. */
  readonly error: string | null
  /** By name of the measure: mean, low and high ends of the interval (null without one). */
  readonly measures: Readonly<Record<string, readonly [number, number | null, number | null]>>
  /** By how much the metric of the worst honest node is worse than with plain averaging, with no attacker; null where a run is missing. */
  readonly lost: readonly [number, number | null, number | null] | null
  /** Honest models refused with no attacker. */
  readonly refused: readonly [number, number | null, number | null] | null
}
