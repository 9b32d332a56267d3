import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compareModels, type ModelComparison } from '../../src/contribution/comparison.js'
import { selectKernels } from '../../src/index.js'

const { own, neighbours } = JSON.parse(readFileSync(new URL('./contribution.json', import.meta.url), 'utf8'))

const D = 600

/** A sequence that any language computes alike. */
const wave = (seed: number): Float64Array =>
  Float64Array.from(
    { length: D },
    (_, k) => ((k * (2 * seed + 3) + 7 * seed * seed + k * k * seed) % 101) / 101 - 0.5,
  )
const start = Float32Array.from(wave(1))
const beside = (scale: number, seed: number): Float32Array => {
  const direction = wave(seed)
  return start.map((value, k) => value + scale * direction[k])
}

const round = {
  start,
  own: beside(0.1, 2),
  neighbours: [beside(0.12, 3), beside(0.08, 4), beside(0.5, 5), beside(0.1, 6)],
  before: [beside(0.3, 7), beside(0.3, 8), beside(-0.2, 10)],
}

function expectClose(found: ModelComparison, due: Record<string, number>): void {
  for (const field of ['distance', 'novelty', 'cosine', 'overlap', 'usualOverlap'] as const)
    expect(found[field], field).toBeCloseTo(due[field]!, 9)
}

describe('models compared by NumPy', () => {
  test('give the same numbers', () => {
    const compared = compareModels(round)
    expectClose(compared.own, own)
    expect(compared.neighbours).toHaveLength(neighbours.length)
    for (const [k, found] of compared.neighbours.entries()) expectClose(found, neighbours[k])
  })

  test('give the same bits with and without WebAssembly', () => {
    const simd = compareModels(round)
    selectKernels('plain')
    try {
      expect(compareModels(round)).toStrictEqual(simd)
    } finally {
      selectKernels('auto')
    }
  })
})
