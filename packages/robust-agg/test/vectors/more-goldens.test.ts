import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { createRule, type RuleOptions } from '../../src/index.js'
import { createPreAggregator } from '../../src/pre/registry.js'
import { readTracked } from './tracked-json.js'

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))
const { values: goldens, unread } = readTracked('./more-goldens.json')

afterAll(() => {
  expect(unread(), 'reference values that no test reads').toEqual([])
})

const rows: number[][] = read('./toy-goldens.json').X
const floats = (points: number[][]) => points.map((row) => Float32Array.from(row))
const evaluator = { loss: (w: Float32Array) => 0.5 + (w[0] - 1.05) ** 2 + (w[1] - 0.1) ** 2 }

function run(name: string, params: Record<string, number>, options?: RuleOptions, points = rows) {
  const [own, ...neighbours] = floats(points)
  const previous = Float32Array.of(0, 0)
  return createRule(name, params, { evaluator: true, ...options }).aggregate({
    own,
    neighbours,
    previous,
    round: 0,
    rounds: 1,
    evaluator,
  })
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, k) => {
    expect(Math.abs(actual[k] - value), `[${k}]: ${actual[k]}, ${value}`).toBeLessThanOrEqual(
      goldens.tolerance,
    )
  })
}

test.each([
  ['ubar', { rho: 0.75 }, goldens['ubar_0.75'].value],
  ['sentinel', {}, goldens.sentinel.value],
  ['meamed', { f: 1 }, goldens.meamed_f1],
  ['mda', { f: 1 }, goldens.mda_f1.value],
  ['mda', { f: 2 }, goldens.mda_f2.value],
  ['caf', { f: 1 }, goldens.caf_f1[0]],
  ['caf', { f: 2 }, goldens.caf_f2[0]],
  ['foolsgold', {}, goldens.foolsgold.value],
  ['nna-weighted', { b: 0.2 }, goldens['nnaWeighted_b0.2']],
])('%s %o', (name, params, expected) => {
  expectClose(run(name, params).vector, expected)
})

test('bulyan: picks and value', () => {
  const { vector, verdicts, ownWeight } = run('bulyan', { f: 1 }, {}, [...rows, ...goldens.bulyan_f1.extra])
  expectClose(vector, goldens.bulyan_f1.value)
  const picked = [ownWeight, ...verdicts.map((verdict) => verdict.weight)]
  expect(picked.flatMap((weight, i) => (weight > 0 ? [i] : []))).toEqual(goldens.bulyan_f1.picks)
})

const weightsOf = ({ ownWeight, verdicts }: ReturnType<typeof run>) => [
  ownWeight,
  ...verdicts.map((verdict) => verdict.weight),
]
const keptOf = (weights: readonly number[]) => weights.flatMap((weight, i) => (weight > 0 ? [i] : []))

test('who is kept: UBAR and MDA; weights: FoolsGold; losses: UBAR', () => {
  const ubar = run('ubar', { rho: 0.75 })
  expect(goldens.note).toContain('loss(w) = 0.5')
  expect(keptOf(weightsOf(ubar)).filter((i) => i > 0)).toEqual(goldens['ubar_0.75'].kept)
  const losses = ubar.verdicts.flatMap(({ score }) => (score === null ? [] : [score]))
  expectClose(losses, goldens['ubar_0.75'].losses)
  expect(keptOf(weightsOf(run('mda', { f: 1 })))).toEqual(goldens.mda_f1.set)
  expect(keptOf(weightsOf(run('mda', { f: 2 })))).toEqual(goldens.mda_f2.set)
  expectClose(weightsOf(run('foolsgold', {})), goldens.foolsgold.alpha)
})

test('scores: Sentinel loss weights, FoolsGold largest cosines, MDA diameter', () => {
  const trust = run('sentinel', {}).verdicts.map(({ score, reason }) =>
    reason === 'similarity-below-threshold' ? 0 : (score ?? Number.NaN),
  )
  expectClose(trust, goldens.sentinel.omega)
  const cosines = run('foolsgold', {}).verdicts.map((verdict) => verdict.score ?? Number.NaN)
  expectClose(cosines, goldens.foolsgold.maxcos.slice(1))
  for (const [f, { diameter }] of [
    [1, goldens.mda_f1],
    [2, goldens.mda_f2],
  ]) {
    expectClose([run('mda', { f }).verdicts[0].threshold ?? Number.NaN], [diameter])
  }
})

test('pre-aggregators: NNM and ARC, every row', () => {
  const view = {
    models: floats(rows),
    previous: Float32Array.of(0, 0),
    round: 0,
    exposed: 0,
    refused: 0,
    opposed: false,
    initial: Float32Array.of(0, 0),
    reputations: [],
    scratch: { vector: () => new Float32Array(2) },
  }
  for (const [name, expected] of [
    ['nnm', goldens.nnm_f1],
    ['arc', goldens.arc_f1.rows],
  ]) {
    const mixed = createPreAggregator(name, { f: 1 }).mix(view)
    if (mixed === 'too-few-models') throw new Error(mixed)
    expected.forEach((row: number[], i: number) => {
      expectClose(mixed.models[i], row)
    })
  }
  const lengths = goldens.arc_f1.rows.map((row: number[]) => Math.hypot(...row))
  expectClose([Math.max(...lengths)], [goldens.arc_f1.radius])
})
