/** The pre-aggregator `mad-clipping`: single coordinates near the median, in units of their own spread. */

import { expect, test } from 'vitest'
import { createRule, type RoundInput } from '../../../src/index.js'
import { bitsOf, ordinaryRound } from '../../support.js'

const play = (c: number, input: RoundInput, params: { most?: number } = {}) =>
  createRule('average', {}, { pre: [{ name: 'mad-clipping', params: { c, ...params } }] }).aggregate(input)
const vectors = (...rows: number[][]) => rows.map((row) => Float32Array.from(row))

test('values are cut to median ± c·MAD, each coordinate by itself', () => {
  // First coordinate: median 2, deviations 0 1 1 2 98, MAD 1; second: all but one agree, MAD 0.
  const [own, ...neighbours] = vectors([0, 5], [1, 5], [2, 5], [3, 5], [100, 7])
  const { vector, verdicts } = play(3, { own, neighbours, round: 0, rounds: 1 })
  expect([...vector]).toEqual([Math.fround((0 + 1 + 2 + 3 + 5) / 5), 5])
  expect(verdicts.map(({ reason }) => reason)).toEqual(['accepted', 'accepted', 'accepted', 'clipped'])
})

test('nothing can be put where the majority agrees, however little', () => {
  const round = ordinaryRound(8, 37)
  const planted = round.neighbours.map((x, j) => (j < 4 ? x.map((v, k) => (k === 7 ? v + 1e-3 : v)) : x))
  const agreed = [round.own, ...planted].map((x) => x.map((v, k) => (k === 7 && v === x[7] ? 0.5 : v)))
  const attackers = agreed.map((x, k) => (k >= 1 && k <= 4 ? x.map((v, at) => (at === 7 ? 0.501 : v)) : x))
  const { vector } = play(1e6, { ...round, own: attackers[0], neighbours: attackers.slice(1) })
  expect(vector[7]).toBe(0.5)
})

test('long models are cut as by the formula at every coordinate, the last with the first', () => {
  const round = ordinaryRound(6, 20_011)
  const models = [round.own, ...round.neighbours]
  const middleOf = (values: number[]): number => {
    const sorted = Float32Array.from(values).sort()
    return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
  }
  const expected = Float64Array.from(round.own, (_, j) => {
    const values = models.map((x) => x[j])
    const middle = middleOf(values)
    const reach = 2 * middleOf(values.map((value) => Math.abs(value - middle)))
    return (
      values.reduce((sum, value) => sum + Math.min(Math.max(value, middle - reach), middle + reach), 0) /
      values.length
    )
  })
  const { vector } = play(2, round)
  const worst = expected.reduce((most, value, j) => Math.max(most, Math.abs(value - vector[j])), 0)
  expect(worst).toBeLessThan(1e-6)
})

test('a bound beyond every value changes nothing', () => {
  const round = ordinaryRound(6, 37)
  expect(bitsOf(play(1e6, round).vector)).toEqual(bitsOf(createRule('average').aggregate(round).vector))
})

test('a minority of huge values is cut to the honest range, and the result stays finite', () => {
  const round = ordinaryRound(6, 37)
  const huge = [1, 2].map(() => new Float32Array(37).fill(3.4e38))
  const { vector } = play(3, { ...round, neighbours: [...round.neighbours, ...huge] })
  const honest = [round.own, ...round.neighbours]
  for (let k = 0; k < 37; k++) {
    const spread = Math.max(...honest.map((x) => Math.abs(x[k] - 1)))
    expect(Math.abs(vector[k] - 1)).toBeLessThan(5 * spread)
  }
})

test('where most models would lose much of their step, none is clipped, and the rule says that it does not fit', () => {
  // Each of five models has moved in a coordinate of its own: elsewhere all agree, so the spread is 0 everywhere.
  const [own, ...neighbours] = vectors(
    [1, 0, 0, 0, 0],
    [0, 1, 0, 0, 0],
    [0, 0, 1, 0, 0],
    [0, 0, 0, 1, 0],
    [0, 0, 0, 0, 1],
  )
  const previous = new Float32Array(5)
  const input = { own, neighbours, previous, round: 0, rounds: 1 }
  const unfit = play(10, input)
  expect(unfit.unfit).toEqual(['mad-clipping'])
  expect(bitsOf(unfit.vector)).toEqual(bitsOf(createRule('average').aggregate(input).vector))
  expect(unfit.verdicts.every(({ reason }) => reason === 'accepted')).toBe(true)
  const clipped = play(10, input, { most: 1 })
  expect(clipped.unfit).toBeUndefined()
  expect([...clipped.vector]).toEqual([0, 0, 0, 0, 0])
})

test('a minority that loses all of its step is clipped as ever', () => {
  const rows = [
    [0, 0, 1, 2, 3],
    [0, 0, 2, 3, 1],
    [0, 0, 3, 1, 2],
    [9, 0, 0, 0, 0],
    [0, 9, 0, 0, 0],
  ]
  const [own, ...neighbours] = vectors(...rows)
  const { unfit, vector } = play(10, { own, neighbours, previous: new Float32Array(5), round: 0, rounds: 1 })
  expect(unfit).toBeUndefined()
  expect([vector[0], vector[1]]).toEqual([0, 0])
})
