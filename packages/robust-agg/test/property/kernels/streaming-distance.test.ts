/** Streaming distances: the bits of the whole-vector kernel however the vector is cut, and no abort of a good one. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRule, createStreamingDistance } from '../../../src/index.js'
import { squaredDistancesTo } from '../../../src/kernels/distance.js'
import { cloud } from '../../support.js'

const D = 65536 + 2048 + 77
const own = cloud('streaming own', D)
const noise = cloud('streamed', D, 0, 1)
const streamed = (spread: number): Float32Array => noise.map((value) => 1 + spread * value)
const whole = (x: Float32Array): number => squaredDistancesTo(own, [x], new Float64Array(1))[0]

/** Ascending places to cut the vector at, chunk and span boundaries among them. */
const cuts = fc
  .array(fc.oneof(fc.integer({ min: 0, max: D }), fc.constantFrom(0, 1, 2047, 2048, 2049, 65536, D)), {
    maxLength: 12,
  })
  .map((places) => [0, ...places.sort((a, b) => a - b), D])

function stream(x: Float32Array, places: readonly number[], threshold: number) {
  const distance = createStreamingDistance(own, threshold)
  const verdicts = places.slice(1).map((to, k) => distance.push(x.subarray(places[k], to)))
  return { distance, verdicts }
}

describe('createStreamingDistance', () => {
  test('gives the bits of the whole-vector kernel, however the vector is cut', () => {
    fc.assert(
      fc.property(cuts, fc.float({ min: 0, max: 100, noNaN: true }), (places, spread) => {
        const x = streamed(spread)
        const { distance, verdicts } = stream(x, places, Number.POSITIVE_INFINITY)
        expect(distance.squaredDistance).toBe(whole(x))
        expect(new Set(verdicts)).toEqual(new Set(['under']))
      }),
      { numRuns: 40 },
    )
  })

  test('is over exactly when the whole distance is, and BALANCE takes no vector that was given up', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(cuts, fc.double({ min: 0, max: 0.6, noNaN: true }), (places, spread) => {
        const x = streamed(spread)
        const {
          verdicts: [verdict],
        } = createRule('balance').aggregate({
          own,
          neighbours: [x],
          round: 3,
          rounds: 10,
        })
        const { verdicts } = stream(x, places, verdict.threshold as number)
        const last = verdicts[verdicts.length - 1]
        seen.add(last)
        expect(last).toBe(verdict.accepted ? 'under' : 'over')
      }),
      { numRuns: 60 },
    )
    expect(seen).toEqual(new Set(['under', 'over']))
  })

  test.each([
    ['balance', { gamma: 0.2 }],
    ['clipped-gossip', { tau: 3 }],
    ['cs-plus', { b: 0.15 }],
    ['nna', {}],
  ])('%s with distances from the stream gives the same round', (name, params) => {
    const neighbours = Array.from({ length: 6 }, (_, j) => cloud(`known ${j}`, D, 1, 0.05 * j))
    neighbours[2][7] = Number.NaN
    const round = { own, neighbours, round: 1, rounds: 10 }
    const squares = neighbours.map((x, j) =>
      j === 4 ? null : stream(x, [0, 5000, D], Number.POSITIVE_INFINITY).distance.squaredDistance,
    )
    expect(squares.filter((square) => square === null).length).toBe(2)
    const rule = createRule(name, params)
    const expected = rule.aggregate(round)
    expect(rule.aggregate({ ...round, squaredDistances: squares })).toEqual(expected)
    // They are used: with distances that are not true the verdicts are others.
    const untrue = rule.aggregate({ ...round, squaredDistances: squares.map(() => 1e12) })
    expect(untrue.verdicts).not.toEqual(expected.verdicts)
    for (const bad of [[1], squares.map(() => -1), squares.map(() => Number.NaN)]) {
      expect(() => rule.aggregate({ ...round, squaredDistances: bad })).toThrow('squaredDistances')
    }
  })

  test('a vector exactly at the threshold passes, the next smaller threshold stops it', () => {
    const x = cloud('edge', D, 1, 0.2)
    const exact = Math.sqrt(whole(x))
    expect(stream(x, [0, D], exact).verdicts).toEqual(['under'])
    expect(stream(x, [0, D], exact * (1 - 2 ** -52)).verdicts).toEqual(['over'])
  })

  test('says so as soon as a chunk is over, and stays with it', () => {
    const x = own.slice()
    x[5] = 1e30
    const distance = createStreamingDistance(own, 1)
    expect(distance.push(x.subarray(0, 2047))).toBe('under')
    expect(distance.push(x.subarray(2047, 2048))).toBe('over')
    expect(distance.push(x.subarray(2048))).toBe('over')
    expect(distance.squaredDistance).toBeNull()
    expect(distance.received).toBe(2048)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s is not finite', (bad) => {
    const x = own.slice()
    x[D - 1] = bad
    const { distance, verdicts } = stream(x, [0, 3000, D], 1)
    expect(verdicts).toEqual(['under', 'not-finite'])
    expect(distance.squaredDistance).toBeNull()
  })

  test('more values than own has are refused', () => {
    const distance = createStreamingDistance(own.subarray(0, 10), 1)
    expect(() => distance.push(new Float32Array(11))).toThrow("more than own's 10 values")
  })
})
