/** A machine without WebAssembly: plain TypeScript, the same bits. */

import { afterAll, expect, test, vi } from 'vitest'
import * as here from '../../../src/index.js'
import { bitsOf, ordinaryRound } from '../../support.js'

afterAll(() => {
  vi.unstubAllGlobals()
})

test.each([
  ['no WebAssembly', undefined],
  [
    'WebAssembly without shared memory or SIMD',
    {
      Memory: class {
        constructor() {
          throw new RangeError('no')
        }
      },
    },
  ],
])('%s', async (_name, stub) => {
  const round = ordinaryRound(6, 3000)
  const expected = ['median', 'krum', 'balance'].map((name) =>
    bitsOf(here.createRule(name).aggregate(round).vector),
  )
  vi.stubGlobal('WebAssembly', stub)
  vi.resetModules()
  const there = await import('../../../src/index.js')
  expect(there).not.toBe(here)
  expect(there.usesSimd()).toBe(false)
  expect(there.vectorArena()).toBeNull()
  expect(there.filterIngress(new Float32Array(500).fill(Number.NaN))).toBe('not-finite')
  const results = ['median', 'krum', 'balance'].map((name) =>
    bitsOf(there.createRule(name).aggregate(round).vector),
  )
  expect(results).toEqual(expected)
})
