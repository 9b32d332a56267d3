import { describe, expect, it } from 'vitest'
import { estimate, expandedTail } from '../../../src/measures/bootstrap.js'

describe('estimate', () => {
  it('has no interval for one value and no answer for none', () => {
    expect(estimate([0.5])).toEqual({ mean: 0.5, low: null, high: null, values: [0.5] })
    expect(estimate([])).toBeNull()
    expect(estimate([null, null])).toBeNull()
  })

  it('gives the range of two to four values, leaving out what was not measured', () => {
    expect(estimate([0.2, null, 0.6])).toEqual({ mean: 0.4, low: 0.2, high: 0.6, values: [0.2, 0.6] })
    expect(estimate([3, 1, 2, 6])).toMatchObject({ mean: 3, low: 1, high: 6 })
  })

  it('is wider than the plain percentile interval and narrower than the range for many values', () => {
    const values = Array.from({ length: 20 }, (_, k) => k)
    const { mean, low, high } = estimate(values)!
    expect(mean).toBe(9.5)
    // Standard error 5.916 / √20 = 1.323; the t interval is 9.5 ± 2.093 · 1.323 = [6.73, 12.27], which this comes near.
    expect(low!).toBeGreaterThan(6.3)
    expect(low!).toBeLessThan(7.1)
    expect(high!).toBeGreaterThan(11.9)
    expect(high!).toBeLessThan(12.7)
  })

  it('gives the same interval for the same values', () => {
    const values = [0.81, 0.79, 0.9, 0.85, 0.7, 0.66]
    expect(estimate(values)).toEqual(estimate(values))
  })

  it('does not call equal values uncertain', () => {
    const { low, high } = estimate([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])!
    expect([low, high]).toEqual([0.5, 0.5])
  })
})

describe('expandedTail', () => {
  it('is Φ(−√(n/(n−1)) · t), by hand', () => {
    // n = 5: t = 2.7764, √1.25 · t = 3.1041, Φ(−3.1041) = 0.00095.
    expect(expandedTail(5)).toBeCloseTo(0.00095, 5)
    // n = 11: t = 2.2281, √1.1 · t = 2.3369, Φ(−2.3369) = 0.00972.
    expect(expandedTail(11)).toBeCloseTo(0.00972, 4)
  })

  it('comes from below to 2.5 %, and for four values is under the chance that all draws are the smallest', () => {
    expect(expandedTail(1000)).toBeCloseTo(0.0249, 3)
    expect(expandedTail(1000)).toBeLessThan(0.025)
    expect(expandedTail(4)).toBeLessThan(1 / 4 ** 4)
    expect(expandedTail(5)).toBeGreaterThan(1 / 5 ** 5)
  })
})
