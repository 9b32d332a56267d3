import { describe, expect, it } from 'vitest'
import { rowsOf } from '../../../src/report/progress.js'

describe('rowsOf', () => {
  it('leaves room for all runs in the terminal', () => {
    expect([
      rowsOf(24, 1),
      rowsOf(60, 1),
      rowsOf(24, 2),
      rowsOf(10, 2),
      rowsOf(undefined, 1),
      rowsOf(0, 1),
    ]).toEqual([12, 12, 8, 3, 12, 12])
  })
})
