/** The pre-aggregator `reputation`: who worked against the training is left out, judged by all rounds so far. */

import { describe, expect, test } from 'vitest'
import { type Aggregation, createRule, type RoundInput, type RoundMemory } from '../../../src/index.js'
import { cloud } from '../../support.js'

const D = 33
const start = cloud('start', D, 1)
/** Where the training goes. */
const downhill = cloud('downhill', D, 1)

/** A model that took `along` times the common step from the start, and a little of its own. */
const stepped = (name: string, along: number): Float32Array => {
  const own = cloud(name, D, 0.1)
  return start.map((value, k) => value + along * downhill[k] + own[k])
}

const rule = createRule('average', {}, { pre: [{ name: 'reputation' }] })
/** A round in which I and the neighbours took so much of the common step. */
const round = (along: readonly number[], memory?: RoundMemory): RoundInput => ({
  own: stepped('own', 1),
  neighbours: along.map((length, j) => stepped(`neighbour ${j}`, length)),
  previous: start,
  round: 0,
  rounds: 10,
  memory,
})
const acceptedOf = (input: RoundInput) => rule.aggregate(input).verdicts.map(({ accepted }) => accepted)

describe('one round', () => {
  const { verdicts, vector, ownWeight } = rule.aggregate(round([1, -1, 0.8, 1.2, -0.7, 0.9]))

  test('leaves those out that step against the others, and says why', () => {
    expect(verdicts.map(({ accepted }) => accepted)).toEqual([true, false, true, true, false, true])
    for (const j of [1, 4]) {
      expect(verdicts[j]).toMatchObject({ weight: 0, threshold: 0, reason: 'reputation-below-threshold' })
      expect(verdicts[j].score).toBeLessThan(-0.5)
      expect(verdicts[j].score).toBeGreaterThanOrEqual(-1)
    }
  })

  test('the rule works on the others alone', () => {
    const honest = round([1, -1, 0.8, 1.2, -0.7, 0.9])
    const neighbours = honest.neighbours.filter((_, j) => j !== 1 && j !== 4)
    expect(vector).toEqual(createRule('average', {}).aggregate({ ...honest, neighbours }).vector)
    expect(ownWeight).toBeCloseTo(1 / 5, 12)
  })

  test('a larger `least` asks for more than not being in the way', () => {
    const strict = createRule('average', {}, { pre: [{ name: 'reputation', params: { least: 0.5 } }] })
    const idle = round([1, 0, 1, 1, 1])
    expect(acceptedOf(idle)[0]).toBe(true)
    expect(strict.aggregate(idle).verdicts.map(({ accepted }) => accepted)).toEqual([
      true,
      false,
      true,
      true,
      true,
    ])
  })

  test('leaves no one out when no one moved', () => {
    const still = { ...round([]), own: start, neighbours: [start.slice(), start.slice(), start.slice()] }
    expect(acceptedOf(still)).toEqual([true, true, true])
  })
})

