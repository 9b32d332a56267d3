/** Every rule behind every pre-aggregator: nothing throws, Byzantine vectors are as if never sent, memory stays aligned. */

import { describe, expect, test } from 'vitest'
import {
  createRule,
  listPreAggregators,
  listRules,
  type Parameters,
  type RoundInput,
} from '../../../src/index.js'
import { brokenEvaluators, strange, unusable } from '../../byzantine-vectors.js'
import { bitsOf, nearOnes, ordinaryRound } from '../../support.js'

const D = 37
const NEIGHBOURS = 7
const ordinary = ordinaryRound(NEIGHBOURS, D)

/** Parameters for those that have a required one. */
const steps: Readonly<Record<string, Parameters>> = {
  nnm: {},
  bucketing: { s: 2 },
  arc: {},
  'static-clipping': { c: 0.5 },
  distinct: {},
  'mad-clipping': { c: 3 },
  reputation: {},
}

test('no pre-aggregator is left out', () => {
  expect(Object.keys(steps).sort()).toEqual(
    listPreAggregators()
      .map((info) => info.name)
      .sort(),
  )
})

const pairs = listRules().flatMap((info) =>
  Object.entries(steps).map(([pre, params]) => ({ name: info.name, pre, params, info })),
)

describe.each(pairs)('$pre before $name', ({ name, pre, params, info }) => {
  const rule = createRule(name, info.example, {
    evaluator: info.needsEvaluator,
    pre: [{ name: pre, params }],
  })
  const harmless = (input: RoundInput): void => {
    const { vector, verdicts, ownWeight, memory } = rule.aggregate(input)
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(verdicts.length).toBe(input.neighbours.length)
    expect(Number.isFinite(ownWeight)).toBe(true)
    for (const verdict of verdicts) {
      expect(Number.isFinite(verdict.weight) && verdict.weight >= 0).toBe(true)
      expect(verdict.score === null || Number.isFinite(verdict.score)).toBe(true)
      if (!verdict.accepted) expect(verdict.weight).toBe(0)
    }
    // What is remembered of a Byzantine round must not break the next one.
    const next = rule.aggregate({ ...input, memory })
    expect(next.vector.every(Number.isFinite)).toBe(true)
  }

  test('an ordinary round, and unusable vectors as if never sent', () => {
    harmless(ordinary)
    const clean = rule.aggregate(ordinary)
    for (const [, byzantine] of unusable) {
      const dirty = rule.aggregate({
        ...ordinary,
        neighbours: ordinary.neighbours.toSpliced(3, 0, byzantine(D)),
      })
      expect(bitsOf(dirty.vector)).toEqual(bitsOf(clean.vector))
      expect(dirty.verdicts.toSpliced(3, 1)).toEqual(clean.verdicts)
    }
  })

  test('finite but Byzantine vectors, one or many of them', () => {
    for (const [, byzantine] of strange) {
      for (const count of [1, NEIGHBOURS]) {
        const liars = Array.from({ length: count }, () => byzantine(ordinary.own))
        harmless({ ...ordinary, neighbours: [...liars, ...ordinary.neighbours.slice(count)] })
      }
    }
  })

  test('nobody, nobody usable, one usable: my own model where there is nothing else', () => {
    for (const neighbours of [[], unusable.map(([, byzantine]) => byzantine(D))]) {
      const { vector, ownWeight } = rule.aggregate({ ...ordinary, neighbours })
      expect(bitsOf(vector)).toEqual(bitsOf(ordinary.own))
      expect(ownWeight).toBe(1)
    }
    harmless({ ...ordinary, neighbours: ordinary.neighbours.slice(0, 1) })
  })

  test('broken evaluators, and models of my own of extreme values', () => {
    for (const [, loss] of brokenEvaluators) harmless({ ...ordinary, evaluator: { loss } })
    for (const value of [0, 1e-45, 3.4028234e38]) {
      harmless({ ...ordinary, own: new Float32Array(D).fill(value), evaluator: nearOnes })
    }
  })
})

describe('memory behind a pre-aggregator', () => {
  const memorising = listRules().filter((info) => info.usesMemory)

  test.each(memorising)('$name: senders that keep their own output keep their past', (info) => {
    const make = (pre: string, params: Parameters) =>
      createRule(info.name, info.example, { evaluator: true, pre: [{ name: pre, params }] })
    // A radius beyond every model changes none of them, so that all is as without the pre-aggregator.
    const behind = make('static-clipping', { c: 1e6 })
    const alone = createRule(info.name, info.example, { evaluator: true })
    const [first, firstAlone] = [behind.aggregate(ordinary), alone.aggregate(ordinary)]
    expect(first.memory).toEqual(firstAlone.memory)
    expect(first.opinions).toEqual(firstAlone.opinions)
    const later = { ...ordinary, neighbours: ordinary.neighbours.toReversed(), round: 2 }
    expect(behind.aggregate({ ...later, memory: first.memory })).toEqual(
      alone.aggregate({ ...later, memory: firstAlone.memory }),
    )
  })

  test.each(memorising)('$name: those in a common bucket have none', (info) => {
    const rule = createRule(info.name, info.example, { evaluator: true, pre: [{ name: 'bucketing' }] })
    const past = createRule(info.name, info.example, { evaluator: true }).aggregate(ordinary).memory
    const { memory } = rule.aggregate({ ...ordinary, memory: past })
    expect(memory?.own).toEqual(past?.own)
    expect(memory?.neighbours).toEqual(past?.neighbours)
  })
})
