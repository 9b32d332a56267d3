import { describe, expect, it } from 'vitest'
import { extent, mean, quantile, share, standardDeviation } from '../../../src/measures/statistics.js'

describe('statistics', () => {
  it('by hand', () => {
    expect(mean([1, 2, 6])).toBe(3)
    // (4 + 1 + 9) / 3 = 14/3
    expect(standardDeviation([1, 2, 6])).toBeCloseTo(Math.sqrt(14 / 3))
    expect(quantile([1, 2, 6], 0.5)).toBe(2)
    expect(quantile([1, 2, 6], 0.75)).toBe(4)
    expect([quantile([1, 2, 6], 0), quantile([1, 2, 6], 1)]).toEqual([1, 6])
    expect(share(1, 4)).toBe(0.25)
    expect(extent([3, -1, 2])).toEqual({ min: -1, max: 3 })
  })

  it('says null where there is nothing', () => {
    expect([mean([]), standardDeviation([]), quantile([], 0.5), share(0, 0), extent([])]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ])
  })
})
