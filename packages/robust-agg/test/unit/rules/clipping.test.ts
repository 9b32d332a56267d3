/** The radii and the step of the clipping rules, against values computed by hand. */

import { describe, expect, test } from 'vitest'
import {
  beyondRadius,
  boundaryOf,
  clippedStep,
  modelsForWeightBeyond,
  neighboursWithin,
  oracleRadius,
  practicalRadius,
  withoutFarthest,
} from '../../../src/rules/clipping.js'
import type { RoundView } from '../../../src/rules/round-view.js'
import { bitsOf } from '../../support.js'

const f64 = (...values: number[]) => Float64Array.from(values)

describe('withoutFarthest', () => {
  test.each([
    // b, what stays, nearest last
    [0.05, [3, 1, 0]],
    [0.2, [3, 1, 0]],
    [0.21, [1, 0]],
    [0.3, [1, 0]],
    [0.31, [0]],
    [0.6, []],
    [9, []],
  ])('b = %d leaves %j', (b, kept) => {
    expect(withoutFarthest(f64(1, 2, 4, 3), f64(0.2, 0.2, 0.2, 0.1), b)).toEqual(kept)
  })

  test('of equal distances the heavier goes first, of equal weights the lower index', () => {
    expect(withoutFarthest(f64(1, 1, 1), f64(0.1, 0.3, 0.2), 0.3)).toEqual([2, 0])
    expect(withoutFarthest(f64(1, 1, 1), f64(0.2, 0.2, 0.2), 0.2)).toEqual([1, 2])
    expect(withoutFarthest(f64(1, 1, 1), f64(0.1, 0.3, 0.2), 0.31)).toEqual([0])
  })

  test('nobody has to go for b = 0, and nobody is there to go', () => {
    expect(withoutFarthest(f64(1, 2), f64(0.3, 0.3), 0)).toEqual([1, 0])
    expect(withoutFarthest(f64(), f64(), 0.3)).toEqual([])
  })

  test('sums that miss b by rounding reach it, and by more do not', () => {
    // 0.1 + 0.7 < 0.8 in float64.
    expect(withoutFarthest(f64(1, 2, 3), f64(0.1, 0.7, 0.1), 0.8)).toEqual([0])
    expect(withoutFarthest(f64(1, 2, 3), f64(0.1, 0.7, 0.1), 0.8 * (1 + 1e-11))).toEqual([])
  })
})

describe('modelsForWeightBeyond', () => {
  test.each([
    // n models of equal weight 1/n: all but the heaviest neighbour weigh (n − 2)/n.
    [4, [0.25, 0.25, 0.25], 0.5, 4],
    [4, [0.25, 0.25, 0.25], 0.4, 4],
    [4, [0.25, 0.25, 0.25], 0.51, 5],
    [3, [1 / 3, 1 / 3], 0.6, 5],
    [3, [1 / 3, 1 / 3], 0.9, 20],
    // The heaviest does not count, wherever it stands.
    [4, [0.7, 0.1, 0.1], 0.2, 4],
    [4, [0.1, 0.1, 0.7], 0.25, 5],
    [4, [0.1, 0.7, 0.1], 0.25, 5],
    // 2/(1 − 0.8) is above 10 in float64, and means 10.
    [3, [0.1, 0.1], 0.8, 10],
    // More than it has, even where equal weights would do.
    [9, [0.8, 0, 0, 0, 0, 0, 0, 0], 0.1, 10],
    [1, [], 0.5, 4],
    [1, [], 0, 2],
  ])('%d models with weights %j and a bound of %d: %d', (models, weights, bound, expected) => {
    expect(modelsForWeightBeyond(models, weights, bound)).toBe(expected)
  })
})

