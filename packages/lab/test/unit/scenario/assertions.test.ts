import { describe, expect, it } from 'vitest'
import type { Measures } from '../../../src/measures/catalogue.js'
import { type BuiltInMeasure, MEASURES } from '../../../src/measures/measures.js'
import { AssertionSyntaxError, parseAssertion } from '../../../src/scenario/assertions.js'
import { type JudgedRun, judgeAssertions } from '../../../src/scenario/judge-assertions.js'
import { type ScenarioInput, scenarioSchema } from '../../../src/scenario/schema.js'
import { variantsOf } from '../../../src/scenario/variants.js'

describe('parseAssertion', () => {
  it.each([
    ['worstHonestAccuracy >= 0.9', '>=', 0.9],
    ['worstHonestAccuracy≥90%', '>=', 0.9],
    ['asr <= 7 %', '<=', 0.07],
    ['asr ≤ 5e-2', '<=', 0.05],
    ['bytesPerRound < 1.5 MB', '<', 1_500_000],
    ['bytesPerRound > 2 KiB', '>', 2048],
    ['finishedHonest == 9', '==', 9],
  ])('reads %s', (text, comparison, limit) => {
    expect(parseAssertion(text)).toMatchObject({ kind: 'measure', comparison, limit, minus: undefined })
  })

  it('reads one difference between runs', () => {
    expect(parseAssertion('control.worstHonestAccuracy - worstHonestAccuracy <= 0.01')).toMatchObject({
      term: { run: 'honest', measure: 'worstHonestAccuracy' },
      minus: { run: 'attacked', measure: 'worstHonestAccuracy' },
    })
    expect(parseAssertion('undefended.mter - baseline.mter > 0')).toMatchObject({
      term: { run: 'undefended' },
      minus: { run: 'baseline' },
    })
  })

  it('reads ledgersVerify and quarantined', () => {
    expect(parseAssertion(' ledgersVerify ').kind).toBe('ledgers-verify')
    expect(parseAssertion('quarantined includes node-03')).toMatchObject({ kind: 'quarantined', node: 3 })
    expect(parseAssertion('quarantined includes 12')).toMatchObject({ node: 12 })
  })

  it.each([
    ['worstHonestAcuracy >= 0.9', /did you mean worstHonestAccuracy\?/],
    ['undefnded.asr >= 0.9', /no run is called "undefnded"; did you mean undefended\?/],
    ['asr', /is not a comparison/],
    ['ledgerVerify', /did you mean ledgersVerify\?/],
    ['asr >= 5 pc', /not a number/],
    ['asr >= ', /"" is not a number/],
    ['asr >= 1 >= 2', /not a number/],
    ['asr => 1', /"=>" is not a comparison; did you mean >=\?/],
    ['asr =< 1', /"=<" is not a comparison; did you mean <=\?/],
    ['worstHonestAccuracy >= 60', /between 0 and 1 \(100 %\), and 60 does not; did you mean 60 %\?/],
    ['honest.mter - mter <= -2', /between 0 and 1/],
    ['asr <= 150 %', /and 150 % does not$/],
    ['asr - mter - mter >= 1', /only one subtraction/],
    ['quarantined contains 3', /write quarantined includes/],
    ['toString >= 1', /no measure is called "toString"/],
  ])('refuses %s', (text, message) => {
    expect(() => parseAssertion(text)).toThrow(AssertionSyntaxError)
    expect(() => parseAssertion(text)).toThrow(message)
  })
})

const none = Object.fromEntries(Object.keys(MEASURES).map((name) => [name, null])) as Measures

/** Every run of the scenario, with what `of` says of each. */
function judge(
  input: ScenarioInput,
  of: (kind: string, seed: number, rule: string) => Partial<Record<BuiltInMeasure, number | null>>,
  more: (kind: string, seed: number) => Partial<JudgedRun> = () => ({}),
) {
  const scenario = scenarioSchema.parse(input)
  const runs = variantsOf(scenario).map((variant) => ({
    variant,
    measures: { ...none, ...of(variant.kind, variant.seed, variant.rule.name) },
    scoredRound: 9,
    ledgersVerify: true,
    quarantined: new Map<number, ReadonlySet<number>>(),
    ...more(variant.kind, variant.seed),
  }))
  return judgeAssertions(scenario, runs)
}

