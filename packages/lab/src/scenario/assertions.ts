import { nearestName } from '@tempered/errors'
import { type MeasureName, measureInfo, measureNames } from '../measures/catalogue.js'

/** The run in which a measure is taken: the scenario's own run, or one of its controls. */
export type AssertedRun = 'attacked' | 'honest' | 'undefended' | 'baseline'

export interface Term {
  readonly run: AssertedRun
  readonly measure: MeasureName
}

export type Comparison = '>=' | '<=' | '>' | '<' | '=='

/** A claim of a scenario about its runs. Shares are in [0, 1], sizes in bytes. */
export type Assertion =
  | {
      readonly kind: 'measure'
      readonly text: string
      readonly term: Term
      /** Subtracted from `term`. */
      readonly minus: Term | undefined
      readonly comparison: Comparison
      readonly limit: number
    }
  | { readonly kind: 'ledgers-verify'; readonly text: string }
  /** Every honest node that finished has quarantined this node. */
  | { readonly kind: 'quarantined'; readonly text: string; readonly node: number }

/** Why a text is not an assertion; `message` is for people. */
export class AssertionSyntaxError extends Error {
  override readonly name = 'AssertionSyntaxError'
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '>=': '>=',
  '≥': '>=',
  '<=': '<=',
  '≤': '<=',
  '>': '>',
  '<': '<',
  '==': '==',
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  '%': 0.01,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** Names of runs as written before a measure; `control` is a synonym of `honest`. */
const RUNS: Readonly<Record<string, AssertedRun>> = {
  attacked: 'attacked',
  honest: 'honest',
  control: 'honest',
  undefended: 'undefended',
  baseline: 'baseline',
}

/**
 * Reads one assertion:
 *
 *     <measure> [- <measure>] (>= | ≥ | <= | ≤ | > | < | ==) <number>[% | KB | MB | GB | KiB | MiB | GiB]
 *     ledgersVerify
 *     quarantined includes <node-03 | 3>
 *
 * A measure is a name of the table of measures, alone or after `honest.`, `undefended.` or `baseline.`.
 * @throws AssertionSyntaxError
 */
export function parseAssertion(text: string): Assertion {
  const words = text.trim()
  if (words === 'ledgersVerify') return { kind: 'ledgers-verify', text: words }
  if (/^quarantined\b/.test(words)) return parseQuarantined(words)
  const parts = /^(.+?)\s*(>=|≥|<=|≤|==|>|<)\s*(.*)$/.exec(words)
  if (parts === null) {
    const nearest = nearestName(words, ['ledgersVerify'])
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
    throw new AssertionSyntaxError(
      `"${words}" is not a comparison: write <measure> >= <number>, ledgersVerify or quarantined includes <node>${hint}`,
    )
  }
  const [, left = '', sign = '', right = ''] = parts
  const terms = left.split(/\s+-\s+/)
  if (terms.length > 2) throw new AssertionSyntaxError(`"${left}": only one subtraction is possible`)
  if (left.endsWith('='))
    throw new AssertionSyntaxError(`"=${sign}" is not a comparison; did you mean ${sign}=?`)
  const [term, minus] = terms.map(parseTerm)
  const limit = parseNumber(right)
  if (measureInfo(term!.measure).unit === 'share' && Math.abs(limit) > 1)
    throw new AssertionSyntaxError(
      `${term!.measure} lies between 0 and 1 (100 %), and ${right} does not${right.endsWith('%') ? '' : `; did you mean ${right} %?`}`,
    )
  return {
    kind: 'measure',
    text: words,
    term: term!,
    minus,
    comparison: COMPARISONS[sign]!,
    limit,
  }
}

function parseTerm(text: string): Term {
  const dot = text.indexOf('.')
  const prefix = dot < 0 ? 'attacked' : text.slice(0, dot)
  const name = text.slice(dot + 1)
  const run = Object.hasOwn(RUNS, prefix) ? RUNS[prefix] : undefined
  if (run === undefined) throw unknown('run', prefix, Object.keys(RUNS))
  if (!measureNames().includes(name)) throw unknown('measure', name, measureNames())
  return { run, measure: name }
}

function parseNumber(text: string): number {
  const parts = /^(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*([A-Za-z%]*)$/.exec(text)
  const unit = parts?.[2] ?? ''
  if (parts === null || !Object.hasOwn(UNITS, unit)) {
    throw new AssertionSyntaxError(
      `"${text}" is not a number with one of the units %, KB, MB, GB, KiB, MiB, GiB, or without a unit`,
    )
  }
  // Division gives the nearest decimal: 7 % is 0.07, not 0.07000000000000001.
  return unit === '%' ? Number(parts[1]) / 100 : Number(parts[1]) * UNITS[unit]!
}

function parseQuarantined(text: string): Assertion {
  const node = /^quarantined\s+includes\s+(?:node-)?(\d+)$/.exec(text)?.[1]
  if (node === undefined)
    throw new AssertionSyntaxError(`"${text}": write quarantined includes node-03, or the index alone`)
  return { kind: 'quarantined', text, node: Number(node) }
}

function unknown(what: string, name: string, known: readonly string[]): AssertionSyntaxError {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? `the known ones are ${known.join(', ')}` : `did you mean ${nearest}?`
  return new AssertionSyntaxError(`no ${what} is called "${name}"; ${hint}`)
}
