import { describe, expect, it } from 'vitest'
import type { Estimate } from '../../../src/metrics/bootstrap.js'
import { type Balance, balanceOf } from '../../../src/metrics/cost.js'
import { costLines } from '../../../src/report/balance-text.js'
import { bytes, foldedTable, percent, table, widthOf } from '../../../src/report/format.js'
import { rowsOf } from '../../../src/report/progress.js'
import { ruleText } from '../../../src/report/rule-text.js'
import { renderBalances } from '../../../src/report/summary.js'

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

  it('shows every column, however narrow the terminal', () => {
    const text = foldedTable(rows, right, 1).join('\n')
    for (const cell of rows.flat()) expect(text).toContain(cell)
  })

  it('has no bound but that of a terminal', () => {
    expect(widthOf({ isTTY: true, columns: 80 })).toBe(80)
    expect(widthOf({ isTTY: false, columns: 80 })).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('rowsOf', () => {
  it('leaves room for all runs in the terminal', () => {
    expect([rowsOf(24, 1), rowsOf(60, 1), rowsOf(24, 2), rowsOf(10, 2), rowsOf(undefined, 1)]).toEqual([
      12, 12, 8, 3, 12,
    ])
  })
})

describe('ruleText', () => {
  it('names what stands before the rule, shortened when there is much of it', () => {
    const pre = ['distinct', 'mad-clipping', 'arc', 'nnm'].map((name) => ({ name }))
    expect(ruleText({ name: 'median' })).toBe('median')
    expect(ruleText({ name: 'median', pre: pre.slice(2) })).toBe('arc + nnm + median')
    expect(ruleText({ name: 'median', pre })).toBe('distinct + … + median')
  })
})

describe('renderBalances', () => {
  const at = (mean: number): Estimate => ({ mean, low: null, high: null, values: [mean] })
  const empty = balanceOf({ rule: 'krum' })
  const balance = (lost: number): Balance => ({ ...empty, cost: { ...empty.cost, worstLost: at(lost) } })

  it('says when what was lost is a gain', () => {
    const textOf = (lost: number) => costLines(balance(lost))[0]?.text
    expect([textOf(0.053), textOf(-0.011), textOf(-0.0001)]).toEqual(['5.3 pp', '−1.1 pp, a gain', '0.0 pp'])
  })

  it('shows benefit and cost side by side, or one below the other', () => {
    const wide = renderBalances([balance(0.053)], Number.POSITIVE_INFINITY)
    const narrow = renderBalances([balance(0.053)], 60)
    expect(wide[1]).toMatch(/benefit of krum +cost/)
    expect(narrow[1]).toMatch(/^\S*benefit of krum\S*$/)
    for (const line of narrow) expect(line.length).toBeLessThanOrEqual(60)
    const words = (lines: string[]) => new Set(lines.join(' ').split(/\s+/))
    expect(words(narrow)).toEqual(words(wide))
  })
})
