import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRule, type RoundInput } from '../../../src/index.js'
import { bitsOf, distance, norm } from '../../support.js'

const RUNS = { numRuns: 300 }

/** Any float32 vector of length d, whatever its values. */
const byzantine = (d: number) =>
  fc.oneof(
    fc.float32Array({ minLength: d, maxLength: d }),
    fc.float32Array({ minLength: 0, maxLength: d + 1 }),
    fc.float32Array({ minLength: d, maxLength: d, noNaN: true, noDefaultInfinity: true }),
  )
const finite = (d: number) =>
  fc.float32Array({ minLength: d, maxLength: d, noNaN: true, noDefaultInfinity: true })
const tame = (d: number) => fc.float32Array({ minLength: d, maxLength: d, noNaN: true, min: -100, max: 100 })
/** A number in [min, max] in steps of a hundredth; fc.double prefers tiny ones, with which nothing happens. */
const hundredths = (min: number, max: number) =>
  fc.integer({ min: Math.round(min * 100), max: Math.round(max * 100) }).map((value) => value / 100)
const dimension = fc.integer({ min: 1, max: 6 })

/** Rounding of each coordinate to float32: half a place, or half the least denormal. */
function roundingSlack(x: Float32Array): number {
  return 2 ** -24 * norm(x) + Math.sqrt(x.length) * 2 ** -150
}

describe('balance', () => {
  const anyRound = dimension.chain((d) =>
    fc.record({
      own: fc.oneof(finite(d), tame(d)),
      neighbours: fc.array(fc.oneof(byzantine(d), tame(d)), { maxLength: 6 }),
      near: fc.array(fc.array(hundredths(-0.2, 0.2), { minLength: d, maxLength: d }), {
        maxLength: 4,
      }),
      round: fc.integer({ min: 0, max: 20 }),
      gamma: hundredths(0, 2),
      kappa: hundredths(0, 5),
      alpha: hundredths(0, 1),
    }),
  )

  test('for any input: ‖new − own‖ ≤ (1 − α)·γ·exp(−κt/T)·‖own‖; nothing accepted keeps every bit', () => {
    let moved = 0
    fc.assert(
      fc.property(anyRound, ({ own, neighbours, near, round, gamma, kappa, alpha }) => {
        const close = near.map((steps) => own.map((value, k) => value * (1 + steps[k])))
        const result = createRule('balance', { gamma, kappa, alpha }).aggregate({
          own,
          neighbours: [...neighbours, ...close],
          round,
          rounds: 20,
        })
        const bound = (1 - alpha) * gamma * Math.exp((-kappa * round) / 20) * norm(own)
        const slack = roundingSlack(result.vector) + 1e-12 * (bound + norm(own))
        expect(distance(result.vector, own)).toBeLessThanOrEqual(bound + slack)
        if (result.verdicts.every((verdict) => !verdict.accepted)) {
          expect(bitsOf(result.vector)).toEqual(bitsOf(own))
        } else if (distance(result.vector, own) > 0) moved++
        for (const verdict of result.verdicts) {
          if (verdict.accepted) expect(verdict.score).toBeLessThanOrEqual(verdict.threshold ?? Number.NaN)
        }
      }),
      RUNS,
    )
    expect(moved).toBeGreaterThan(10)
  })
})

describe('coordinatewise rules', () => {
  const mixed = dimension.chain((d) =>
    fc.integer({ min: 0, max: 4 }).chain((f) =>
      fc.record({
        f: fc.constant(f),
        honest: fc.array(tame(d), { minLength: f + 1, maxLength: f + 6 }),
        liars: fc.array(finite(d), { minLength: f, maxLength: f }),
      }),
    ),
  )

  test.each([
    ['median', () => ({})],
    ['trimmed-mean', (f: number) => ({ f })],
  ])('%s stays inside the hull of the honest models against f liars', (name, params) => {
    fc.assert(
      fc.property(mixed, ({ f, honest, liars }) => {
        const [own, ...others] = honest
        const neighbours = [...liars, ...others]
        const { vector } = createRule(name, params(f)).aggregate({ own, neighbours, round: 0, rounds: 1 })
        vector.forEach((value, k) => {
          const column = honest.map((x) => x[k])
          expect(value).toBeGreaterThanOrEqual(Math.min(...column))
          expect(value).toBeLessThanOrEqual(Math.max(...column))
        })
      }),
      RUNS,
    )
  })

  test('median: the same bits for every order of the neighbours, signed zeros included', () => {
    const zeros = fc.constantFrom(0, -0, 1, -1, 1e-45)
    fc.assert(
      fc.property(fc.array(zeros, { minLength: 1, maxLength: 9 }), fc.integer(), (values, seed) => {
        const [own, ...neighbours] = values.map((value) => Float32Array.of(value))
        const shuffled = neighbours.toSorted((a, b) => ((a[0] * 7 + seed) % 3) - ((b[0] * 7 + seed) % 3))
        const run = (list: Float32Array[]) =>
          createRule('median').aggregate({ own, neighbours: list, round: 0, rounds: 1 }).vector
        expect(bitsOf(run(shuffled))).toEqual(bitsOf(run(neighbours)))
        expect(bitsOf(run(neighbours.toReversed()))).toEqual(bitsOf(run(neighbours)))
      }),
      RUNS,
    )
  })
})

