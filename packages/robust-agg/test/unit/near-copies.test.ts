/** The pre-aggregator `near-copies`: models that are nearer to each other than training on different data leaves them. */

import { describe, expect, test } from 'vitest'
import { createRule, type Parameters, type RoundInput } from '../../src/index.js'
import { bitsOf, cloud } from '../support.js'

const D = 512
/** Honest models, all about as far from each other. */
const round: RoundInput = {
  own: cloud('own', D),
  neighbours: Array.from({ length: 8 }, (_, j) => cloud(`neighbour ${j}`, D)),
  previous: new Float32Array(D).fill(1),
  round: 0,
  rounds: 10,
}
const [first, second, third] = round.neighbours
const noisy = (x: Float32Array, label: string, size: number): Float32Array => {
  const noise = cloud(label, D, 0, size)
  return x.map((value, k) => value + noise[k])
}
const with_ = (...more: Float32Array[]): RoundInput => ({
  ...round,
  neighbours: [...round.neighbours, ...more],
})
const behind = (name: string, params: Parameters, input: RoundInput, own: Parameters = {}) =>
  createRule(name, params, { pre: [{ name: 'near-copies', params: own }] }).aggregate(input)

test('changes nothing where nobody is near another', () => {
  for (const name of ['average', 'median', 'geometric-median'])
    expect(bitsOf(behind(name, {}, round).vector)).toEqual(
      bitsOf(createRule(name, {}).aggregate(round).vector),
    )
})

describe('copies with noise', () => {
  const copies = ['a', 'b', 'c'].map((label) => noisy(second, label, 0.02))
  const { verdicts, ownWeight } = behind('average', {}, with_(...copies))

  test('share the weight of one model with what they copied', () => {
    for (const j of [1, 8, 9, 10]) expect(verdicts[j].weight).toBeCloseTo(1 / 9 / 4, 12)
    for (const j of [0, 2, 3, 4, 5, 6, 7]) expect(verdicts[j].weight).toBeCloseTo(1 / 9, 12)
    expect(ownWeight).toBeCloseTo(1 / 9, 12)
    expect(verdicts.every(({ accepted }) => accepted)).toBe(true)
  })

  test('are many models again with radius 0', () => {
    const apart = behind('average', {}, with_(...copies), { radius: 0 })
    for (const { weight } of apart.verdicts) expect(weight).toBeCloseTo(1 / 12, 12)
  })

  test('may be among the f behind it, where too few models are left for that', () => {
    // Six models are left of nine: too few for f = 3, of which the three merged ones may have been.
    const six = { ...round, neighbours: [...round.neighbours.slice(0, 5), ...copies] }
    expect(createRule('krum', { f: 3 }).aggregate(six).verdicts[0].reason).not.toBe('too-few-models')
    const alone = { ...round, neighbours: round.neighbours.slice(0, 5) }
    expect(behind('krum', { f: 3 }, alone).verdicts[0].reason).toBe('too-few-models')
    expect(behind('krum', { f: 3 }, six).verdicts.some(({ accepted }) => accepted)).toBe(true)
  })
})

test('models around my own are left out, with their distance', () => {
  const around = ['x', 'y'].map((label) => noisy(round.own, label, 0.02))
  const { verdicts, vector, ownWeight } = behind('geometric-median', {}, with_(...around))
  const plain = createRule('geometric-median', {}).aggregate(round)
  expect(bitsOf(vector)).toEqual(bitsOf(plain.vector))
  expect(ownWeight).toBe(plain.ownWeight)
  around.forEach((_, k) => {
    const { reason, weight, score, threshold } = verdicts[8 + k]
    expect([reason, weight]).toEqual(['near-copy-of-own', 0])
    // Steps are 0.1 a coordinate, models 0.1·√2 apart, the noise is 0.02.
    expect(score).toBeGreaterThan(0.1)
    expect(score).toBeLessThan(0.2)
    expect(threshold).toBe(0.6)
  })
})

test('a model half-way between two others makes them not one', () => {
  const between = first.map((value, k) => (value + third[k]) / 2)
  const { verdicts } = behind('average', {}, with_(between))
  const half = [0, 2].map((j) => verdicts[j].weight).sort((a, b) => a - b)
  expect(half[0]).toBeCloseTo(1 / 9 / 2, 12)
  expect(half[1]).toBeCloseTo(1 / 9, 12)
  expect(verdicts[8].weight).toBeCloseTo(1 / 9 / 2, 12)
})

test('small steps are no copies of each other, though the others are far', () => {
  const small = (label: string) => cloud(label, D, 1, 0.01)
  const input = { ...round, own: small('mine'), neighbours: [small('theirs'), ...round.neighbours] }
  for (const { weight } of behind('average', {}, input).verdicts) expect(weight).toBeCloseTo(1 / 10, 12)
})

test('steps that agree are no copies of each other, though they are long', () => {
  const input = { ...round, previous: new Float32Array(D).fill(-5) }
  for (const { weight } of behind('average', {}, input).verdicts) expect(weight).toBeCloseTo(1 / 9, 12)
})

test('far models, fewer than half of the neighbours, do not make the others near', () => {
  const far = ['p', 'q', 'r', 's', 't', 'u', 'v'].map((label) => cloud(label, D, 0, 100))
  const { verdicts } = behind('average', {}, with_(...far))
  for (const { weight } of verdicts) expect(weight).toBeCloseTo(1 / 16, 12)
})

test('who agrees in every bit is merged with nobody: there is no distance to judge by', () => {
  const same = { ...round, neighbours: round.neighbours.map(() => round.own.slice()) }
  const { verdicts } = behind('average', {}, same)
  for (const { weight } of verdicts) expect(weight).toBeCloseTo(1 / 9, 12)
})

test('my own array may be where the result goes', () => {
  const own = round.own.slice()
  const rule = createRule('geometric-median', {}, { pre: [{ name: 'near-copies' }] })
  const input = with_(noisy(first, 'z', 0.01))
  const expected = bitsOf(rule.aggregate(input).vector)
  expect(bitsOf(rule.aggregate({ ...input, own }, own).vector)).toEqual(expected)
})
