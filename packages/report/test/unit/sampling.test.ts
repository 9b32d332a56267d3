import { describe, expect, it } from 'vitest'
import { isSampled } from '../../src/client/sampling.js'

describe('values over rounds', () => {
  it('are bridged where every k-th round is measured, with the last one besides', () => {
    expect(isSampled([1, 2, 3])).toBe(true)
    expect(isSampled([null, 1, null, 2, null, 3])).toBe(true)
    expect(isSampled([null, null, 1, null, null, 2, null, 3])).toBe(true)
    expect(isSampled([null, 1])).toBe(true)
    expect(isSampled([])).toBe(true)
  })

  it('are not bridged over rounds that are missing', () => {
    expect(isSampled([1, 2, 3, null, null, 4, 5, 6])).toBe(false)
  })
})