describe('neighboursWithin', () => {
  test.each([
    [[0.1, 0.3, 0.2], 0.29, 0],
    [[0.1, 0.3, 0.2], 0.3, 1],
    [[0.1, 0.3, 0.2], 0.49, 1],
    [[0.1, 0.3, 0.2], 0.5, 2],
    [[0.1, 0.3, 0.2], 9, 3],
    // 0.1 + 0.2 > 0.3 in float64, and counts as 0.3.
    [[0.1, 0.2], 0.3, 2],
    [[0.1, 0.2], 0.3 * (1 - 1e-11), 1],
    [[], 0.3, 0],
    [[0, 0], 0, 2],
  ])('weights %j fit into %d: %d', (weights, bound, expected) => {
    expect(neighboursWithin(weights, bound)).toBe(expected)
  })
})

describe('boundaryOf', () => {
  const distances = f64(1, 4, 2, 3)
  const weights = f64(0.25, 0.25, 0.25, 0.25)

  test.each([
    [0, { inside: [3, 2, 0], at: 1, excess: 0.25 }],
    [0.125, { inside: [3, 2, 0], at: 1, excess: 0.125 }],
    [0.25, { inside: [2, 0], at: 3, excess: 0.25 }],
    [0.375, { inside: [2, 0], at: 3, excess: 0.125 }],
    [0.75, { inside: [], at: 0, excess: 0.25 }],
    [1, { inside: [], at: null, excess: 0 }],
    [2, { inside: [], at: null, excess: 0 }],
  ])('b = %d', (b, expected) => {
    expect(boundaryOf(distances, weights, b)).toEqual(expected)
  })

  test('a sum that exceeds b by rounding alone does not exceed it', () => {
    // 0.2 + 0.1 > 0.3 in float64: it is b, so the excess is the next one's whole weight.
    expect(boundaryOf(f64(1, 2, 3), f64(0.4, 0.1, 0.2), 0.3)).toEqual({ inside: [], at: 0, excess: 0.4 })
    const { at, excess } = boundaryOf(f64(1, 2, 3), f64(0.4, 0.1, 0.2), 0.3 * (1 - 1e-11))
    expect(at).toBe(1)
    expect(excess).toBeCloseTo(3e-12, 13)
    expect(boundaryOf(f64(), f64(), 0)).toEqual({ inside: [], at: null, excess: 0 })
  })
})

describe('radii', () => {
  test('oracle: honest distances over the weight of the others', () => {
    const [distances, weights] = [f64(2, 3, 10), f64(0.25, 0.5, 0.125)]
    expect(oracleRadius(distances, weights, [true, true, false])).toBe(
      Math.sqrt((0.25 * 4 + 0.5 * 9) / 0.125),
    )
    expect(oracleRadius(distances, weights, [false, true, false])).toBe(Math.sqrt((0.5 * 9) / 0.375))
    expect(oracleRadius(distances, weights, [false, false, false])).toBe(0)
    expect(oracleRadius(distances, weights, [true, true, true])).toBe(Number.MAX_VALUE)
    expect(oracleRadius(f64(1, 5), f64(0.5, 0), [true, false])).toBe(Number.MAX_VALUE)
  })

  test('practical: those that stay over b, at the boundary one fewer where that is asked for', () => {
    const [distances, weights] = [f64(1, 4, 2), f64(0.25, 0.25, 0.25)]
    expect(practicalRadius(distances, weights, 0.25)).toBe(Math.sqrt((0.25 * 4 + 0.25 * 1) / 0.25))
    expect(practicalRadius(distances, weights, 0.25, false)).toBe(Math.sqrt(5))
    expect(practicalRadius(distances, weights, 0.25, true)).toBe(1)
    expect(practicalRadius(distances, weights, 0.75)).toBe(0)
    expect(practicalRadius(f64(), f64(), 0.5)).toBe(0)
  })

  test('practical: the sum begins with the nearest, in this order to the last bit', () => {
    const distances = f64(0.1, 0.2, 0.3, 5)
    const weights = f64(0.21, 0.22, 0.23, 0.34)
    let sum = 0
    for (const j of [0, 1, 2]) sum += weights[j] * distances[j] * distances[j]
    expect(practicalRadius(distances, weights, 0.3)).toBe(Math.sqrt(sum / 0.3))
  })

  test('beyond: the largest distance with a weight of 2b strictly beyond it', () => {
    const [distances, weights] = [f64(1, 4, 2, 2), f64(0.2, 0.2, 0.2, 0.2)]
    expect(beyondRadius(distances, weights, 0)).toBe(4)
    expect(beyondRadius(distances, weights, 0.1)).toBe(2)
    // Those at the same distance go together.
    expect(beyondRadius(distances, weights, 0.15)).toBe(1)
    expect(beyondRadius(distances, weights, 0.3)).toBe(1)
    expect(beyondRadius(distances, weights, 0.31)).toBe(0)
    expect(beyondRadius(f64(), f64(), 0)).toBe(0)
  })
})

