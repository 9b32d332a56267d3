import { describe, expect, it } from 'vitest'
import { foldedTable, table, widthOf } from '../../../src/terminal/table.js'

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

describe('foldedTable', () => {
  const rows = [
    ['run', 'seed', 'worst', 'mean'],
    ['attacked', '1', '80.0 %', '9 %'],
  ]
  const right = new Set([1, 2, 3])

  it('is a plain table where there is room', () => {
    const whole = 'attacked     1  80.0 %   9 %'
    expect(foldedTable(rows, right, Number.POSITIVE_INFINITY)).toEqual(table(rows, right))
    expect(foldedTable(rows, right, whole.length)).toEqual(table(rows, right))
    expect(foldedTable(rows, right, whole.length)[1]).toBe(whole)
  })

  it('puts below what does not fit, beginning with the columns to keep', () => {
    expect(foldedTable(rows, right, 23)).toEqual([
      'run       seed   worst',
      'attacked     1  80.0 %',
      '',
      'run       mean',
      'attacked   9 %',
    ])
    expect(foldedTable(rows, right, 23, 2)).toEqual([
      'run       seed   worst',
      'attacked     1  80.0 %',
      '',
      'run       seed  mean',
      'attacked     1   9 %',
    ])
  })

  it('is nowhere wider than the terminal where there is room for the columns to keep and one more', () => {
    for (let width = 22; width < 40; width++)
      for (const keep of [1, 2])
        for (const line of foldedTable(rows, right, width, keep))
          expect(line.length).toBeLessThanOrEqual(width)
  })

  it('shows every column, however narrow the terminal', () => {
    const text = foldedTable(rows, right, 1).join('\n')
    for (const cell of rows.flat()) expect(text).toContain(cell)
  })

  it('has no bound but that of a terminal', () => {
    expect(widthOf({ isTTY: true, columns: 80 })).toBe(80)
    expect(widthOf({ isTTY: false, columns: 80 })).toBe(Number.POSITIVE_INFINITY)
    expect(widthOf({ isTTY: true, columns: 0 })).toBe(Number.POSITIVE_INFINITY)
  })
})
