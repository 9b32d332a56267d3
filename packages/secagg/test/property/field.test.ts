import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import {
  add,
  centred,
  elementOf,
  inverse,
  multiply,
  negate,
  P,
  power,
  subtract,
} from '../../src/field/field.js'
import { plainKernels } from '../../src/field/plain-kernels.js'
import { createWasmKernels } from '../../src/field/wasm-kernels.js'
import { element, streamOf, vector } from '../support/random.js'

const numRuns = sized(300, 10_000)

describe('the field', () => {
  it('has sums, products and inverses', () => {
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(multiply(a, add(b, c))).toBe(add(multiply(a, b), multiply(a, c)))
        expect(add(a, negate(a))).toBe(0n)
        expect(add(subtract(a, b), b)).toBe(a)
        if (a !== 0n) expect(multiply(a, inverse(a))).toBe(1n)
        expect(elementOf(centred(a))).toBe(a)
        expect(centred(a) <= P / 2n && centred(a) >= -(P / 2n)).toBe(true)
      }),
      { numRuns },
    )
  })

  it('has a prime order: 37 generates all of its elements', () => {
    // p − 1 = 2·3²·5²·7·11·13·31·41·61·151·331·1321
    const factors = [2n, 3n, 5n, 7n, 11n, 13n, 31n, 41n, 61n, 151n, 331n, 1321n]
    let rest = P - 1n
    for (const factor of factors) while (rest % factor === 0n) rest /= factor
    expect(rest).toBe(1n)
    expect(power(37n, P - 1n)).toBe(1n)
    for (const factor of factors) expect(power(37n, (P - 1n) / factor)).not.toBe(1n)
  })
})

describe('kernels in WebAssembly', () => {
  const wasm = createWasmKernels()!
  /** Lengths around those of pieces and of groups of eight. */
  const length = fc.constantFrom(1, 7, 8, 9, 63, 200)

  it('give the bits of the plain ones', () => {
    const cases = length.chain((d) =>
      fc.record({
        vectors: fc.array(vector(d), { minLength: 1, maxLength: 5 }),
        factors: fc.array(element, { minLength: 5, maxLength: 5 }),
        seed: fc.nat(),
        rows: fc.integer({ min: 1, max: 20 }),
      }),
    )
    fc.assert(
      fc.property(cases, ({ vectors, factors, seed, rows }) => {
        const [x] = vectors
        const y = vectors[vectors.length - 1]
        const [a, b] = [wasm, plainKernels].map((kernels) => {
          const out = new BigUint64Array(x.length)
          kernels.combine(factors.slice(0, vectors.length), vectors, out)
          const random = BigUint64Array.from(x, (value, k) =>
            BigInt.asUintN(64, (value << 5n) | BigInt(k % 32)),
          )
          random[0] = P | (BigInt(seed % 8) << 61n)
          kernels.reduceRandom(random)
          const signs = streamOf(seed)
          return {
            out,
            random,
            value: kernels.evaluate(x, y[0]),
            distances: kernels.pairwiseSquaredDistances(vectors),
            projections: kernels.project(x, rows, (into) => signs.fill(into)),
          }
        })
        expect(a).toEqual(b)
        expect([...a.random].every((value) => value < P)).toBe(true)
      }),
      { numRuns: sized(100, 10_000) },
    )
  })

  it('join their pieces', () => {
    for (const d of [2_047, 2_048, 2_049, 5_000]) {
      const random = streamOf(d)
      const x = new BigUint64Array(d)
      const y = new BigUint64Array(d)
      for (const one of [x, y]) random.fill(new Uint8Array(one.buffer))
      for (const one of [x, y]) plainKernels.reduceRandom(one)
      expect(wasm.evaluate(x, y[0])).toBe(plainKernels.evaluate(x, y[0]))
      expect(wasm.pairwiseSquaredDistances([x, y, x])).toEqual(
        plainKernels.pairwiseSquaredDistances([x, y, x]),
      )
      const [a, b] = [wasm, plainKernels].map((kernels) => {
        const signs = streamOf(1)
        return kernels.project(x, 5, (into) => signs.fill(into))
      })
      expect(a).toEqual(b)
    }
  })
})
