/** Parameters of rules, attacks and topologies: their documentation, defaults and checks in one place. */

import { RobustAggError } from './errors.js'
import { hint, nearestName } from './nearest-name.js'

export type Parameters = Readonly<Record<string, number>>

export interface ParameterInfo {
  readonly name: string
  /** Used when the parameter is left out; null: no fixed default, `meaning` says what then happens. */
  readonly default: number | null
  /** True: leaving it out is an error. */
  readonly required: boolean
  readonly min: number
  readonly max: number
  /** True: `min` itself is not allowed. */
  readonly aboveMin: boolean
  /** True: whole numbers only. */
  readonly integer: boolean
  readonly meaning: string
}

/** A parameter as it is described: what is left out is not required, has no default, and may be any number in its range. */
export type ParameterDraft = Pick<ParameterInfo, 'name' | 'min' | 'max' | 'meaning'> & Partial<ParameterInfo>

/** Fills in the rarely used fields of a parameter's description. */
export function parameter(draft: ParameterDraft): ParameterInfo {
  return { default: null, required: false, aboveMin: false, integer: false, ...draft }
}

/** The range in words, e.g. `a number in (0, 1]`. */
export function describeRange(info: ParameterInfo): string {
  const kind = info.integer ? 'a whole number' : 'a number'
  return `${kind} in ${info.aboveMin ? '(' : '['}${info.min}, ${info.max}]`
}

/**
 * The given values with defaults filled in; keys without a value and without a default stay absent.
 *
 * @param owner - whose parameters these are, for messages, e.g. `rule 'krum'`
 * @throws RobustAggError E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE or E_MISSING_PARAMETER
 */
export function resolveParameters(
  owner: string,
  infos: readonly ParameterInfo[],
  given: Parameters = {},
): Parameters {
  const known = infos.map((info) => info.name)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const nearest = nearestName(name, known)
    throw new RobustAggError(
      'E_UNKNOWN_PARAMETER',
      `${owner} has no parameter '${name}'.${hint(nearest, known)}`,
      { owner, parameter: name, nearest, known },
    )
  }
  const resolved: Record<string, number> = {}
  for (const info of infos) {
    const value: unknown = Object.hasOwn(given, info.name) ? given[info.name] : undefined
    if (value === undefined) {
      if (info.required) {
        throw new RobustAggError(
          'E_MISSING_PARAMETER',
          `${owner} needs '${info.name}': ${info.meaning}; give ${describeRange(info)}.`,
          { owner, parameters: [info.name] },
        )
      }
      if (info.default !== null) resolved[info.name] = info.default
      continue
    }
    if (!isInRange(info, value)) {
      const range = describeRange(info)
      throw new RobustAggError(
        'E_PARAMETER_RANGE',
        `${owner}: '${info.name}' is ${String(value)}, but must be ${range} (${info.meaning}).`,
        { owner, parameter: info.name, value, range },
      )
    }
    resolved[info.name] = value
  }
  return Object.freeze(resolved)
}

function isInRange(info: ParameterInfo, value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false
  if (info.integer && !Number.isInteger(value)) return false
  return (info.aboveMin ? value > info.min : value >= info.min) && value <= info.max
}
