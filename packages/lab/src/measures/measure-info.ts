/** Unit of a measure. It determines how values are written and which limits an assertion may have. */
export type MeasureUnit = 'share' | 'bytes' | 'seconds' | 'milliseconds' | 'number' | 'count'

/** What is needed to show a measure. */
export interface MeasureInfo {
  /** Short name, for tables and legends. */
  readonly label: string
  readonly unit: MeasureUnit
  /** Which direction is better; null where neither is. */
  readonly better: 'high' | 'low' | null
  /** How it is computed, in one sentence. */
  readonly description: string
}

/** A value of an added measure with what is needed to show it, as stored in `summary.json` under `custom`. */
export interface CustomMeasure extends MeasureInfo {
  readonly value: number | null
}
