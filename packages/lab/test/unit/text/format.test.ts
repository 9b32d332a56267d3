import { describe, expect, it } from 'vitest'
import { bytes, percent } from '../../../src/text/format.js'

describe('numbers for people', () => {
  it('show a dash for what was not measured', () => {
    expect([percent(null), bytes(undefined)]).toEqual(['–', '–'])
  })

  it('carry units', () => {
    expect([percent(0.1234), bytes(999), bytes(1500), bytes(3_590_000), bytes(2e9)]).toEqual([
      '12.3 %',
      '999 B',
      '1.5 kB',
      '3.59 MB',
      '2.00 GB',
    ])
  })
})
