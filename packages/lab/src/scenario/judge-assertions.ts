import { type MeasureName, type Measures, measureInfo } from '../measures/catalogue.js'
import { measureText } from '../measures/measure-text.js'
import { type Assertion, type Comparison, parseAssertion, type Term } from './assertions.js'
import type { Scenario } from './schema.js'
import { type Variant, variantFor, variantRuleName } from './variants.js'

/** What assertions check in one finished run. */
export interface JudgedRun {
  readonly variant: Variant
  readonly measures: Measures
  /** Round (from 0) after which metrics were taken; null when no round counts. */
  readonly scoredRound: number | null
  /** Whether every ledger that was written verifies. */
  readonly ledgersVerify: boolean
  /** By index of each honest node that finished: indices of the nodes that it has quarantined. */
  readonly quarantined: ReadonlyMap<number, ReadonlySet<number>>
}

export interface AssertionOutcome {
  readonly assertion: string
  /** The rule under which it was judged. */
  readonly rule: string
  readonly ok: boolean
  /** What was found, for people. */
  readonly got: string
}

/**
 * Judges every assertion of a scenario under each of its rules. Over several seeds a measure is its mean, and null if
 * any run did not measure it, which is a miss. Ledgers must verify, and nodes must be quarantined, in every run.
 */
export function judgeAssertions(scenario: Scenario, runs: readonly JudgedRun[]): AssertionOutcome[] {
  const assertions = scenario.assertions.map(parseAssertion)
  return scenario.rules.flatMap((_, ruleIndex) =>
    assertions.map((assertion) => ({
      assertion: assertion.text,
      rule: variantRuleName(scenario, ruleIndex),
      ...judge(scenario, assertion, ruleIndex, runs),
    })),
  )
}

type Verdict = Pick<AssertionOutcome, 'ok' | 'got'>

function judge(
  scenario: Scenario,
  assertion: Assertion,
  ruleIndex: number,
  runs: readonly JudgedRun[],
): Verdict {
  const variants = runs.map((run) => run.variant)
  const runsOf = (kind: Term['run']): (JudgedRun | undefined)[] =>
    scenario.seeds.map((seed) => {
      const variant = variantFor(scenario, variants, kind, ruleIndex, seed)
      return runs.find((run) => run.variant === variant)
    })
  const own = runsOf('attacked')
  if (assertion.kind === 'ledgers-verify') {
    const bad = own.filter((run) => run?.ledgersVerify !== true).map((run) => seedText(run))
    return {
      ok: bad.length === 0,
      got: bad.length === 0 ? 'all verify' : `some that do not verify (${bad.join(', ')})`,
    }
  }
  if (assertion.kind === 'quarantined') return judgeQuarantine(assertion.node, own)

  const valuesOf = (term: Term): (number | null)[] =>
    runsOf(term.run).map((run) => run?.measures[term.measure] ?? null)
  const unequal = unequalRounds(assertion, runsOf)
  if (unequal !== undefined) return { ok: false, got: unequal }
  const first = valuesOf(assertion.term)
  const second = assertion.minus === undefined ? undefined : valuesOf(assertion.minus)
  const values = first.map((value, k) => {
    const minus = second === undefined ? 0 : second[k]!
    return value === null || minus === null ? null : value - minus
  })
  const show = (value: number | null): string =>
    second === undefined
      ? judgedText(assertion.term.measure, value)
      : differenceText(assertion.term.measure, value)
  const each =
    values.length > 1 ? ` (${values.map((v, k) => `seed ${scenario.seeds[k]}: ${show(v)}`).join(', ')})` : ''
  if (values.includes(null)) return { ok: false, got: `nothing measured${each}` }
  const mean = values.reduce<number>((sum, value) => sum + value!, 0) / values.length
  return { ok: holds(mean, assertion.comparison, assertion.limit), got: `${show(mean)}${each}` }
}

/** Measures of a state, not means over rounds: after different rounds they cannot be compared. */
const AFTER_A_ROUND: ReadonlySet<MeasureName> = new Set([
  'worstHonestAccuracy',
  'meanHonestAccuracy',
  'bestHonestAccuracy',
  'mter',
  'accuracySpread',
  'worstHonestMetric',
  'meanHonestMetric',
  'bestHonestMetric',
  'metricSpread',
  'asr',
  'consensusDistance',
])

/** Why a difference has no value, if a pair of its runs was scored after different rounds. */
function unequalRounds(
  { term, minus }: Extract<Assertion, { kind: 'measure' }>,
  runsOf: (kind: Term['run']) => readonly (JudgedRun | undefined)[],
): string | undefined {
  if (minus === undefined || ![term, minus].some(({ measure }) => AFTER_A_ROUND.has(measure)))
    return undefined
  const others = runsOf(minus.run)
  for (const [k, run] of runsOf(term.run).entries()) {
    const other = others[k]
    if (run === undefined || other === undefined || run.scoredRound === other.scoredRound) continue
    const [first, second] = [run, other].map(({ scoredRound }) =>
      scoredRound === null ? 'before round 1' : `after round ${scoredRound + 1}`,
    )
    return `runs that cannot be compared (${seedText(run)}: scored ${first} and ${second})`
  }
  return undefined
}

function judgeQuarantine(node: number, runs: readonly (JudgedRun | undefined)[]): Verdict {
  const missing = runs.flatMap((run) => {
    const witnesses = [...(run?.quarantined ?? [])]
    const without = witnesses.filter(([, offenders]) => !offenders.has(node)).map(([index]) => index)
    if (witnesses.length > 0 && without.length === 0) return []
    return [
      `${seedText(run)}: ${witnesses.length === 0 ? 'nobody finished' : `not by ${nodesText(without)}`}`,
    ]
  })
  return {
    ok: missing.length === 0,
    got: missing.length === 0 ? 'quarantined by all honest nodes' : missing.join('; '),
  }
}

/** Tolerance, so that rounding of means does not make equal values differ. */
const TOLERANCE = 1e-12

function holds(value: number, comparison: Comparison, limit: number): boolean {
  const slack = TOLERANCE * Math.max(1, Math.abs(limit))
  switch (comparison) {
    case '>=':
      return value >= limit - slack
    case '<=':
      return value <= limit + slack
    case '>':
      return value > limit + slack
    case '<':
      return value < limit - slack
    case '==':
      return Math.abs(value - limit) <= slack
  }
}

/** Text of a judged measure: shares have two decimals. */
function judgedText(measure: MeasureName, value: number | null): string {
  return measureText(measure, value, 2)
}

/** The same for a difference of two: of shares in percentage points, with its sign. */
function differenceText(measure: MeasureName, value: number | null): string {
  if (value === null) return judgedText(measure, value)
  const size = Math.abs(value)
  const text =
    measureInfo(measure).unit === 'share' ? `${(100 * size).toFixed(2)} pp` : judgedText(measure, size)
  return `${value < 0 ? '−' : ''}${text}`
}

function seedText(run: JudgedRun | undefined): string {
  return run === undefined ? 'a run that did not finish' : `seed ${run.variant.seed}`
}

function nodesText(indices: readonly number[]): string {
  return indices.length === 1 ? `node ${indices[0]}` : `nodes ${indices.join(', ')}`
}
