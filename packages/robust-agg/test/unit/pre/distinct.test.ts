/** The pre-aggregator `distinct`: copies count once. */

import { expect, test } from 'vitest'
import { createRule, type RoundInput } from '../../../src/index.js'
import { bitsOf, ordinaryRound } from '../../support.js'

const round = ordinaryRound(6, 37)
const [first, second] = round.neighbours
const behind = (name: string, params: Record<string, number>, input: RoundInput) =>
  createRule(name, params, { pre: [{ name: 'distinct' }] }).aggregate(input)

test('changes nothing where nobody copies', () => {
  for (const name of ['average', 'median', 'geometric-median'])
    expect(bitsOf(behind(name, {}, round).vector)).toEqual(
      bitsOf(createRule(name, {}).aggregate(round).vector),
    )
})

test('copies of a neighbour and of my own model move the result not at all', () => {
  const copied = {
    ...round,
    neighbours: [...round.neighbours, second.slice(), second.slice(), round.own.slice()],
  }
  for (const name of ['median', 'geometric-median'])
    expect(bitsOf(behind(name, {}, copied).vector)).toEqual(
      bitsOf(createRule(name, {}).aggregate(round).vector),
    )
})

test('those who hold one model share its weight, my own copier with me', () => {
  const { verdicts, ownWeight } = behind(
    'average',
    {},
    { ...round, neighbours: [first, second, first.slice(), round.own.slice()] },
  )
  // Three different models: a third each.
  for (const [j, share] of [1 / 6, 1 / 3, 1 / 6, 1 / 6].entries())
    expect(verdicts[j].weight).toBeCloseTo(share, 12)
  expect(ownWeight).toBeCloseTo(1 / 6, 12)
  expect(verdicts.every(({ accepted }) => accepted)).toBe(true)
})

test('one value apart is another model, and −0 is 0', () => {
  const near = second.slice()
  near[36] += 1e-3
  const { verdicts } = behind('average', {}, { ...round, neighbours: [second, near] })
  expect(verdicts.map(({ weight }) => weight)).toEqual([1 / 3, 1 / 3])
  const zero = new Float32Array(37)
  const twice = behind('average', {}, { ...round, neighbours: [zero, zero.map(() => -0)] })
  expect(twice.verdicts.map(({ weight }) => weight)).toEqual([1 / 4, 1 / 4])
})

test('a fixed f behind it counts the copiers no more', () => {
  // Krum with f = 3 needs nine models. Three copiers are found out, six different models are enough for f = 0.
  const copied = { ...round, neighbours: [...round.neighbours.slice(0, 5), first, first, first] }
  expect(createRule('krum', { f: 3 }).aggregate(copied).verdicts[0].reason).not.toBe('too-few-models')
  const alone = { ...round, neighbours: round.neighbours.slice(0, 5) }
  expect(createRule('krum', { f: 3 }).aggregate(alone).verdicts[0].reason).toBe('too-few-models')
  expect(bitsOf(behind('krum', { f: 3 }, copied).vector)).toEqual(
    bitsOf(createRule('krum', { f: 0 }).aggregate(alone).vector),
  )
})

test('my own array may be where the result goes', () => {
  const own = round.own.slice()
  const rule = createRule('geometric-median', {}, { pre: [{ name: 'distinct' }] })
  const expected = bitsOf(rule.aggregate(round).vector)
  expect(bitsOf(rule.aggregate({ ...round, own }, own).vector)).toEqual(expected)
})
