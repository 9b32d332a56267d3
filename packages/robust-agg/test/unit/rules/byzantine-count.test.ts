/** Byzantine neighbours that are known and left out: a fixed f counts them no more. */

import { describe, expect, test } from 'vitest'
import { createRule, listPreAggregators, listRules } from '../../../src/index.js'
import { describeEachRule } from '../../each-rule.js'
import { bitsOf, ordinaryRound } from '../../support.js'

const counting = listRules().filter(({ params }) => params.some(({ name }) => name === 'f'))
const SMALL = ordinaryRound(7, 37)

describe.each(counting.map(({ name }) => name))('%s with a fixed f', (name) => {
  const play = (f: number, exposed?: number) =>
    createRule(name, { f }).aggregate({ ...SMALL, ...(exposed === undefined ? {} : { exposed }) })

  test('is the rule of the f that is left', () => {
    const left = play(0)
    const round = play(1, 1)
    expect(bitsOf(round.vector)).toEqual(bitsOf(left.vector))
    expect(round.verdicts).toEqual(left.verdicts)
    // Krum may take the same model with another f, but scores it otherwise.
    expect([bitsOf(play(1).vector), play(1).verdicts]).not.toEqual([bitsOf(left.vector), left.verdicts])
  })

  test('works where f alone would be too many for the models that came', () => {
    const alone = play(4)
    expect(new Set(alone.verdicts.map(({ reason }) => reason))).toEqual(new Set(['too-few-models']))
    const helped = play(4, 4)
    expect(helped.verdicts.some(({ accepted }) => accepted)).toBe(true)
  })

  test('never falls below f = 0', () => {
    expect(bitsOf(play(1, 9).vector)).toEqual(bitsOf(play(0).vector))
  })
})

test('at least nine rules take an f, or this file tests nothing', () => {
  expect(counting.length).toBeGreaterThanOrEqual(9)
})

describe.each(
  listPreAggregators()
    .filter(({ params }) => params.some(({ name }) => name === 'f'))
    .map(({ name }) => name),
)('%s before a rule', (name) => {
  test('works with the f that remains', () => {
    const behind = (f: number, exposed: number) =>
      createRule('average', {}, { pre: [{ name, params: { f } }] }).aggregate({ ...SMALL, exposed })
    expect(bitsOf(behind(3, 2).vector)).toEqual(bitsOf(behind(1, 0).vector))
    expect(bitsOf(behind(3, 0).vector)).not.toEqual(bitsOf(behind(1, 0).vector))
  })
})

describeEachRule(({ name, info, run, ordinary }) => {
  test('nothing exposed is the default', () => {
    expect(bitsOf(run({ ...ordinary, exposed: 0 }).vector)).toEqual(bitsOf(run(ordinary).vector))
  })

  test('a rule without a fixed f does not look at it', () => {
    if (info.example.f !== undefined) return
    const free = createRule(name, info.example, { evaluator: true })
    expect(bitsOf(free.aggregate({ ...ordinary, exposed: 3 }).vector)).toEqual(
      bitsOf(free.aggregate(ordinary).vector),
    )
  })
})
