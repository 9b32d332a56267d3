/** What rules remember between rounds, and what they learn from their neighbours' opinions. */

import { describe, expect, test } from 'vitest'
import { createRule, type RoundInput } from '../../../src/index.js'
import { cloud } from '../../support.js'

describe('memory', () => {
  test('foolsgold: Sybils that repeat the same lie lose their weight, honest senders keep theirs', () => {
    const rule = createRule('foolsgold')
    const d = 40
    const lie = cloud('lie', d, 0, 1)
    let memory: RoundInput['memory']
    let weights: number[] = []
    for (let round = 0; round < 4; round++) {
      const previous = new Float32Array(d)
      const honest = Array.from({ length: 4 }, (_, j) => cloud(`update ${j} ${round}`, d, 0, 1))
      const sybils = Array.from({ length: 3 }, (_, j) => lie.map((value) => value * (1 + 0.01 * j)))
      const [own, ...others] = honest
      const result = rule.aggregate({
        own,
        neighbours: [...others, ...sybils],
        previous,
        round,
        rounds: 9,
        memory,
      })
      memory = result.memory
      weights = result.verdicts.map((verdict) => verdict.weight)
    }
    for (const weight of weights.slice(0, 3)) expect(weight).toBeGreaterThan(0.1)
    for (const weight of weights.slice(3)) expect(weight).toBeLessThan(0.01)
  })

  // From the authors' code (DistributedML/FoolsGold, deep-fg/fg/foolsgold.py), its weights divided by their sum.
  test.each(['1,0 1,1 -1,-0.3 gives 0,0,1', '-1,-0.3 1,0 1,1 gives 1,0,0', '1,0 -1,0 gives 0.5,0.5'])(
    'foolsgold: a sender that agrees with nobody keeps its weight: %s',
    (example) => {
      const [models, weights] = example.split(' gives ')
      const [own, ...neighbours] = models.split(' ').map((row) => Float32Array.from(row.split(','), Number))
      const previous = new Float32Array(2)
      const result = createRule('foolsgold').aggregate({ own, neighbours, previous, round: 0, rounds: 1 })
      const found = [result.ownWeight, ...result.verdicts.map((verdict) => verdict.weight)]
      expect(found).toEqual(weights.split(',').map(Number))
    },
  )

  test('wfagg: the time filter votes once two steps are known, on the length of the step and its turn', () => {
    const rule = createRule('wfagg', { f: 0 })
    let memory: RoundInput['memory']
    const lengths: number[] = []
    /** The last node spreads more than the others. */
    const round = (t: number) => {
      const models = Array.from({ length: 4 }, (_, j) => cloud(`node ${j} ${t}`, 20, 1 + 0.1 * t, 0.05))
      const far = cloud(`node 4 ${t}`, 20, 1.05 + 0.1 * t, 0.15)
      const [own, ...neighbours] = [...models, far]
      return rule.aggregate({ own, neighbours, round: t, rounds: 9, memory })
    }
    for (let t = 0; t < 6; t++) {
      const result = round(t)
      memory = result.memory
      lengths.push(memory?.neighbours[3]?.values.length ?? -1)
    }
    expect(lengths).toEqual([0, 2, 4, 6, 8, 10])
    const usual = round(6)
    expect(usual.verdicts.filter((verdict) => verdict.accepted).length).toBeGreaterThanOrEqual(3)
  })

  test('wfagg: the time filter takes a step and a turn that are both as usual', () => {
    const own = Float32Array.of(10, 0)
    const last = { vector: own, values: [1, 0.99, 1.1, 0.98, 0.9, 0.99] }
    // All but the last are among the three nearest in distance and in angle: 0.8, and 1 with the time filter.
    const neighbours = [
      [10, 1],
      [11, 0],
      [10, 0.1],
      [10.5, 0.5],
      [100, -100],
    ].map((row) => Float32Array.from(row))
    const { verdicts } = createRule('wfagg', { f: 0, alpha: 0 }).aggregate({
      own,
      neighbours,
      round: 3,
      rounds: 9,
      memory: { own: null, neighbours: [last, last, last, null, last] },
    })
    const total = 1 + 0.8 + 0.8 + 0.8
    const expected = [
      1 / total, // step 1, cosine 0.995: as usual
      0.8 / total, // step 1, but straight on: cosine 1
      0.8 / total, // step 0.1
      0.8 / total, // no past
      0,
    ]
    expected.forEach((weight, j) => {
      expect(verdicts[j].weight).toBeCloseTo(weight, 12)
    })
  })

  test('sentinel: a good name outweighs one bad round, and the mean of the losses comes back', () => {
    const rule = createRule('sentinel', {}, { evaluator: true })
    const own = Float32Array.of(1, 1)
    const good = Float32Array.of(1, 1.01)
    const bad = Float32Array.of(1, 1.02)
    const evaluator = { loss: (x: Float32Array) => (x[1] === bad[1] ? 2 : 0.5) }
    const round = (neighbour: Float32Array, memory?: RoundInput['memory']) =>
      rule.aggregate({ own, neighbours: [neighbour], round: 0, rounds: 9, evaluator, memory })
    const stranger = round(bad)
    expect(stranger.verdicts[0]).toMatchObject({ accepted: false, reason: 'loss-above-threshold' })
    expect(stranger.verdicts[0].score).toBeCloseTo(Math.exp(-1.5 / 0.5), 12)
    let memory: RoundInput['memory']
    for (let k = 0; k < 3; k++) memory = round(good, memory).memory
    const known = round(bad, memory)
    // (3·0.5 + 2)/4 = 0.875: ω = exp(−0.375/0.5).
    expect(known.verdicts[0]).toMatchObject({ accepted: true, threshold: 0.1 })
    expect(known.verdicts[0].score).toBeCloseTo(Math.exp(-0.75), 12)
    expect(known.memory?.neighbours[0]?.values).toEqual([4, 0.875])
  })
})

