/** BALANCE: thresholds and shares, against values computed by hand. */

import { describe, expect, test } from 'vitest'
import { createRule } from '../../../src/index.js'
import { bitsOf } from '../../support.js'

const vectors = (...rows: number[][]) => rows.map((row) => Float32Array.from(row))

describe('balance', () => {
  const [own, near, nearer, far] = vectors([4, 0], [4, 1], [4, 0.5], [4, 9])
  const round = { own, neighbours: [far, near, nearer], round: 0, rounds: 4 }

  test('shares (1 − α) among the accepted, and says what it did with each', () => {
    const { vector, ownWeight, verdicts } = createRule('balance', { gamma: 0.3, alpha: 0.25 }).aggregate(
      round,
    )
    expect(ownWeight).toBe(0.25)
    expect(verdicts.map(({ reason }) => reason)).toEqual(['distance-above-threshold', 'accepted', 'accepted'])
    expect(verdicts.map(({ weight }) => weight)).toEqual([0, 0.375, 0.375])
    expect(verdicts.map(({ score }) => score)).toEqual([9, 1, 0.5])
    for (const { threshold } of verdicts) expect(threshold).toBe(0.3 * 4)
    expect(Array.from(vector)).toEqual([4, Math.fround(0.375 * 1 + 0.375 * 0.5)])
  })

  test('shrinks with the share of the rounds that is over', () => {
    const at = (t: number, kappa: number) =>
      createRule('balance', { gamma: 0.5, kappa }).aggregate({ ...round, round: t }).verdicts[0]!.threshold
    expect(at(0, 3)).toBe(2)
    expect(at(1, 3)).toBeCloseTo(2 * Math.exp(-0.75), 14)
    expect(at(3, 3)).toBeCloseTo(2 * Math.exp(-2.25), 14)
    expect(at(3, 0)).toBe(2)
  })

  test('`steps` sets the least radius, from the length of the own step of this round', () => {
    const previous = Float32Array.of(4, 0.5)
    const threshold = (params: Record<string, number>) =>
      createRule('balance', { gamma: 0.01, kappa: 0, ...params }).aggregate({ ...round, previous })
        .verdicts[0]!.threshold
    expect(threshold({})).toBe(0.01 * 4)
    expect(threshold({ steps: 2 })).toBe(1)
    expect(threshold({ steps: 3 })).toBe(1.5)
    // The larger of the two counts.
    expect(threshold({ steps: 2, gamma: 0.5 })).toBe(2)
    expect(threshold({ steps: 0 })).toBe(0.01 * 4)
    // Without a start there is no step.
    expect(
      createRule('balance', { gamma: 0.01, kappa: 0, steps: 2 }).aggregate(round).verdicts[0]!.threshold,
    ).toBe(0.01 * 4)
  })

  test('keeps its own model where nobody is near, in a given place too', () => {
    const rule = createRule('balance', { gamma: 0.01 })
    const out = new Float32Array(2)
    const { vector, ownWeight, verdicts } = rule.aggregate(round, out)
    expect(vector).toBe(out)
    expect(bitsOf(out)).toEqual(bitsOf(own))
    expect(ownWeight).toBe(1)
    expect(verdicts.map(({ weight }) => weight)).toEqual([0, 0, 0])
    const mine = own.slice()
    expect(rule.aggregate({ ...round, own: mine }, mine).vector).toBe(mine)
    expect(bitsOf(mine)).toEqual(bitsOf(own))
  })

  test('knows no number of attackers that it tolerates', () => {
    expect(createRule('balance').tolerated(9)).toBeNull()
  })
})
