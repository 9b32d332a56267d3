import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { compareModels } from '../../../src/contribution/comparison.js'
import { freeRideReason } from '../../../src/contribution/free-ride.js'
import { createRng } from '../../../src/rng.js'

const D = 500
const numRuns = sized(15, 150)

/** Honest steps: one direction in common, and one of each node's own. */
function honestRound(seed: number, nodes: number, common: number) {
  const rng = createRng(seed, 'contribution')
  const vector = (scale: number) => Float64Array.from({ length: D }, () => scale * rng.normal())
  const start = Float32Array.from(vector(1))
  const shared = vector(0.1 * common)
  const models = Array.from({ length: nodes }, () => {
    const own = vector(0.1)
    return start.map((value, k) => value + shared[k] + own[k])
  })
  const before = [start.map((value, k) => value - 0.5 * shared[k] + 0.05 * rng.normal())]
  return { start, models, before, rng }
}

const reasonsOf = (models: readonly Float32Array[], start: Float32Array, before: readonly Float32Array[]) => {
  const [own, ...neighbours] = models
  return compareModels({ start, own: own!, neighbours, before }).neighbours.map((comparison, k) =>
    freeRideReason({ comparison, parameterCount: D, isResent: false, arrival: k, arrivalOf: (at) => at }),
  )
}

const rounds = fc.record({
  seed: fc.nat(1e6),
  nodes: fc.integer({ min: 6, max: 12 }),
  common: fc.double({ min: 0.7, max: 2, noNaN: true }),
})

describe('reasons', () => {
  test('honest steps with something in common get none', () => {
    fc.assert(
      fc.property(rounds, ({ seed, nodes, common }) => {
        const { start, models, before } = honestRound(seed, nodes, common)
        expect(reasonsOf(models, start, before)).toEqual(Array(nodes - 1).fill(null))
      }),
      { numRuns },
    )
  })

  test('what is known already is found at any place and of any size: the start, combinations, copies', () => {
    const coefficient = fc.double({ min: -2, max: 2, noNaN: true }).filter((c) => Math.abs(c) > 0.01)
    fc.assert(
      fc.property(rounds, coefficient, fc.double({ max: 0.01, min: 0, noNaN: true }), (round, c, near) => {
        const { start, models, before, rng } = honestRound(round.seed, round.nodes, round.common)
        const direction = before[0]!
        const combined = start.map((value, k) => value + c * (direction[k] - value))
        const copied = models[2]!
        const copy = copied.map((value) => value + near * 0.1 * round.common * rng.normal())
        const reasons = reasonsOf([...models, start.slice(), combined, copy], start, before)
        expect(reasons.slice(0, models.length - 1)).toEqual(Array(models.length - 1).fill(null))
        expect(reasons.slice(models.length - 1)).toEqual(['unchanged', 'combined', 'later-copy'])
      }),
      { numRuns },
    )
  })

  test('noise around the start is found in most rounds, whatever its size', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.constantFrom(0.001, 0.1, 1), (seed, size) => {
        let found = 0
        for (let round = 0; round < 15; round++) {
          const { start, models, before, rng } = honestRound(seed + 1000 * round, 9, 1)
          const rider = start.map((value) => value + size * rng.normal())
          const reasons = reasonsOf([...models, rider], start, before)
          expect(reasons.slice(0, -1)).toEqual(Array(8).fill(null))
          if (reasons.at(-1) === 'noise') found += 1
        }
        expect(found).toBeGreaterThan(7)
      }),
      { numRuns: sized(5, 40) },
    )
  })
})

describe('comparisons', () => {
  test('do not change in scale with the models, and move with them', () => {
    fc.assert(
      fc.property(rounds, fc.constantFrom(0.25, 4, 1024), (round, factor) => {
        const { start, models, before } = honestRound(round.seed, round.nodes, round.common)
        const [own, ...neighbours] = models
        const scaled = (x: Float32Array) => x.map((value) => factor * value)
        // Powers of two scale without rounding.
        expect(
          compareModels({
            start: scaled(start),
            own: scaled(own!),
            neighbours: neighbours.map(scaled),
            before: before.map(scaled),
          }),
        ).toStrictEqual(compareModels({ start, own: own!, neighbours, before }))
      }),
      { numRuns },
    )
  })

  test('of f huge models change the cosine of the others by no more than their share', () => {
    fc.assert(
      fc.property(rounds, fc.constantFrom(1e3, 1e30), (round, size) => {
        const { start, models, rng } = honestRound(round.seed, round.nodes, round.common)
        const huge = start.map((value) => value + size * rng.normal())
        const cosines = (all: readonly Float32Array[]) =>
          compareModels({ start, own: all[0]!, neighbours: all.slice(1), before: [] }).neighbours.map(
            ({ cosine }) => cosine,
          )
        const clean = cosines(models)
        const attacked = cosines([...models, huge])
        // The clipped sum has n − 1 terms of at most the median length, and one more from the attacker.
        for (const [k, cosine] of clean.entries()) expect(attacked[k]).toBeGreaterThan(cosine - 0.5)
        expect(Math.min(...attacked.slice(0, -1))).toBeGreaterThan(0)
      }),
      { numRuns },
    )
  })
})
