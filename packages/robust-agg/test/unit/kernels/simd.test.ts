/** WebAssembly against plain TypeScript: equal bits, at awkward lengths, with awkward values, wherever vectors lie. */

import { describe, expect, test } from 'vitest'
import { vectorArena } from '../../../src/arena.js'
import * as combine from '../../../src/kernels/combine.js'
import * as coordinate from '../../../src/kernels/coordinate.js'
import { selectKernels, usesSimd } from '../../../src/kernels/dispatch.js'
import * as distance from '../../../src/kernels/distance.js'
import { filterIngress, plainFilterIngress } from '../../../src/kernels/ingress.js'
import { simdKernels } from '../../../src/kernels/simd.js'
import { createRng } from '../../../src/rng.js'
import { expectSameBits } from '../../support.js'

const maybe = simdKernels()
const LENGTHS = [1, 2, 15, 16, 17, 255, 2047, 2048, 2049, 4096, 5003, 16384, 16385, 40000, 65536, 133333]

const made = new Map<string, Float32Array>()

/** Finite values of every size, zeros of both signs, denormals, neighbours in float32. Read only: made once. */
function awkward(name: string, d: number): Float32Array {
  const key = `${name} ${d}`
  const before = made.get(key)
  if (before !== undefined) return before
  const rng = createRng('hostile', name, d)
  const special = [0, -0, 1e-45, -1e-45, 3.4028234e38, -3.4028234e38, 1e38, 1.1754944e-38, 1, -1, 1.0000001]
  const vector = Float32Array.from({ length: d }, () => {
    const kind = rng.integer(4)
    if (kind === 0) return special[rng.integer(special.length)]
    if (kind === 1) return rng.normal() * 2 ** (rng.integer(240) - 120)
    return rng.normal()
  })
  made.set(key, vector)
  return vector
}

/** The same values in the arena, at an odd place of ordinary memory, and in ordinary memory. */
const places: [string, (x: Float32Array) => Float32Array][] = [
  ['ordinary memory', (x) => x],
  [
    'a view at an offset',
    (x) => {
      const view = new Float32Array(new ArrayBuffer(4 * x.length + 12), 12, x.length)
      view.set(x)
      return view
    },
  ],
  [
    'the arena',
    (x) => {
      const vector = vectorArena()?.allocate(x.length)
      if (vector === null || vector === undefined) throw new Error('no arena')
      vector.set(x)
      return vector
    },
  ],
  [
    'the arena, at an odd offset',
    (x) => {
      const vector = vectorArena()
        ?.allocate(x.length + 5)
        ?.subarray(3, x.length + 3)
      if (vector === undefined) throw new Error('no arena')
      vector.set(x)
      return vector
    },
  ],
]

test('this machine runs the SIMD kernels', () => {
  expect(maybe).not.toBeNull()
  expect(usesSimd()).toBe(true)
  selectKernels('plain')
  expect(usesSimd()).toBe(false)
  selectKernels('auto')
})