describe('sentinel, layer by layer', () => {
  const rule = createRule('sentinel', {}, { evaluator: true })
  const own = Float32Array.of(3, 4, 1)
  const round = { own, round: 0, rounds: 9, evaluator: { loss: () => 1 } }

  test('the cosine is the mean of the layers, and every layer is cut to its own length', () => {
    // Layer 1: the same direction, twice as long; layer 2: the opposite.
    const neighbour = Float32Array.of(6, 8, -1)
    const layered = rule.aggregate({ ...round, neighbours: [neighbour], layers: [2, 1] })
    expect(layered.verdicts[0]).toMatchObject({
      reason: 'similarity-below-threshold',
      score: 0,
      threshold: 0.5,
    })
    expect(rule.aggregate({ ...round, neighbours: [neighbour] }).verdicts[0].reason).toBe('clipped')
    const agreeing = Float32Array.of(6, 8, 0.5)
    const { vector, verdicts } = rule.aggregate({ ...round, neighbours: [agreeing], layers: [2, 1] })
    expect(Array.from(vector)).toEqual([3, 4, 0.75])
    expect(verdicts[0].reason).toBe('clipped')
    // Half of the weight in each layer, halved again in the one of two parameters.
    expect(verdicts[0].weight).toBeCloseTo((2 * 0.25 + 0.5) / 3, 12)
  })

  test.each([[[3, 1]], [[2]], [[2, 0, 1]], [[1.5, 1.5]], [[Number.NaN]]])(
    'layers %o are refused',
    (layers) => {
      expect(() => rule.aggregate({ ...round, neighbours: [own], layers })).toThrow(/'layers'/)
    },
  )
})

describe('sentinel-global', () => {
  const rule = createRule('sentinel-global', { activeRound: 1 }, { evaluator: true })
  const own = cloud('own', 20)
  const neighbours = Array.from({ length: 4 }, (_, j) => cloud(`trusted ${j}`, 20, 1, 0.02))
  const base = { own, neighbours, rounds: 9, evaluator: { loss: () => 1 } }
  const first = rule.aggregate({ ...base, round: 0 })
  /** No opinions except those in the list: [by, about, value]. */
  const opinions = (...said: [number, number, number][]): (number | null)[][] =>
    neighbours.map((_, k) =>
      neighbours.map((_x, j) => said.find(([who, whom]) => who === k && whom === j)?.[2] ?? null),
    )
  const second = (said: (number | null)[][], round = 1) =>
    rule.aggregate({ ...base, round, memory: first.memory, opinions: said })

  test('a neighbour that my trusted neighbours distrust is dropped, with its trust as the score', () => {
    expect(first.opinions).toEqual([1, 1, 1, 1])
    // Mine is 1; 0, 0 and 0 of the others: 1/4.
    const { verdicts, opinions: mine } = second(opinions([0, 3, 0], [1, 3, 0], [2, 3, 0]))
    expect(verdicts[3]).toEqual({
      accepted: false,
      weight: 0,
      score: 0.25,
      threshold: 0.5,
      reason: 'trust-below-threshold',
    })
    expect(verdicts.slice(0, 3).every((verdict) => verdict.accepted)).toBe(true)
    // Its model was not looked at: what I say of it is what I found when I last did.
    expect(mine).toEqual([1, 1, 1, 1])
  })

  test('a tie with my own verdict keeps it; before the active round opinions do not count', () => {
    expect(second(opinions([0, 3, 0])).verdicts[3].accepted).toBe(true)
    expect(second(opinions([0, 3, 0], [1, 3, 0], [2, 3, 0]), 0).verdicts[3].accepted).toBe(true)
  })

  test('the opinions of a neighbour that I do not trust do not count', () => {
    const attacker = own.map((value) => -value)
    const round = { ...base, neighbours: [attacker, ...neighbours.slice(1)] }
    const before = rule.aggregate({ ...round, round: 0 })
    expect(before.opinions).toEqual([0, 1, 1, 1])
    // Mine 1 and that of a trusted one 0: a half. The attacker's 0 would make it a third.
    const said = opinions([0, 3, 0], [1, 3, 0])
    const { verdicts } = rule.aggregate({ ...round, round: 1, memory: before.memory, opinions: said })
    expect(verdicts[3].accepted).toBe(true)
    expect(verdicts[0]).toMatchObject({ reason: 'trust-below-threshold', score: 0 })
  })

  test("a neighbour's opinion about itself does not count", () => {
    // Mine 1, and 0 of two trusted ones: a third. Its own 1 would make it a half.
    const { verdicts } = second(opinions([0, 3, 0], [1, 3, 0], [3, 3, 1]))
    expect(verdicts[3].reason).toBe('trust-below-threshold')
    expect(verdicts[3].score).toBeCloseTo(1 / 3, 12)
  })

  test('no one has an opinion about a newcomer: sentinel decides', () => {
    const memory = { own: null, neighbours: [null, ...(first.memory?.neighbours.slice(1) ?? [])] }
    const { verdicts } = rule.aggregate({ ...base, round: 1, memory, opinions: opinions() })
    expect(verdicts[0].accepted).toBe(true)
  })

  test('in the first round it is sentinel', () => {
    const plain = createRule('sentinel', {}, { evaluator: true }).aggregate({ ...base, round: 0 })
    expect(first.verdicts).toEqual(plain.verdicts)
    expect(first.vector).toEqual(plain.vector)
  })
})
