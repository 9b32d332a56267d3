import { afterAll, describe, expect, test } from 'vitest'
import { honestDeviation, honestMean } from '../../src/attacks/honest-moments.js'
import { createRule } from '../../src/index.js'
import { createPreAggregator } from '../../src/pre/registry.js'
import { krumScores } from '../../src/rules/krum-scores.js'
import { readTracked } from './tracked-json.js'

/** The shared reference, as it is. */
const { values: goldens, unread } = readTracked('./toy-goldens.json')
const models: Float32Array[] = goldens.X.map((row: number[]) => Float32Array.from(row))
const [own, ...neighbours] = models

afterAll(() => {
  expect(unread(), 'reference values that no test reads').toEqual([])
})

const first = { own, neighbours, round: 0, rounds: 1 }

function expectClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance = goldens.tolerance,
): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, k) => {
    expect(Math.abs(actual[k] - value), `[${k}] is ${actual[k]}, expected ${value}`).toBeLessThanOrEqual(
      tolerance,
    )
  })
}

describe('toy goldens', () => {
  test.each([
    ['average', {}, goldens.mean],
    ['median', {}, goldens.median],
    ['trimmed-mean', { f: 1 }, goldens.trimmedMean],
    ['multi-krum', { f: 1 }, goldens.multiKrum.value],
    ['multi-krum', { f: 1, m: goldens.multiKrum.m }, goldens.multiKrum.value],
    [
      'geometric-median',
      { nu: goldens.geometricMedian.nu, steps: goldens.geometricMedian.steps },
      goldens.geometricMedian.value,
    ],
    ['nna', { f: 1 }, goldens.monna],
    ['clipped-gossip', { tau: 0.2 }, goldens.clippedGossip.value],
    ['clipped-gossip', { b: 0.2 }, goldens.clippedGossipPractical.value],
    ['cs-plus', { b: goldens.csPlus.b, eta: goldens.csPlus.eta }, goldens.csPlus.value],
  ])('%s %o', (name, params, expected) => {
    expectClose(createRule(name, params).aggregate(first).vector, expected)
  })

  test('they are for the first row as my own, one attacker, and points in the plane', () => {
    expect([goldens.note.length > 0, goldens.self, goldens.f]).toEqual([true, 0, 1])
  })

  test('the geometric median starts at the origin, and with its defaults is that of the reference', () => {
    expect(goldens.geometricMedian.start).toEqual([0, 0])
    expectClose(createRule('geometric-median').aggregate(first).vector, goldens.geometricMedian.value)
  })

  test('FLTrust: trust and value, with updates from the origin', () => {
    const { reference, trust, value } = goldens.flTrust
    expect(Array.from(own)).toEqual(reference)
    const { vector, verdicts } = createRule('fltrust').aggregate(first)
    expectClose(vector, value)
    expectClose(
      verdicts.map((verdict) => Math.max(0, verdict.score ?? Number.NaN)),
      trust,
    )
  })

  test('NNM: the row of the outlier', () => {
    const mixed = createPreAggregator('nnm', { f: 1 }).mix({
      models,
      previous: own,
      round: 0,
      exposed: 0,
      refused: 0,
      opposed: false,
      initial: own,
      reputations: [],
      scratch: { vector: () => new Float32Array(own.length) },
    })
    if (mixed === 'too-few-models') throw new Error(mixed)
    expectClose(mixed.models[4], goldens.nnmRow4)
  })

  test('krum: scores, and the tie goes to the lowest index, which is my own model', () => {
    expect(goldens.krumScores.nearest).toBe('n-f-2')
    expectClose(krumScores(models, 1), goldens.krumScores.scores, 1e-5)
    const { vector, ownWeight, verdicts } = createRule('krum', { f: 1 }).aggregate(first)
    // In float32 rows 0 and 1 tie up to the rounding of the inputs; the winner is one of the two.
    const winner = ownWeight === 1 ? 0 : verdicts.findIndex((verdict) => verdict.accepted) + 1
    expect(krumScores(models, 1)[winner]).toBe(Math.min(...krumScores(models, 1)))
    expect(vector).toEqual(models[winner])
    // The same points times ten are whole numbers: an exact tie.
    const scaled = models.map((x) => x.map((value) => Math.round(value * 10)))
    const tied = createRule('krum', { f: 1 }).aggregate({
      ...first,
      own: scaled[0],
      neighbours: scaled.slice(1),
    })
    expect(krumScores(scaled, 1)[0]).toBe(krumScores(scaled, 1)[1])
    expect(tied.ownWeight).toBe(goldens.krumScores.winnerTieToLowestIndex === 0 ? 1 : 0)
    expect(tied.vector).toEqual(scaled[0])
  })

  test('centred clipping starts from the previous aggregate', () => {
    const { start, tau, steps, value } = goldens.centredClipping
    const rule = createRule('centred-clipping', { tau, steps })
    expectClose(rule.aggregate({ ...first, previous: Float32Array.from(start) }).vector, value)
    expect(Math.abs(rule.aggregate(first).vector[0] - value[0])).toBeGreaterThan(0.01)
  })

  test.each([
    ['lambda0', 0],
    ['lambda1', 1],
  ])('balance at %s: distances, threshold, accepted, value', (key, round) => {
    const { gamma, kappa, alpha, distances } = goldens.balance
    const expected = goldens.balance[key]
    const { vector, verdicts } = createRule('balance', { gamma, kappa, alpha }).aggregate({ ...first, round })
    expectClose(
      verdicts.map((verdict) => verdict.score ?? Number.NaN),
      distances,
      goldens.balance.distanceTolerance,
    )
    for (const verdict of verdicts) expectClose([verdict.threshold ?? Number.NaN], [expected.threshold])
    const accepted = verdicts.flatMap((verdict, j) => (verdict.accepted ? [j + 1] : []))
    expect(accepted).toEqual(expected.accepted)
    expectClose(vector, expected.value)
  })

  test('balance defaults are the published ones', () => {
    const { gamma, kappa, alpha } = goldens.balance
    expect(createRule('balance').params).toEqual({ gamma, kappa, alpha })
  })

  test.each([
    ['clipped-gossip', { tau: goldens.clippedGossip.tau }, goldens.clippedGossip],
    ['clipped-gossip', { b: goldens.clippedGossipPractical.b }, goldens.clippedGossipPractical],
    ['cs-plus', { b: goldens.csPlus.b }, goldens.csPlus],
  ])('%s %o: radius, with given weights as with the default ones', (name, params, { tau, weight }) => {
    const weights = neighbours.map(() => weight)
    const implicit = createRule(name, params).aggregate(first)
    const explicit = createRule(name, params).aggregate({ ...first, weights })
    expectClose([explicit.verdicts[0].threshold ?? Number.NaN], [tau])
    expect(explicit.vector).toEqual(implicit.vector)
  })

  test('moments of the honest rows 0 to 3', () => {
    const honest = models.slice(0, 4)
    const mean = honestMean(honest, own)
    expectClose(mean, goldens.alieHonestRows0to3.mean)
    const deviation = honestDeviation(honest, mean)
    expectClose(deviation, goldens.alieHonestRows0to3.sdPopulation)
    // The package takes the population's; the sample's is √(n/(n − 1)) of it.
    expectClose(
      deviation.map((value) => value * Math.sqrt(4 / 3)),
      goldens.alieHonestRows0to3.sdSample,
    )
  })
})
