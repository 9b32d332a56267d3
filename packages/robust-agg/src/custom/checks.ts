/** Checks that all foreign code shares: what it must export, and what it may return. */

import { RobustAggError } from '../errors.js'
import { type ParameterDraft, type ParameterInfo, parameter } from '../parameters.js'

export type CustomKind = 'rule' | 'pre-aggregator' | 'attack' | 'topology'

/** Throws E_CUSTOM: something about code that a program or a module has registered. */
export function customError(
  kind: CustomKind,
  name: string,
  problem: string,
  cause?: unknown,
): RobustAggError {
  return new RobustAggError('E_CUSTOM', `${kind} '${name}': ${problem}`, { kind, name, problem }, cause)
}

/** Lower-case words with dashes; behind an @ may follow the hash of the module that it comes from. */
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*(@[0-9a-f]{8,64})?$/
/** As long as a run manifest allows. */
const MAX_NAME = 64

export function checkName(kind: CustomKind, name: unknown, taken: ReadonlySet<string>): string {
  if (typeof name !== 'string' || !NAME.test(name) || name.length > MAX_NAME)
    throw customError(
      kind,
      String(name),
      `\`name\` must be lower-case words with dashes, at most ${MAX_NAME} characters.`,
    )
  if (taken.has(name)) throw customError(kind, name, 'a built-in one has this name; choose another.')
  return name
}

/** Throws E_CUSTOM unless a field is a function, or is left out where that is allowed. */
export function requireFunction(
  kind: CustomKind,
  name: string,
  field: string,
  value: unknown,
  optional = false,
): void {
  if (typeof value === 'function' || (optional && value === undefined)) return
  const found = value === undefined ? 'is missing' : `is ${typeof value}`
  throw customError(kind, name, `\`${field}\` must be a function; it ${found}.`)
}

export function checkParameters(
  kind: CustomKind,
  name: string,
  drafts: readonly ParameterDraft[] = [],
): readonly ParameterInfo[] {
  if (!Array.isArray(drafts)) throw customError(kind, name, '`params` must be a list.')
  return drafts.map((draft: ParameterDraft, k) => {
    const info = parameter({ ...draft })
    const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
    if (typeof info.name !== 'string' || typeof info.meaning !== 'string')
      throw customError(kind, name, `params[${k}] needs \`name\` and \`meaning\`.`)
    if (!isNumber(info.min) || !isNumber(info.max) || info.min > info.max)
      throw customError(kind, name, `params[${k}] (${info.name}) needs numbers \`min\` ≤ \`max\`.`)
    return info
  })
}

/** Runs foreign code; what it throws becomes E_CUSTOM. */
export function callCustom<T>(kind: CustomKind, name: string, what: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof RobustAggError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw customError(kind, name, `${what} threw: ${message}`, cause)
  }
}

/** A vector as foreign code returns it: `length` finite numbers. Attacks may send other values. */
export function checkVector(
  kind: CustomKind,
  name: string,
  what: string,
  value: unknown,
  length: number,
  allowNonFinite = false,
): Float32Array {
  const list = value as ArrayLike<number> | null | undefined
  const isList = Array.isArray(value) || ArrayBuffer.isView(value)
  if (!isList || list === null || list === undefined)
    throw customError(
      kind,
      name,
      `${what} returned ${describe(value)}; a Float32Array of length ${length} is expected.`,
    )
  if (list.length !== length)
    throw customError(kind, name, `${what} returned ${list.length} values; the models have ${length}.`)
  const vector = value instanceof Float32Array ? value : Float32Array.from(list)
  if (allowNonFinite) return vector
  const bad = vector.findIndex((x) => !Number.isFinite(x))
  if (bad >= 0)
    throw customError(
      kind,
      name,
      `${what} returned ${vector[bad]} at index ${bad}; all values must be finite.`,
    )
  return vector
}

function describe(value: unknown): string {
  return value === null ? 'null' : value === undefined ? 'nothing' : typeof value
}
