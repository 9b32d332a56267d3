import { stripVTControlCharacters } from 'node:util'
import { costLines, type Estimate, type Tradeoff, tradeoffOf } from '@tempered/lab/measures'
import { describe, expect, it } from 'vitest'
import { renderBalances } from '../../../src/terminal/summary.js'

describe('renderBalances', () => {
  const at = (mean: number): Estimate => ({ mean, low: null, high: null, values: [mean] })
  const empty = tradeoffOf({ rule: 'krum' })
  const balance = (lost: number): Tradeoff => ({ ...empty, cost: { ...empty.cost, worstLost: at(lost) } })

  it('says when what was lost is a gain', () => {
    const textOf = (lost: number) => costLines(balance(lost), false)[0]?.text
    expect([textOf(0.053), textOf(-0.011), textOf(-0.0001)]).toEqual(['5.3 pp', '−1.1 pp, a gain', '0.0 pp'])
  })

  it('tells the computation time of the rule beside that of averaging, and that simulated seconds are virtual', () => {
    const { cost } = empty
    const worked = { ...empty, cost: { ...cost, ruleMs: at(12.4), plainMs: at(0.42), secondsRatio: at(1) } }
    const textOf = (isSimulated: boolean) =>
      costLines(worked, isSimulated)
        .slice(-2)
        .map(({ label, text }) => `${label}: ${text}`)
    expect(textOf(true)).toEqual([
      'virtual seconds per round, relative to plain averaging: 1.00×',
      'computation time of the rule per node and round: 12 ms, plain averaging 0.4 ms',
    ])
    expect(textOf(false)[0]).toBe('seconds per round, relative to plain averaging: 1.00×')
    const notes = [true, false].map((isSimulated) => renderBalances([worked], 200, isSimulated).join(' '))
    for (const note of notes) expect(note).toMatch(/share the cores of this machine/)
  })

  it('shows benefit and cost side by side, or one below the other', () => {
    const plain = (width: number) =>
      renderBalances([balance(0.053)], width, false).map(stripVTControlCharacters)
    const wide = plain(Number.POSITIVE_INFINITY)
    const narrow = plain(60)
    expect(wide[1]).toMatch(/benefit of krum +cost/)
    expect(narrow[1]).toMatch(/^benefit of krum$/)
    for (const line of narrow) expect(line.length).toBeLessThanOrEqual(60)
    const words = (lines: string[]) => new Set(lines.join(' ').split(/\s+/))
    expect(words(narrow)).toEqual(words(wide))
  })
})