describe('memory', () => {
  const first = rule.aggregate(round([1, -1, 1, 1, 1])).memory

  test('long early steps count for more than short late ones, for and against', () => {
    // Near the end of the training: steps a tenth as long, and the good one of the first round turns round.
    const late = round([-0.1, 0.1, 0.1, 0.1, 0.1], first)
    late.own.set(stepped('own', 0.1))
    expect(acceptedOf(late)).toEqual([true, false, true, true, true])
    expect(acceptedOf({ ...late, memory: undefined })).toEqual([false, true, true, true, true])
  })

  test('follows the neighbours when their order changes', () => {
    const memory = first && { own: first.own, neighbours: first.neighbours.toReversed() }
    expect(acceptedOf(round([0.2, 0.2, 0.2, 0.2, 0.2], memory))).toEqual([true, true, true, false, true])
  })

  test('one step, however long, earns no more than the common one', () => {
    const { memory } = rule.aggregate(round([1e6, 1, 1, 1, 1]))
    const [earned, possible] = memory?.neighbours[0]?.values ?? []
    expect(earned).toBeGreaterThan(0.9 * possible)
    expect(earned).toBeLessThanOrEqual(possible)
    expect(memory?.neighbours.map((sender) => sender?.values[1])).toEqual(new Array(5).fill(possible))
    const { memory: turned } = rule.aggregate(round([-1e6, 1, 1, 1, 1], memory))
    expect(acceptedOf(round([-1, 1, 1, 1, 1], turned))[0]).toBe(false)
  })

  test('Byzantine numbers in it count as nothing earned', () => {
    const spoiled = { own: null, neighbours: new Array(5).fill({ vector: null, values: [Number.NaN] }) }
    expect(rule.aggregate(round([1, -1, 1, 1, 1], spoiled)).verdicts).toEqual(
      rule.aggregate(round([1, -1, 1, 1, 1])).verdicts,
    )
  })

  test("is kept in addition to the rule's memory", () => {
    const pre = [{ name: 'reputation' }]
    const alone = createRule('foolsgold')
    const behind = createRule('foolsgold', {}, { pre })
    const inputs = [round([1, 0.9, 0.8, 1.1]), round([0.5, 0.6, 0.7, 0.4])]
    let [memoryAlone, memoryBehind]: (RoundMemory | undefined)[] = []
    for (const input of inputs) {
      const expected = alone.aggregate({ ...input, memory: memoryAlone })
      const result = behind.aggregate({ ...input, memory: memoryBehind })
      expect(result.vector).toEqual(expected.vector)
      memoryAlone = expected.memory
      memoryBehind = result.memory
    }
    expect(memoryBehind?.neighbours.map((sender) => sender?.vector)).toEqual(
      memoryAlone?.neighbours.map((sender) => sender?.vector),
    )
    expect(memoryBehind?.neighbours.every((sender) => sender?.values.length === 2)).toBe(true)
  })

  test('what a refused neighbour earns is counted too', () => {
    let memory = first
    // It mends its ways: after as many good rounds as it takes, it is welcome again.
    const verdicts = [1, 2, 3].map(() => {
      const result = rule.aggregate(round([1, 1, 1, 1, 1], memory))
      memory = result.memory
      return result.verdicts[1].accepted
    })
    expect(verdicts.at(-1)).toBe(true)
  })
})

describe('my own way', () => {
  test('is the way from where the run began: it counts for more than this one step', () => {
    // So far it went downhill; in this round my step goes back a little, and a neighbour's continues.
    const before = start.map((value, k) => value - 10 * downhill[k])
    const input = { ...round([1, -1]), own: stepped('own', -1), initial: before }
    expect(acceptedOf(input)).toEqual([true, false])
    expect(acceptedOf({ ...input, initial: undefined })).toEqual([false, true])
    expect(acceptedOf({ ...input, initial: before.map(() => Number.NaN) })).toEqual([false, true])
  })

  test('cannot be pushed: colluders that send steps against a victim do not change its verdict', () => {
    const honest = round([1, 1, 1, 1, 1, 1])
    const victim = honest.neighbours[0]
    const against = start.map((value, k) => value - 2 * (victim[k] - value))
    const slandered = { ...honest, neighbours: [...honest.neighbours, ...new Array(4).fill(against)] }
    const { verdicts } = rule.aggregate(slandered)
    expect(verdicts.map(({ accepted }) => accepted)).toEqual([
      ...new Array(6).fill(true),
      ...new Array(4).fill(false),
    ])
  })

  test('of no one else, when I did not move', () => {
    const input = { ...round([1, -1]), own: start.slice() }
    expect(acceptedOf(input)).toEqual([true, true])
  })
})

describe('with other steps', () => {
  test('those left out may be among the f of a rule behind it, where too few are left for f', () => {
    const pre = [{ name: 'reputation' }]
    const input = round([1, -1, 1, -1, 1])
    const neighbours = input.neighbours.filter((_, j) => j % 2 === 0)
    const trimmed = (f: number) => createRule('trimmed-mean', { f }).aggregate({ ...input, neighbours })
    const behind = (f: number, along = [1, -1, 1, -1, 1]) =>
      createRule('trimmed-mean', { f }, { pre }).aggregate(round(along))
    // Four are left: f = 1 is kept, f = 2 and 3 become 1, and f = 4 would have to lose more than the two refused.
    for (const f of [1, 2, 3]) expect(behind(f).vector).toEqual(trimmed(1).vector)
    expect(behind(4).verdicts.map(({ reason }) => reason)).toEqual(new Array(5).fill('too-few-models'))
    // When no one was refused, f is unchanged.
    expect(behind(3, [1, 1, 1, 1, 1]).verdicts[0].reason).toBe('too-few-models')
  })

  test('of senders of one model, the best speaks for it, and copying mine earns nothing', () => {
    const pre = [{ name: 'distinct' }, { name: 'reputation' }]
    const chain = createRule('average', {}, { pre })
    const before = chain.aggregate(round([1, -1, 1, 1, 1]))
    const later = round([1, 1, 1, 1, 1], before.memory)
    const copied = [
      later.neighbours[0],
      later.neighbours[0].slice(),
      later.own.slice(),
      ...later.neighbours.slice(3),
    ]
    const { verdicts, memory } = chain.aggregate({ ...later, neighbours: copied })
    expect(verdicts.every(({ accepted }) => accepted)).toBe(true)
    expect(memory?.neighbours[2]?.values).toEqual(before.memory?.neighbours[2]?.values)
    expect(memory?.neighbours[1]?.values[0] ?? 0).toBeGreaterThan(
      before.memory?.neighbours[1]?.values[0] ?? 0,
    )
  })
})

