/** The anchored rules hold no vector of length d beside their inputs but the result. */

import { afterEach, expect, test, vi } from 'vitest'
import { createRule, vectorArena } from '../../../src/index.js'
import { ordinaryRound } from '../../support.js'

const D = 70_000
const arena = vectorArena()

/** Counts float arrays of D values and more that get memory of their own while `body` runs. */
function longArrays(body: () => void): number {
  let count = 0
  const counting = <T extends Float32ArrayConstructor | Float64ArrayConstructor>(original: T): T =>
    new Proxy(original, {
      construct: (target, args: unknown[], newTarget) => {
        const [source] = args
        const length = typeof source === 'number' ? source : ((source as { length?: number })?.length ?? 0)
        if (length >= D) count++
        return Reflect.construct(
          target,
          args,
          newTarget === counted32 || newTarget === counted64 ? target : newTarget,
        )
      },
    })
  const [counted32, counted64] = [counting(Float32Array), counting(Float64Array)]
  vi.stubGlobal('Float32Array', counted32)
  vi.stubGlobal('Float64Array', counted64)
  try {
    body()
  } finally {
    vi.unstubAllGlobals()
  }
  return count
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test('the counter counts', () => {
  expect(longArrays(() => new Float32Array(D))).toBe(1)
  expect(longArrays(() => Float64Array.from({ length: D }, () => 1))).toBe(1)
  expect(longArrays(() => new Float32Array(new ArrayBuffer(4 * D)))).toBe(0)
})

test.each([
  ['balance', { gamma: 10 }],
  ['clipped-gossip', { tau: 1 }],
  ['clipped-gossip', { b: 0.2 }],
  ['centred-clipping', { tau: 1, steps: 3 }],
  ['cs-plus', { b: 0.15 }],
])('%s %j', (name, params) => {
  const ordinary = ordinaryRound(8, D)
  const inArena = (x: Float32Array): Float32Array => {
    const vector = arena?.allocate(D) ?? new Float32Array(D)
    vector.set(x)
    return vector
  }
  const rounds = [
    ordinary,
    { ...ordinary, own: inArena(ordinary.own), neighbours: ordinary.neighbours.map(inArena) },
  ]
  for (const round of rounds) {
    const rule = createRule(name, params)
    const out = new Float32Array(D)
    // Once before, so that the kernels are there.
    rule.aggregate(round, out)
    expect(longArrays(() => rule.aggregate(round, out))).toBe(0)
    expect(longArrays(() => rule.aggregate(round))).toBe(1)
  }
})
