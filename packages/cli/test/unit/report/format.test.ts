import { describe, expect, it } from 'vitest'
import { bytes, percent, table } from '../../../src/report/format.js'

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

describe('table', () => {
  it('pads columns, numbers to the right, and does not count colours', () => {
    const lines = table(
      [
        ['a', '1'],
        ['\u001b[31mbcd\u001b[39m', '200'],
      ],
      new Set([1]),
    )
    expect(lines).toEqual(['a      1', '\u001b[31mbcd\u001b[39m  200'])
  })
})