const adversaries = [{ nodes: [1], attack: { name: 'ipm' } }]

describe('judgeAssertions', () => {
  it('takes the mean over seeds, and tells each', () => {
    const of = (_kind: string, seed: number) => ({ worstHonestAccuracy: seed === 1 ? 0.8 : 0.9 })
    const [held, missed] = judge(
      {
        adversaries,
        seeds: [1, 2],
        assertions: ['worstHonestAccuracy >= 85 %', 'worstHonestAccuracy > 0.85'],
      },
      of,
    )
    expect(held).toMatchObject({ ok: true, got: '85.00 % (seed 1: 80.00 %, seed 2: 90.00 %)' })
    expect(missed?.ok).toBe(false)
  })

  it('compares with controls, rule by rule', () => {
    const outcomes = judge(
      {
        adversaries,
        rules: [{ name: 'balance' }, { name: 'median' }],
        assertions: ['honest.worstHonestAccuracy - worstHonestAccuracy <= 0.01'],
      },
      (kind, _seed, rule) => ({
        worstHonestAccuracy: kind === 'honest' ? 0.9 : rule === 'median' ? 0.7 : 0.89,
      }),
    )
    expect(outcomes.map(({ rule, ok }) => [rule, ok])).toEqual([
      ['balance', true],
      ['median', false],
    ])
    expect(outcomes[1]?.got).toBe('20.00 pp')
  })

  it('compares no accuracies of runs that were scored after different rounds', () => {
    const outcomes = judge(
      {
        adversaries,
        assertions: [
          'honest.worstHonestAccuracy - worstHonestAccuracy <= 0.5',
          'worstHonestAccuracy > 10 %',
          'honest.bytesPerRound - bytesPerRound <= 1',
        ],
      },
      () => ({ worstHonestAccuracy: 0.5, bytesPerRound: 1 }),
      (kind) => ({ scoredRound: kind === 'honest' ? 3 : 9 }),
    )
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true, true])
    expect(outcomes[0]?.got).toContain('after round 4 and after round 10')
  })

  it('tells differences with sign and unit', () => {
    const got = (measure: string, honest: number, own: number) =>
      judge({ adversaries, assertions: [`honest.${measure} - ${measure} == 1`] }, (kind) => ({
        [measure]: kind === 'honest' ? honest : own,
      }))[0]?.got
    expect(got('worstHonestAccuracy', 0.8, 0.9)).toBe('−10.00 pp')
    expect(got('bytesPerRound', 1000, 6000)).toBe('−5.0 kB')
    expect(got('aggregateMs', 20, 7.5)).toBe('12.500 ms')
  })

  it('a control that would be the same run is that run', () => {
    const [outcome] = judge(
      { adversaries, rule: { name: 'average' }, assertions: ['undefended.asr - asr == 0'] },
      () => ({ asr: 0.5 }),
    )
    expect(outcome?.ok).toBe(true)
  })

  it('misses what was not measured', () => {
    expect(judge({ assertions: ['asr <= 1'] }, () => ({}))[0]).toMatchObject({
      ok: false,
      got: 'nothing measured',
    })
  })

  it('wants ledgers to verify under every seed', () => {
    const [outcome] = judge(
      { seeds: [4, 5], assertions: ['ledgersVerify'] },
      () => ({}),
      (_kind, seed) => ({
        ledgersVerify: seed === 4,
      }),
    )
    expect(outcome).toMatchObject({ ok: false, got: 'some that do not verify (seed 5)' })
  })

  it('wants a node to be quarantined by every honest node that finished', () => {
    const outcome = (quarantined: [number, number[]][]) =>
      judge(
        { assertions: ['quarantined includes node-03'] },
        () => ({}),
        () => ({
          quarantined: new Map(quarantined.map(([index, offenders]) => [index, new Set(offenders)])),
        }),
      )[0]
    expect(
      outcome([
        [0, [3]],
        [1, [3, 4]],
      ])?.ok,
    ).toBe(true)
    expect(
      outcome([
        [0, [3]],
        [1, [4]],
      ]),
    ).toMatchObject({ ok: false, got: 'seed 1: not by node 1' })
    expect(outcome([])).toMatchObject({ ok: false, got: 'seed 1: nobody finished' })
  })
})
