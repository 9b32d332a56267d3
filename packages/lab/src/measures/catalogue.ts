import { LabError } from '../errors.js'
import type { Estimate } from './bootstrap.js'
import type { CustomMeasure, MeasureInfo } from './measure-info.js'
import { type BuiltInMeasure, MEASURES, type Measure } from './measures.js'
import type { RunRecord } from './run-record.js'
import type { RunScore } from './run-score.js'

/** Name of a measure: a built-in one, or one that a program or a module has added. */
export type MeasureName = BuiltInMeasure | (string & {})

/** Values by name; null where a run does not provide what it needs. */
export type Measures = Readonly<Record<BuiltInMeasure, number | null>> &
  Readonly<Record<string, number | null>>

/** Values with their intervals over seeds, by name. */
export type Estimates = Readonly<Record<BuiltInMeasure, Estimate | null>> &
  Readonly<Record<string, Estimate | null>>

const NAME = /^[A-Za-z][A-Za-z0-9]{0,39}$/
const UNITS: readonly Measure['unit'][] = ['share', 'bytes', 'seconds', 'milliseconds', 'number', 'count']

/** Added measures; those that were only read from a run folder have no computation. */
const added = new Map<string, MeasureInfo & Partial<Pick<Measure, 'of' | 'drawn'>>>()

/**
 * Adds a measure to the table, for assertions, matrices and reports of this process. Registering an added name again
 * replaces it. Throws E_CONFIG for the name of a built-in measure, and for an invalid measure.
 */
export function registerMeasure(name: string, measure: Measure): void {
  if (Object.hasOwn(MEASURES, name))
    throw new LabError('E_CONFIG', `measure ${name}: a built-in measure has this name; choose another`)
  const problem = measureProblem(name, measure)
  if (problem !== undefined) throw new LabError('E_CONFIG', `measure ${name}: ${problem}`)
  added.set(name, measure)
}

/** Why a value is not a valid measure; undefined when it is one. */
export function measureProblem(name: string, measure: Partial<Measure>): string | undefined {
  if (!NAME.test(name))
    return 'a name has at most 40 characters, only letters and digits, and begins with a letter'
  for (const key of ['label', 'description'] as const)
    if (typeof measure[key] !== 'string' || measure[key] === '')
      return `\`${key}\` must be a non-empty string`
  if (!UNITS.includes(measure.unit as Measure['unit'])) return `\`unit\` must be one of ${UNITS.join(', ')}`
  if (measure.better !== 'high' && measure.better !== 'low' && measure.better !== null)
    return "`better` must be 'high', 'low' or null"
  return typeof measure.of === 'function' ? undefined : '`of(score, record)` must be a function'
}

/**
 * Registers an added measure from its description in a run folder, unless this process already has it. Returns whether
 * it can be shown.
 */
export function describeMeasure(name: string, info: Partial<CustomMeasure> | null): boolean {
  if (added.has(name)) return true
  const { label, unit, better, description } = info ?? {}
  const isShown = typeof label === 'string' && typeof description === 'string' && NAME.test(name)
  if (!isShown || Object.hasOwn(MEASURES, name) || unit === undefined || !UNITS.includes(unit)) return false
  added.set(name, { label, unit, better: better ?? null, description })
  return true
}

/** All names: built-in measures in the order of the table, then added ones. */
export function measureNames(): MeasureName[] {
  return [...Object.keys(MEASURES), ...added.keys()]
}

/** Throws RangeError for a name that is not in the table; `measureNames` has them all. */
export function measureInfo(name: MeasureName): MeasureInfo & Partial<Pick<Measure, 'drawn'>> {
  const measure = Object.hasOwn(MEASURES, name) ? MEASURES[name as BuiltInMeasure] : added.get(name)
  if (measure === undefined) throw new RangeError(`there is no measure ${name}`)
  return measure
}

/** All measures of a run, including added ones. */
export function measuresOf(score: RunScore): Measures {
  const values: Record<string, number | null> = {}
  for (const [name, { of }] of Object.entries(MEASURES)) values[name] = of(score)
  for (const [name, { value }] of Object.entries(score.custom ?? {})) values[name] = value
  return values as Measures
}

/** Values of the added measures for a run; undefined when there are none. */
export function customMeasures(
  score: RunScore,
  record: RunRecord,
): Readonly<Record<string, CustomMeasure>> | undefined {
  const values: Record<string, CustomMeasure> = {}
  for (const [name, measure] of added) {
    if (measure.of === undefined) continue
    const { label, unit, better, description } = measure
    values[name] = { label, unit, better, description, value: checkedValue(name, measure.of, score, record) }
  }
  return Object.keys(values).length === 0 ? undefined : values
}

function checkedValue(name: string, of: Measure['of'], score: RunScore, record: RunRecord): number | null {
  let value: unknown
  try {
    value = of(score, record)
  } catch (cause) {
    const message = `measure ${name} threw: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new LabError('E_CONFIG', message, {}, cause)
  }
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new LabError(
    'E_CONFIG',
    `measure ${name} returned ${String(value)}; a finite number or null is expected`,
  )
}
