import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { addNoise, gaussians } from '../../src/differential-privacy/gaussian.js'
import { streamOf } from '../support/random.js'

const COUNT = 200_000
const length = (x: Float32Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))

describe('noise', () => {
  it('is normal: its moments and its tails', () => {
    const drawn = new Float64Array(COUNT + 1)
    gaussians(streamOf(1), drawn)
    const mean = (of: (value: number) => number) =>
      drawn.reduce((sum, value) => sum + of(value), 0) / drawn.length
    // Five standard errors each.
    const near = (value: number, wanted: number, variance: number) =>
      expect(Math.abs(value - wanted)).toBeLessThan(5 * Math.sqrt(variance / COUNT))
    near(
      mean((x) => x),
      0,
      1,
    )
    near(
      mean((x) => x * x),
      1,
      2,
    )
    near(
      mean((x) => x ** 3),
      0,
      15,
    )
    near(
      mean((x) => x ** 4),
      3,
      96,
    )
    near(
      mean((x) => (Math.abs(x) > 1.96 ? 1 : 0)),
      0.05,
      0.0475,
    )
    near(
      mean((x) => (x > 3 ? 1 : 0)),
      0.00135,
      0.00135,
    )
    // Neighbours have nothing to do with each other.
    let product = 0
    for (let k = 1; k < COUNT; k++) product += drawn[k] * drawn[k - 1]
    near(product / COUNT, 0, 1)
  })

  it('has the same bits on every machine', () => {
    const start = Float32Array.from({ length: 10_001 }, (_, k) => (k % 128) / 64)
    const model = start.map((value, k) => value + (k % 3) / 4)
    addNoise(start, model, { clip: 2, noiseMultiplier: 1.5 }, streamOf(3))
    const bits = createHash('sha256').update(new Uint8Array(model.buffer)).digest('hex')
    expect(bits).toBe('47a1d71c0d8f657bddf75be9a0be85fda425ce92cd69bcef5611cdd556b155c0')
  })

  it('is as large as the clip and the multiplier say, and what it hides is no longer than the clip', () => {
    const start = Float32Array.from({ length: 10_000 }, (_, k) => Math.sin(k))
    const model = start.map((value, k) => value + Math.cos(k))
    const short = model.slice()
    expect(addNoise(start, short, { clip: 2, noiseMultiplier: 0 }, streamOf(2))).toBeLessThan(0.03)
    expect(length(short.map((value, k) => value - start[k]))).toBeCloseTo(2, 3)
    const noisy = model.slice()
    addNoise(start, noisy, { clip: 2, noiseMultiplier: 1.5 }, streamOf(2))
    const noise = noisy.map((value, k) => value - short[k])
    expect(length(noise) / Math.sqrt(noise.length)).toBeGreaterThan(2.9)
    expect(length(noise) / Math.sqrt(noise.length)).toBeLessThan(3.1)
    const near = start.map((value) => value + 0.001)
    const kept = near.slice()
    expect(addNoise(start, kept, { clip: 2, noiseMultiplier: 0 }, streamOf(2))).toBe(1)
    expect(kept).toEqual(near)
  })
})