describe('clipping rules', () => {
  const weighted = dimension.chain((d) =>
    fc.record({
      own: tame(d),
      entries: fc.array(fc.tuple(fc.oneof(tame(d), finite(d)), fc.integer({ min: 0, max: 16 })), {
        minLength: 1,
        maxLength: 7,
      }),
      b: hundredths(0.01, 0.45),
      tau: hundredths(0, 50),
    }),
  )
  const roundOf = (own: Float32Array, entries: [Float32Array, number][]): RoundInput => ({
    own,
    neighbours: entries.map(([x]) => x),
    weights: entries.map(([, weight]) => weight / 128),
    round: 0,
    rounds: 1,
  })

  test('the step is at most Σ W_ij·τ, with τ the reported threshold', () => {
    fc.assert(
      fc.property(weighted, ({ own, entries, b, tau }) => {
        const round = roundOf(own, entries)
        const total = entries.reduce((sum, [, weight]) => sum + weight / 128, 0)
        for (const rule of [
          createRule('clipped-gossip', { tau }),
          createRule('clipped-gossip', { b }),
          createRule('cs-plus', { b }),
        ]) {
          const { vector, verdicts } = rule.aggregate(round)
          const bound = total * (verdicts[0].threshold ?? Number.NaN)
          expect(distance(vector, own)).toBeLessThanOrEqual(
            bound * (1 + 1e-9) + 2 * roundingSlack(vector) + 1e-12,
          )
        }
      }),
      RUNS,
    )
  })

  test('cs-plus: liars of weight at most b cannot push the radius beyond the farthest honest distance', () => {
    fc.assert(
      fc.property(
        dimension.chain((d) =>
          fc.record({
            own: tame(d),
            honest: fc.array(tame(d), { minLength: 4, maxLength: 8 }),
            liar: finite(d),
          }),
        ),
        ({ own, honest, liar }) => {
          const b = 1 / (honest.length + 2)
          const { verdicts } = createRule('cs-plus', { b }).aggregate({
            own,
            neighbours: [...honest, liar],
            round: 0,
            rounds: 1,
          })
          const farthest = Math.max(...honest.map((x) => distance(x, own)))
          expect(verdicts[0].threshold).toBeLessThanOrEqual(farthest * (1 + 1e-12))
        },
      ),
      RUNS,
    )
  })
})

describe('selection rules', () => {
  test('krum returns one of the models, bit for bit, and multi-krum and nna a mean of as many as promised', () => {
    const round = dimension.chain((d) =>
      fc.record({ own: finite(d), neighbours: fc.array(finite(d), { minLength: 4, maxLength: 8 }) }),
    )
    fc.assert(
      fc.property(round, ({ own, neighbours }) => {
        const input = { own, neighbours, round: 0, rounds: 1 }
        const krum = createRule('krum', { f: 1 }).aggregate(input)
        expect([own, ...neighbours].map((x) => bitsOf(x).join())).toContain(bitsOf(krum.vector).join())
        for (const name of ['multi-krum', 'nna']) {
          const { ownWeight, verdicts } = createRule(name, { f: 1 }).aggregate(input)
          const used = [ownWeight, ...verdicts.map((verdict) => verdict.weight)].filter(
            (weight) => weight > 0,
          )
          expect(used).toEqual(new Array(neighbours.length).fill(1 / neighbours.length))
        }
      }),
      RUNS,
    )
  })
})
