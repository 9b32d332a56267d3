import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { noiseFor, privacySpent } from '../../src/differential-privacy/accountant.js'

interface Case {
  readonly rate: number
  readonly noise: number
  readonly steps: number
  readonly delta: number
  readonly epsilon: number
}
const { cases } = JSON.parse(readFileSync(new URL('accountant.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[]
}

describe('the accountant', () => {
  it.each(cases)(
    'agrees with dp-accounting about $steps steps at $rate with noise $noise, delta $delta',
    (one) => {
      const { rate: samplingRate, noise: noiseMultiplier, steps, delta } = one
      const { epsilon } = privacySpent([{ samplingRate, noiseMultiplier, steps }], delta)
      expect(Math.abs(epsilon - one.epsilon)).toBeLessThanOrEqual(1e-6 * Math.max(1, one.epsilon))
    },
  )

  it('adds up steps of different kinds', () => {
    const step = { samplingRate: 0.01, noiseMultiplier: 1.1 }
    const whole = privacySpent([{ ...step, steps: 500 }], 1e-5)
    const parts = [200, 300].map((steps) => ({ ...step, steps }))
    expect(privacySpent(parts, 1e-5).epsilon).toBeCloseTo(whole.epsilon, 9)
    const more = [...parts, { samplingRate: 1, noiseMultiplier: 50, steps: 10 }]
    expect(privacySpent(more, 1e-5).epsilon).toBeGreaterThan(whole.epsilon)
    expect(privacySpent([], 1e-5).epsilon).toBeLessThan(0.02)
  })

  it('finds the noise for a budget', () => {
    for (const epsilon of [0.5, 1, 3, 8]) {
      const step = { samplingRate: 0.05, steps: 1_000 }
      const noiseMultiplier = noiseFor(epsilon, 1e-5, step)
      expect(privacySpent([{ ...step, noiseMultiplier }], 1e-5).epsilon).toBeLessThanOrEqual(epsilon)
      const less = [{ ...step, noiseMultiplier: noiseMultiplier * 0.999 }]
      expect(privacySpent(less, 1e-5).epsilon).toBeGreaterThan(epsilon)
    }
    expect(() => noiseFor(0, 1e-5, { samplingRate: 1, steps: 1 })).toThrow(/no noise/)
  })

  it.each([
    [{ samplingRate: 0, noiseMultiplier: 1, steps: 1 }, 1e-5, /sampling rate/],
    [{ samplingRate: 1.1, noiseMultiplier: 1, steps: 1 }, 1e-5, /sampling rate/],
    [{ samplingRate: 1, noiseMultiplier: 0, steps: 1 }, 1e-5, /noise must be above 0/],
    [{ samplingRate: 1, noiseMultiplier: Number.NaN, steps: 1 }, 1e-5, /noise must be above 0/],
    [{ samplingRate: 1, noiseMultiplier: 1, steps: 0.5 }, 1e-5, /whole number/],
    [{ samplingRate: 1, noiseMultiplier: 1, steps: 1 }, 0, /delta/],
  ])('refuses %j with delta %s', (step, delta, message) => {
    expect(() => privacySpent([step], delta)).toThrow(message)
  })
})
