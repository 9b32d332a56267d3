/** What a caller can get wrong, with a typed error for each. One suite for every rule. */

import { expect, test } from 'vitest'
import { createRule, isRobustAggError, type RoundInput } from '../../../src/index.js'
import { D, describeEachRule } from '../../each-rule.js'

describeEachRule(({ name, info, run, ordinary }) => {
  test('needs an evaluator exactly when it says so', () => {
    const attempt = (action: () => unknown): unknown => {
      try {
        return action()
      } catch (error) {
        return error
      }
    }
    const made = attempt(() => createRule(name, info.example))
    expect(isRobustAggError(made, 'E_EVALUATOR_NEEDED')).toBe(info.needsEvaluator)
    const { evaluator: _, ...blind } = ordinary
    expect(
      isRobustAggError(
        attempt(() => run(blind)),
        'E_ROUND_INPUT',
      ),
    ).toBe(info.needsEvaluator)
  })

  test.each<[string, Partial<RoundInput>, number]>([
    ['rounds 0', { rounds: 0 }, D],
    ['a fractional round', { round: 0.5 }, D],
    ['a negative round', { round: -1 }, D],
    ['a round after the last', { round: 11 }, D],
    ['a NaN round', { round: Number.NaN }, D],
    ['too few weights', { weights: [0.1] }, D],
    ['a negative weight', { weights: [-0.1, 0, 0, 0, 0, 0, 0] }, D],
    ['a NaN weight', { weights: [Number.NaN, 0, 0, 0, 0, 0, 0] }, D],
    ['weights above 1', { weights: [0.5, 0.5, 0.1, 0, 0, 0, 0] }, D],
    ['previous of another length', { previous: new Float32Array(1) }, D],
    ['too few honesty flags', { honest: [true] }, D],
    ['memory for too few', { memory: { own: null, neighbours: [null] } }, D],
    [
      'memory of another length',
      { memory: { own: { vector: new Float32Array(1), values: [] }, neighbours: new Array(7).fill(null) } },
      D,
    ],
    ['a fraction of an exposed neighbour', { exposed: 0.5 }, D],
    ['less than none exposed', { exposed: -1 }, D],
    ['out of another length', {}, D - 1],
  ])("the caller's mistake (%s) is a typed error", (_name, change, length) => {
    const out = new Float32Array(length)
    let caught: unknown
    try {
      run({ ...ordinary, ...change }, out)
    } catch (error) {
      caught = error
    }
    expect(isRobustAggError(caught, 'E_ROUND_INPUT')).toBe(true)
  })

  test('a misspelt or impossible parameter is a typed error', () => {
    const attempt = (params: Record<string, number>): unknown => {
      try {
        return createRule(name, { ...info.example, ...params })
      } catch (error) {
        return error
      }
    }
    const unknown = attempt({ nonsense: 1 })
    expect(isRobustAggError(unknown, 'E_UNKNOWN_PARAMETER') && unknown.details.parameter).toBe('nonsense')
    for (const { name: parameter, min, max, aboveMin, integer } of info.params) {
      if (!(parameter in info.example)) continue
      for (const value of [Number.NaN, Infinity, min - 1, max + 1 + max * 1e-3]) {
        expect(isRobustAggError(attempt({ [parameter]: value }), 'E_PARAMETER_RANGE')).toBe(true)
      }
      expect(isRobustAggError(attempt({ [parameter]: min }), 'E_PARAMETER_RANGE')).toBe(aboveMin)
      if (integer)
        expect(isRobustAggError(attempt({ [parameter]: min + 0.5 }), 'E_PARAMETER_RANGE')).toBe(true)
    }
  })
})
