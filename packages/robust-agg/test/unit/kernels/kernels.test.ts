/** The kernels against slow code that follows their documented order: equal bits, at every awkward length. */

import { describe, expect, test } from 'vitest'
import { anchoredCombination, linearCombination } from '../../../src/kernels/combine.js'
import { middleMean } from '../../../src/kernels/coordinate.js'
import {
  CHUNK_LENGTH,
  pairwiseSquaredDistances,
  squaredDistancesTo,
  squaredNorm,
} from '../../../src/kernels/distance.js'
import { allFinite } from '../../../src/kernels/finite.js'
import { bitsOf, cloud } from '../../support.js'

const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 17, CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 5003]

function orderedSum(terms: readonly number[]): number {
  let total = 0
  for (let from = 0; from < terms.length; from += CHUNK_LENGTH) {
    const lanes = new Array<number>(8).fill(0)
    terms.slice(from, from + CHUNK_LENGTH).forEach((term, k) => {
      lanes[k % 8] += term
    })
    const [l0, l1, l2, l3, l4, l5, l6, l7] = lanes
    total += l0 + l1 + (l2 + l3) + (l4 + l5 + (l6 + l7))
  }
  return total
}

/** The documented order of pairwise distances: 16 float32 lanes a chunk. */
function pairSum(a: Float32Array, b: Float32Array): number {
  let total = 0
  for (let from = 0; from < a.length; from += CHUNK_LENGTH) {
    const lanes = new Float32Array(16)
    for (let k = from; k < Math.min(a.length, from + CHUNK_LENGTH); k++) {
      const difference = Float32Array.of(a[k] - b[k])[0]
      lanes[k % 16] = lanes[k % 16] + Float32Array.of(difference * difference)[0]
    }
    let sum = 0
    for (let q = 0; q < 16; q += 4) sum += lanes[q] + lanes[q + 1] + (lanes[q + 2] + lanes[q + 3])
    total += sum
  }
  return total
}

test('pairwise distances out of the range of float32 are taken in float64', () => {
  for (const size of [1e38, 1e25, 1e-22, 1e-30, 1e-45, 0]) {
    const vectors = [0, 1, 3].map((factor) => new Float32Array(700).fill(factor * size))
    const matrix = pairwiseSquaredDistances(vectors)
    const exact = squaredDistancesTo(vectors[0], vectors, new Float64Array(3))
    expect(Array.from(matrix.subarray(0, 3))).toEqual(Array.from(exact))
    if (size > 0) expect(matrix[1]).toBeGreaterThan(0)
    expect(Number.isFinite(matrix[5])).toBe(true)
  }
})

test('the chunk length is part of the documented order', () => {
  expect(CHUNK_LENGTH).toBe(2048)
})

describe.each(LENGTHS)('length %i', (d) => {
  const vectors = Array.from({ length: 6 }, (_, j) => cloud(`kernel ${j}`, d, j, 1))
  const squares = (a: Float32Array, b: Float32Array): number =>
    orderedSum(Array.from(a, (value, k) => (value - b[k]) * (value - b[k])))

  test('sums of squares follow the documented order', () => {
    expect(squaredNorm(vectors[0])).toBe(orderedSum(Array.from(vectors[0], (value) => value * value)))
    const out = new Float64Array(5).fill(7)
    squaredDistancesTo(vectors[0], vectors.slice(1), out)
    expect(Array.from(out)).toEqual(vectors.slice(1).map((x) => squares(vectors[0], x)))
    const exact = squaredDistancesTo(Float64Array.from(vectors[0]), vectors.slice(1), new Float64Array(5))
    expect(Array.from(exact)).toEqual(Array.from(out))
    const matrix = pairwiseSquaredDistances(vectors)
    vectors.forEach((a, i) => {
      vectors.forEach((b, j) => {
        expect(matrix[i * 6 + j]).toBe(pairSum(a, b))
        expect(Math.abs(matrix[i * 6 + j] - squares(a, b))).toBeLessThanOrEqual(1e-6 * squares(a, b))
      })
    })
  })

  test('combinations add in the order of the list and round once', () => {
    const coefficients = [0.1, 0.2, -0.3, 0.4, 0.35, 0.25]
    const expected = Float32Array.from({ length: d }, (_, k) => {
      let sum = coefficients[0] * vectors[0][k]
      for (let j = 1; j < 6; j++) sum += coefficients[j] * vectors[j][k]
      return sum
    })
    const out = new Float32Array(d).fill(Number.NaN)
    linearCombination(coefficients, vectors, out)
    expect(bitsOf(out)).toEqual(bitsOf(expected))
    for (let n = 1; n < 6; n++) {
      linearCombination(coefficients, vectors.slice(0, n), out)
      const last = d - 1
      let sum = coefficients[0] * vectors[0][last]
      for (let j = 1; j < n; j++) sum += coefficients[j] * vectors[j][last]
      if (d > 0) expect(out[last]).toBe(Math.fround(sum))
    }
    const [anchor, ...rest] = vectors
    anchoredCombination(anchor, coefficients, rest, out)
    const anchored = anchor.map((value, k) => {
      let sum = value
      for (let j = 0; j < rest.length; j++) sum += coefficients[j] * (rest[j][k] - value)
      return sum
    })
    expect(bitsOf(out)).toEqual(bitsOf(anchored))
  })

  test('allFinite finds a bad value at every kind of place', () => {
    expect(allFinite(vectors[0])).toBe(true)
    for (const at of new Set([0, 1, d >> 1, d - 2, d - 1].filter((k) => k >= 0 && k < d))) {
      for (const bad of [Number.NaN, Infinity, -Infinity]) {
        const x = vectors[0].slice()
        x[at] = bad
        expect(allFinite(x)).toBe(false)
        expect(Number.isFinite(squaredNorm(x))).toBe(false)
      }
    }
  })
})

describe('middleMean', () => {
  test.each([1, 2, 3, 4, 7, 8, 16, 63, 64, 65, 100])('n = %i agrees with sorting, for every trim', (n) => {
    const vectors = Array.from({ length: n }, (_, j) => cloud(`column ${j}`, 9, 0, 10))
    for (let skip = 0; 2 * skip < n; skip += Math.max(1, n >> 3)) {
      const out = new Float32Array(9)
      middleMean(vectors, skip, out)
      out.forEach((value, k) => {
        const kept = vectors
          .map((x) => x[k])
          .sort((a, b) => a - b)
          .slice(skip, n - skip)
        expect(value).toBe(Math.fround(kept.reduce((sum, x) => sum + x) / kept.length))
      })
    }
  })

  test('extremes and signed zeros sort in total order', () => {
    const values = [0, -0, 1e-45, -1e-45, 3.4028234e38, -3.4028234e38, 1]
    const out = new Float32Array(1)
    middleMean(
      values.map((value) => Float32Array.of(value)),
      3,
      out,
    )
    expect(Object.is(out[0], 0)).toBe(true)
  })
})