describe('clippedStep', () => {
  const view = (own: number[], rows: number[][], weights: number[], out?: Float32Array): RoundView => {
    const mine = Float32Array.from(own)
    const vectors = rows.map((row) => Float32Array.from(row))
    const distances = vectors.map((row) => Math.hypot(...row.map((value, k) => value - mine[k])))
    return {
      ...{ own: mine, vectors, distances: f64(...distances), weights: f64(...weights) },
      out: out ?? new Float32Array(own.length),
    } as unknown as RoundView
  }

  test('near models whole, far ones as far as the radius, with verdicts to match', () => {
    const round = view(
      [1, 1],
      [
        [1, 2],
        [1, 3],
        [5, 1],
      ],
      [0.25, 0.25, 0.25],
    )
    const outcome = clippedStep(round, 2, 1)
    expect(outcome.reasons).toEqual(['accepted', 'accepted', 'clipped'])
    expect(Array.from(outcome.weights)).toEqual([0.25, 0.25, 0.125])
    expect(outcome).toMatchObject({ ownWeight: 0.375, threshold: 2 })
    expect(Array.from(outcome.scores as Float64Array)).toEqual([1, 2, 4])
    expect(Array.from(round.out)).toEqual([1 + 0.125 * 4, 1 + 0.25 * 1 + 0.25 * 2])
  })

  test('the step scales every coefficient', () => {
    const round = view([0], [[1], [4]], [0.25, 0.25])
    const outcome = clippedStep(round, 2, 0.5)
    expect(Array.from(outcome.weights)).toEqual([0.125, 0.0625])
    expect(outcome.ownWeight).toBe(1 - 0.125 - 0.0625)
    expect(Array.from(round.out)).toEqual([0.125 + 0.0625 * 4])
  })

  test('a radius of 0 accepts what is equal to my own model, and moves nothing, bit for bit', () => {
    const own = [-0, 1e-45, 3]
    const round = view(own, [own, [9, 9, 9]], [0.25, 0.25])
    const outcome = clippedStep(round, 0, 1)
    expect(outcome.reasons).toEqual(['accepted', 'distance-above-threshold'])
    expect(Array.from(outcome.weights)).toEqual([0.25, 0])
    expect(outcome.ownWeight).toBe(0.75)
    expect(bitsOf(round.out)).toEqual(bitsOf(round.own))
  })

  test('a result that takes the place of my own model stays what it is when nothing moves', () => {
    const own = Float32Array.of(-0, 2)
    const round = { ...view([-0, 2], [[5, 5]], [0.5]), own, out: own }
    clippedStep(round, 0, 1)
    expect(bitsOf(own)).toEqual(bitsOf(Float32Array.of(-0, 2)))
  })

  test('weights of nothing move nothing', () => {
    const round = view([-0], [[4]], [0])
    const outcome = clippedStep(round, 9, 1)
    expect(outcome).toMatchObject({ ownWeight: 1, reasons: ['accepted'] })
    expect(bitsOf(round.out)).toEqual(bitsOf(Float32Array.of(-0)))
  })
})