if (maybe !== null) {
  const simd = maybe

  describe.each(places)('vectors in %s', (_name, put) => {
    test.each(LENGTHS)('sums and combinations of length %i', (d) => {
      for (const count of d === 5003 ? [1, 2, 3, 4, 7, 8, 9, 16, 17, 40] : d > 65000 ? [4] : [1, 2, 7]) {
        const plain = Array.from({ length: count }, (_, j) => awkward(`row ${j}`, d))
        const vectors = plain.map(put)
        const anchor = put(awkward('anchor', d))
        const c = Float64Array.from({ length: count }, (_, j) => (j % 2 === 0 ? 0.3 : -0.2) / (j + 1))
        expect(simd.squaredNorm(anchor)).toBe(distance.squaredNorm(anchor))
        const [a, b] = [new Float64Array(count), new Float64Array(count)]
        expect(simd.squaredDistancesTo(anchor, vectors, a)).toEqual(
          distance.squaredDistancesTo(anchor, plain, b),
        )
        expect(simd.squaredDistancesToCombination(c, vectors, a)).toEqual(
          distance.squaredDistancesToCombination(c, plain, b),
        )
        expect(simd.pairwiseSquaredDistances(vectors)).toEqual(distance.pairwiseSquaredDistances(plain))
        const [x, y] = [put(new Float32Array(d)), new Float32Array(d)]
        simd.linearCombination(c, vectors, x)
        combine.linearCombination(c, plain, y)
        expectSameBits(x, y)
        simd.anchoredCombination(anchor, c, vectors, x)
        combine.anchoredCombination(anchor, c, plain, y)
        expectSameBits(x, y)
      }
    })

    test.each([1, 31, 33, 2048, 5003, 66000])('several sums with one factor, length %i', (d) => {
      const plain = Array.from({ length: 6 }, (_, j) => awkward(`row ${j}`, d))
      const members = [[0], [1, 2, 5], [0, 1, 2, 3, 4, 5], [4, 3]]
      const [x, y] = [members.map(() => put(new Float32Array(d))), members.map(() => new Float32Array(d))]
      simd.sharedCombinations(0.3, plain.map(put), members, x)
      combine.sharedCombinations(0.3, plain, members, y)
      for (const [k, sum] of x.entries()) expectSameBits(sum, y[k])
    })

    test.each([1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65])('order statistics of %i rows', (n) => {
      const d = n > 20 ? 37 : 2050
      const plain = Array.from({ length: n }, (_, j) => awkward(`row ${j}`, d))
      const vectors = plain.map(put)
      const [x, y] = [put(new Float32Array(d)), new Float32Array(d)]
      for (const skip of new Set([0, Math.floor(n / 4), (n - 1) >> 1])) {
        simd.middleMean(vectors, skip, x)
        coordinate.middleMean(plain, skip, y)
        expectSameBits(x, y)
      }
      for (const keep of new Set([n, n - Math.floor(n / 4), (n >> 1) + 1, 1])) {
        simd.closestMean(vectors, keep, x)
        coordinate.closestMean(plain, keep, y)
        expectSameBits(x, y)
      }
    })

    test.each(LENGTHS)('ingress filter, length %i', (d) => {
      for (const bad of [null, Number.NaN, Infinity, -Infinity, 2 ** 60, -(2 ** 60)]) {
        const source = awkward('ingress', d).map((value) => (Math.abs(value) < 2 ** 59 ? value : 1))
        if (bad !== null) source[d >> 1] = bad
        const [x, y] = [put(source.slice()), source.slice()]
        expect(simd.largestBits(x, false)).toBe(simd.largestBits(source, false))
        expect(filterIngress(x)).toBe(plainFilterIngress(y))
        expectSameBits(x, y)
      }
    })

    test('out may be an input', () => {
      const d = 5003
      const plain = Array.from({ length: 5 }, (_, j) => awkward(`row ${j}`, d))
      const c = [0.5, 0.25, 0.125, 0.0625, 0.0625]
      const y = new Float32Array(d)
      const fresh = () => plain.map((x) => put(x.slice()))
      let vectors = fresh()
      simd.linearCombination(c, vectors, vectors[2])
      combine.linearCombination(c, plain, y)
      expectSameBits(vectors[2], y)
      vectors = fresh()
      simd.anchoredCombination(vectors[0], c, vectors, vectors[0])
      combine.anchoredCombination(plain[0], c, plain, y)
      expectSameBits(vectors[0], y)
      vectors = fresh()
      simd.middleMean(vectors, 1, vectors[4])
      coordinate.middleMean(plain, 1, y)
      expectSameBits(vectors[4], y)
    })
  })

  test('NaN and infinities end up as not finite in sums', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      for (const at of [0, 700, 2999]) {
        const x = awkward('bad', 3000).slice()
        x[at] = bad
        expect(Number.isFinite(simd.squaredNorm(x))).toBe(false)
        expect(simd.largestBits(x, false)).toBeGreaterThanOrEqual(0x7f800000)
      }
    }
  })
}

test('the arena hands vectors out, takes them back, and knows its own', () => {
  const arena = vectorArena()
  if (arena === null) return
  const first = arena.allocate(1000)
  const second = arena.allocate(1000)
  if (first === null || second === null) throw new Error('full')
  expect(first.byteOffset % 64).toBe(0)
  first.fill(3)
  expect(second.every((value) => value === 0)).toBe(true)
  arena.release(first)
  arena.release(first)
  const third = arena.allocate(1000)
  expect(third?.byteOffset).toBe(first.byteOffset)
  expect(third?.every((value) => value === 0)).toBe(true)
  expect(arena.allocate(1000)?.byteOffset).not.toBe(first.byteOffset)
  arena.release(new Float32Array(4))
  // Growing the memory leaves earlier vectors as they are.
  const large = arena.allocate(8_000_000)
  expect(large?.length).toBe(8_000_000)
  second.fill(2)
  expect(simdKernels()?.squaredNorm(second)).toBe(4000)
})