describe('where my own step is no reference', () => {
  const strangers = [-1, -1, -1, -1, -1, 1]

  test('nobody is left out, in this round and all later ones, and the rule says that it does not fit', () => {
    const first = rule.aggregate(round(strangers))
    expect(first.unfit).toEqual(['reputation'])
    expect(first.verdicts.every(({ accepted }) => accepted)).toBe(true)
    const second = rule.aggregate(round([1, -1, 1, 1, 1, -1], first.memory))
    expect(second.unfit).toEqual(['reputation'])
    expect(second.verdicts.every(({ accepted }) => accepted)).toBe(true)
  })

  test('all rounds so far decide: a majority that turns round later is left out, one that comes round is judged', () => {
    const turning = [-1, -1, -1, -1, -1, 1]
    const first = rule.aggregate(round([1, 1, 1, 1, 1, 1]))
    expect(first.unfit).toBeUndefined()
    const second = rule.aggregate(round([2, 2, 2, 2, 2, 2], first.memory))
    const third = rule.aggregate(round(turning, second.memory))
    expect(third.unfit).toBeUndefined()
    const before = rule.aggregate(round(turning))
    expect(before.unfit).toEqual(['reputation'])
    let { memory } = before
    for (let count = 0; count < 3; count++) memory = rule.aggregate(round([1, 1, 1, 1, 1, -1], memory)).memory
    const after = rule.aggregate(round([1, 1, 1, 1, 1, -1], memory))
    expect(after.unfit).toBeUndefined()
    expect(after.verdicts.map(({ accepted }) => accepted)).toEqual([true, true, true, true, true, false])
  })

  test('it takes four neighbours that do not clearly go my way, and more than the share `most`', () => {
    expect(acceptedOf(round([-1, -1, -1]))).toEqual([false, false, false])
    expect(acceptedOf(round([-1, -1, -1, -1, 1, 1]))).toEqual([false, false, false, false, true, true])
    const lenient = createRule('average', {}, { pre: [{ name: 'reputation', params: { most: 0.5 } }] })
    expect(lenient.aggregate(round([-1, -1, -1, -1, 1, 1])).unfit).toEqual(['reputation'])
    const never = createRule('average', {}, { pre: [{ name: 'reputation', params: { most: 1 } }] })
    expect(never.aggregate(round(strangers)).unfit).toBeUndefined()
  })

  test('what comes behind trusts nearness less: NNM and ARC change nothing, the geometric median counts the nearer half in full', () => {
    const opposed = round([-1, -1, -1, -1, -1, -9])
    const mixing = createRule(
      'average',
      {},
      { pre: [{ name: 'reputation' }, { name: 'nnm', params: { f: 2 } }] },
    )
    const mixed = mixing.aggregate(opposed)
    expect(mixed.unfit).toEqual(['reputation', 'nnm'])
    expect(mixed.vector).toEqual(createRule('average').aggregate(opposed).vector)

    const median = createRule('geometric-median', { nu: 1e-3 }, { pre: [{ name: 'reputation' }] }).aggregate(
      opposed,
    )
    const alone = createRule('geometric-median', { nu: 1e-3 }).aggregate(opposed)
    const largest = ({ ownWeight, verdicts }: Aggregation) => {
      const weights = [ownWeight, ...verdicts.map(({ weight }) => weight)]
      return weights.filter((weight) => weight === Math.max(...weights)).length
    }
    expect([largest(median), largest(alone)]).toEqual([4, 1])
  })
})
