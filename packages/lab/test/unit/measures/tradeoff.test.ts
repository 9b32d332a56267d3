import { describe, expect, it } from 'vitest'
import type { Measures } from '../../../src/measures/catalogue.js'
import { type BuiltInMeasure, MEASURES } from '../../../src/measures/measures.js'
import { tradeoffOf } from '../../../src/measures/tradeoff.js'
import { unequalText } from '../../../src/measures/tradeoff-text.js'

const measures = (given: Partial<Record<BuiltInMeasure, number | null>>): Measures => ({
  ...(Object.fromEntries(Object.keys(MEASURES).map((name) => [name, null])) as unknown as Measures),
  ...given,
})

const accuracies = (...pairs: [number, number][]) =>
  new Map(pairs.map(([seed, accuracy]) => [seed, { measures: measures({ worstHonestAccuracy: accuracy }) }]))

describe('balanceOf', () => {
  it('takes differences between runs of the same seed, then the mean', () => {
    const balance = tradeoffOf({
      rule: 'balance',
      attacked: accuracies([1, 0.8], [2, 0.6]),
      undefended: accuracies([2, 0.1], [1, 0.2]),
      honest: accuracies([1, 0.9], [2, 0.7]),
      baseline: accuracies([1, 0.92], [2, 0.8]),
    })
    // 0.6 and 0.5; 0.02 and 0.1.
    expect(balance.benefit.worstGained?.mean).toBeCloseTo(0.55)
    expect(balance.benefit.worstGained?.values).toHaveLength(2)
    expect(balance.cost.worstLost?.mean).toBeCloseTo(0.06)
    expect(balance.cost.worstLost?.low).toBeCloseTo(0.02)
    expect(balance.cost.worstLost?.high).toBeCloseTo(0.1)
  })

  it('leaves out a seed that one of the two variants does not have', () => {
    const balance = tradeoffOf({
      rule: 'balance',
      attacked: accuracies([1, 0.8], [2, 0.6]),
      undefended: accuracies([1, 0.2], [3, 0]),
    })
    expect(balance.benefit.worstGained?.values).toEqual([expect.closeTo(0.6)])
  })

  it('says null where a run is missing, and never invents a cost of nothing', () => {
    const balance = tradeoffOf({ rule: 'balance', attacked: accuracies([1, 0.8]) })
    expect(balance.benefit.worstGained).toBeNull()
    expect(balance.cost.worstLost).toBeNull()
    expect(balance.cost.bytesRatio).toBeNull()
    expect(balance.cost.comparedWith).toBeNull()
  })

  it('compares no accuracies of runs that were scored after different rounds, and says so', () => {
    const runs = (...entries: [seed: number, scoredRound: number | null, accuracy: number][]) =>
      new Map(
        entries.map(([seed, scoredRound, accuracy]) => [
          seed,
          { measures: measures({ worstHonestAccuracy: accuracy, bytesPerRound: 100 }), scoredRound },
        ]),
      )
    const one = tradeoffOf({ rule: 'x', attacked: runs([1, 59, 0.8]), undefended: runs([1, 3, 0.2]) })
    expect(one.benefit.worstGained).toBeNull()
    expect(one.unequalSeeds).toEqual([1])
    expect(unequalText(one)).toMatch(/^x, seed 1: .*different rounds/)
    const two = tradeoffOf({
      rule: 'x',
      attacked: runs([1, 59, 0.8], [2, 59, 0.7]),
      undefended: runs([1, 59, 0.2], [2, null, 0.3]),
      honest: runs([1, 3, 0.9]),
      baseline: runs([1, 3, 0.95]),
    })
    expect(two.benefit.worstGained?.values).toEqual([expect.closeTo(0.6)])
    expect(two.cost.worstLost?.mean).toBeCloseTo(0.05)
    expect(two.unequalSeeds).toEqual([2])
    // Bytes per round are comparable all the same.
    expect(one.cost.bytesRatio?.mean).toBe(1)
  })

  it('counts a lower attack success as a benefit', () => {
    const asr = (value: number) => new Map([[1, { measures: measures({ asr: value }) }]])
    const balance = tradeoffOf({ rule: 'balance', attacked: asr(0.1), undefended: asr(0.9) })
    expect(balance.benefit.asrPrevented?.mean).toBeCloseTo(0.8)
  })

  it('compares bytes and seconds with no attacker where it can, else under attack, and says which', () => {
    const effort = (bytesPerRound: number, secondsPerRound: number) =>
      new Map([[1, { measures: measures({ bytesPerRound, secondsPerRound }) }]])
    const attack = { attacked: effort(200, 8), undefended: effort(100, 2) }
    const both = tradeoffOf({ rule: 'x', ...attack, honest: effort(110, 3), baseline: effort(100, 2) })
    expect([both.cost.bytesRatio?.mean, both.cost.secondsRatio?.mean]).toEqual([1.1, 1.5])
    expect(both.cost.comparedWith).toBe('no attacker')
    const one = tradeoffOf({ rule: 'x', ...attack })
    expect([one.cost.bytesRatio?.mean, one.cost.secondsRatio?.mean]).toEqual([2, 4])
    expect(one.cost.comparedWith).toBe('attackers')
  })
})
