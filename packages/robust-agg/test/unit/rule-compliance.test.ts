/** One suite for every rule. */

import { describe, expect, test } from 'vitest'
import { createRule, isRobustAggError, listRules, type RoundInput, selectKernels } from '../../src/index.js'
import { bitsOf, cloud, distance, nearOnes, ordinaryRound } from '../support.js'

const D = 37
const NEIGHBOURS = 7

const unusable: ReadonlyArray<[string, (d: number) => Float32Array, string]> = [
  ['too short', (d) => new Float32Array(d - 1).fill(1), 'wrong-length'],
  ['too long', (d) => new Float32Array(d + 1).fill(1), 'wrong-length'],
  ['empty', () => new Float32Array(0), 'wrong-length'],
  ['all NaN', (d) => new Float32Array(d).fill(Number.NaN), 'not-finite'],
  ['one NaN at the end', (d) => cloud('nan', d).fill(Number.NaN, d - 1), 'not-finite'],
  ['one Infinity', (d) => cloud('inf', d).fill(Number.POSITIVE_INFINITY, 3, 4), 'not-finite'],
  [
    'both infinities',
    (d) => new Float32Array(d).map((_, k) => (k % 2 === 0 ? Infinity : -Infinity)),
    'not-finite',
  ],
]
const strange: ReadonlyArray<[string, (own: Float32Array) => Float32Array]> = [
  ['1e38 everywhere', (own) => own.map(() => 1e38)],
  [
    'the largest float32, alternating',
    (own) => own.map((_, k) => (k % 2 === 0 ? 3.4028234e38 : -3.4028234e38)),
  ],
  ['denormals', (own) => own.map(() => 1e-45)],
  ['negative zeros', (own) => own.map(() => -0)],
  ['my own model', (own) => own.slice()],
  ['my own model negated', (own) => own.map((value) => -value)],
]

describe.each(listRules().map((info) => [info.name, info] as const))('rule %s', (name, info) => {
  const make = () => createRule(name, info.example, { evaluator: info.needsEvaluator })
  const run = (input: RoundInput, out?: Float32Array) => make().aggregate(input, out)
  const ordinary = ordinaryRound(NEIGHBOURS, D)

  test('describes itself, and its example works in a neighbourhood of six', () => {
    for (const text of [info.formula, info.needs, info.breakdown, info.cost, info.source]) {
      expect(text).not.toBe('')
    }
    for (const parameter of info.params) {
      expect(parameter.meaning).not.toBe('')
      expect(parameter.min).toBeLessThan(parameter.max)
    }
    expect(make().params).toMatchObject(info.example)
    expect(() => make().checkNeighbourhood(6)).not.toThrow()
  })

  test('gives one verdict a neighbour, with consistent fields', () => {
    const { vector, verdicts, ownWeight } = run(ordinary)
    expect(vector.length).toBe(D)
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(verdicts.length).toBe(NEIGHBOURS)
    for (const verdict of verdicts) {
      expect(verdict.accepted).toBe(verdict.reason === 'accepted' || verdict.reason === 'clipped')
      if (!verdict.accepted) expect(verdict.weight).toBe(0)
      expect(verdict.weight).toBeGreaterThanOrEqual(0)
    }
    expect(ownWeight).toBeGreaterThanOrEqual(0)
    expect(verdicts.some((verdict) => verdict.accepted) || ownWeight > 0).toBe(true)
  })

  test('linear rules: weights sum to 1 and reproduce the vector', () => {
    if (!info.linear) return
    const { vector, verdicts, ownWeight } = run(ordinary)
    const weights = verdicts.map((verdict) => verdict.weight)
    expect(weights.reduce((sum, weight) => sum + weight, ownWeight)).toBeCloseTo(1, 12)
    vector.forEach((value, k) => {
      const expected = weights.reduce(
        (sum, weight, j) => sum + weight * ordinary.neighbours[j][k],
        ownWeight * ordinary.own[k],
      )
      expect(value).toBe(Math.fround(value))
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected))
    })
  })

  test('no neighbours: my own model, bit for bit, in a fresh array', () => {
    const own = Float32Array.of(-0, 0, 1e-45, -3.4028234e38, 1)
    const { vector, verdicts, ownWeight } = run({
      own,
      neighbours: [],
      round: 0,
      rounds: 1,
      evaluator: nearOnes,
    })
    expect(bitsOf(vector)).toEqual(bitsOf(own))
    expect(vector).not.toBe(own)
    expect([verdicts.length, ownWeight]).toEqual([0, 1])
  })

  test.each(unusable)(
    'an unusable vector (%s) changes nothing, wherever it stands',
    (_label, hostile, reason) => {
      const clean = run(ordinary)
      for (const at of [0, 3, NEIGHBOURS]) {
        const neighbours = ordinary.neighbours.toSpliced(at, 0, hostile(D))
        const { vector, verdicts, ownWeight } = run({ ...ordinary, neighbours })
        expect(verdicts[at]).toEqual({ accepted: false, weight: 0, score: null, threshold: null, reason })
        expect(bitsOf(vector)).toEqual(bitsOf(clean.vector))
        expect(ownWeight).toBe(clean.ownWeight)
        expect(verdicts.toSpliced(at, 1)).toEqual(clean.verdicts)
      }
    },
  )

  test('with given weights an unusable vector leaves its weight to me', () => {
    const weights = [0.05, 0.1, 0.15, 0.05, 0.1, 0.15, 0.1]
    const clean = run({ ...ordinary, weights })
    const neighbours = ordinary.neighbours.toSpliced(2, 0, new Float32Array(D).fill(Number.NaN))
    const dirty = run({ ...ordinary, neighbours, weights: weights.toSpliced(2, 0, 0.2) })
    expect(bitsOf(dirty.vector)).toEqual(bitsOf(clean.vector))
    const plain = run(ordinary)
    if (!info.usesWeights) expect(bitsOf(clean.vector)).toEqual(bitsOf(plain.vector))
    else expect(bitsOf(clean.vector)).not.toEqual(bitsOf(plain.vector))
  })

  test('only unusable vectors: my own model, bit for bit', () => {
    const own = cloud('alone', D).fill(-0, 0, 2)
    const neighbours = unusable.map(([, hostile]) => hostile(D))
    const { vector, verdicts, ownWeight } = run({ own, neighbours, round: 0, rounds: 1, evaluator: nearOnes })
    expect(bitsOf(vector)).toEqual(bitsOf(own))
    expect(ownWeight).toBe(1)
    expect(verdicts.map((verdict) => verdict.reason)).toEqual(unusable.map(([, , reason]) => reason))
  })

  test.each(strange)(
    'a finite but hostile vector (%s) gives a finite, repeatable result',
    (_label, hostile) => {
      for (const count of [1, 3, NEIGHBOURS]) {
        const neighbours = [
          hostile(ordinary.own),
          ...ordinary.neighbours.slice(count),
          ...Array.from({ length: count - 1 }, () => hostile(ordinary.own)),
        ]
        const { vector, verdicts } = run({ ...ordinary, neighbours })
        expect(vector.every(Number.isFinite)).toBe(true)
        expect(
          verdicts.every((v) => Number.isFinite(v.weight) && (v.score === null || Number.isFinite(v.score))),
        ).toBe(true)
        expect(bitsOf(run({ ...ordinary, neighbours }).vector)).toEqual(bitsOf(vector))
      }
    },
  )

  test('my own model of extreme values', () => {
    for (const value of [0, -0, 1e-45, 3.4028234e38]) {
      const own = new Float32Array(D).fill(value)
      const { vector } = run({ ...ordinary, own })
      expect(vector.every(Number.isFinite)).toBe(true)
    }
  })

  test('my own model not finite: kept, and the verdicts say so', () => {
    const own = cloud('own', D).fill(Number.NaN, 4, 5)
    const neighbours = [...ordinary.neighbours, new Float32Array(2), new Float32Array(D).fill(Infinity)]
    const { vector, verdicts, ownWeight } = run({ ...ordinary, own, neighbours })
    expect(bitsOf(vector)).toEqual(bitsOf(own))
    expect(ownWeight).toBe(1)
    expect(new Set(verdicts.slice(0, NEIGHBOURS).map((verdict) => verdict.reason))).toEqual(
      new Set(['own-not-finite']),
    )
    expect(verdicts.slice(NEIGHBOURS).map((verdict) => verdict.reason)).toEqual([
      'wrong-length',
      'not-finite',
    ])
  })

  test('any number of live neighbours works; too few for the rule keep my own model', () => {
    for (let count = 1; count <= NEIGHBOURS; count++) {
      const { vector, verdicts } = run({ ...ordinary, neighbours: ordinary.neighbours.slice(0, count) })
      expect(vector.every(Number.isFinite)).toBe(true)
      const reasons = new Set(verdicts.map((verdict) => verdict.reason))
      if (reasons.has('too-few-models')) {
        expect(reasons.size).toBe(1)
        expect(bitsOf(vector)).toEqual(bitsOf(ordinary.own))
        expect(() => make().checkNeighbourhood(count)).toThrow(/needs \d+ models/)
      }
    }
  })

  test('all models equal: the result is that model', () => {
    const neighbours = ordinary.neighbours.map(() => ordinary.own.slice())
    const { vector } = run({ ...ordinary, neighbours })
    expect(distance(vector, ordinary.own)).toBeLessThan(1e-6)
  })

  test('the order of the neighbours does not matter beyond one rounding', () => {
    const straight = run(ordinary)
    const order = [3, 0, 6, 1, 5, 2, 4]
    const permuted = run({ ...ordinary, neighbours: order.map((j) => ordinary.neighbours[j]) })
    permuted.vector.forEach((value, k) => {
      expect(Math.abs(value - straight.vector[k])).toBeLessThanOrEqual(
        2 ** -23 * Math.abs(straight.vector[k]),
      )
    })
    order.forEach((j, at) => {
      expect(permuted.verdicts[at].reason).toBe(straight.verdicts[j].reason)
      expect(permuted.verdicts[at].weight).toBeCloseTo(straight.verdicts[j].weight, 12)
      const [score, expected] = [permuted.verdicts[at].score, straight.verdicts[j].score]
      if (score === null || expected === null) expect(score).toBe(expected)
      else expect(score).toBeCloseTo(expected, 12)
    })
    // Coordinatewise rules and rules that pick are exact: order statistics and distances have no order of summing.
    if (['median', 'trimmed-mean', 'meamed', 'krum', 'bulyan'].includes(name)) {
      expect(bitsOf(permuted.vector)).toEqual(bitsOf(straight.vector))
    }
  })

  test('inputs are never written, a dirty out buffer is fully overwritten, out may be an input', () => {
    const before = [ordinary.own, ...ordinary.neighbours].map(bitsOf)
    const fresh = run(ordinary)
    const out = new Float32Array(D).fill(Number.NaN)
    const reused = run(ordinary, out)
    expect(reused.vector).toBe(out)
    expect(bitsOf(out)).toEqual(bitsOf(fresh.vector))
    expect([ordinary.own, ...ordinary.neighbours].map(bitsOf)).toEqual(before)
    const own = ordinary.own.slice()
    expect(bitsOf(run({ ...ordinary, own }, own).vector)).toEqual(bitsOf(fresh.vector))
    const neighbours = ordinary.neighbours.map((x) => x.slice())
    expect(bitsOf(run({ ...ordinary, neighbours }, neighbours[2]).vector)).toEqual(bitsOf(fresh.vector))
  })

  test('one instance, used for other rounds in between, gives the same bits as a fresh one', () => {
    const rule = make()
    const first = rule.aggregate(ordinary)
    rule.aggregate(ordinaryRound(4, 5000))
    rule.aggregate({ ...ordinary, neighbours: ordinary.neighbours.map((x) => x.map((value) => -value)) })
    const again = rule.aggregate(ordinary)
    expect(bitsOf(again.vector)).toEqual(bitsOf(first.vector))
    expect(again.verdicts).toEqual(first.verdicts)
    expect(bitsOf(run(ordinary).vector)).toEqual(bitsOf(first.vector))
  })

  test('views at an offset into shared memory give the same bits', () => {
    const embed = (x: Float32Array): Float32Array => {
      const view = new Float32Array(new SharedArrayBuffer(4 * (D + 3)), 4, D)
      view.set(x)
      return view
    }
    const { vector } = run({
      ...ordinary,
      own: embed(ordinary.own),
      neighbours: ordinary.neighbours.map(embed),
    })
    expect(bitsOf(vector)).toEqual(bitsOf(run(ordinary).vector))
  })

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

  test('an evaluator that gives only NaN or infinities never breaks a round', () => {
    for (const loss of [Number.NaN, Infinity, -Infinity]) {
      const { vector, verdicts } = run({ ...ordinary, evaluator: { loss: () => loss } })
      expect(vector.every(Number.isFinite)).toBe(true)
      expect(verdicts.every((v) => v.score === null || Number.isFinite(v.score))).toBe(true)
    }
  })

  test('memory is handed out exactly when it says so, and does not leak between instances', () => {
    const first = run(ordinary)
    expect(first.memory !== undefined).toBe(info.usesMemory)
    if (first.memory === undefined) return
    expect(first.memory.neighbours.length).toBe(NEIGHBOURS)
    const second = run({ ...ordinary, memory: first.memory })
    const again = run({ ...ordinary, memory: first.memory })
    expect(again).toEqual(second)
    // An unusable vector keeps what was known of its sender.
    const neighbours = ordinary.neighbours.with(2, new Float32Array(D).fill(Number.NaN))
    const broken = run({ ...ordinary, neighbours, memory: first.memory })
    expect(broken.memory?.neighbours[2]).toBe(first.memory.neighbours[2])
    const alone = run({ ...ordinary, neighbours: [], memory: { own: first.memory.own, neighbours: [] } })
    expect(alone.memory?.own).toBe(first.memory.own)
  })

  test('tolerated: whole, at least 0, at most the neighbours; grows with them', () => {
    let last = 0
    for (let count = 0; count <= 40; count++) {
      const most = make().tolerated(count)
      if (most === null) return
      expect(Number.isInteger(most) && most >= 0 && most <= count, `${count}: ${most}`).toBe(true)
      if (info.example.f === undefined) expect(most).toBeGreaterThanOrEqual(last)
      last = most
    }
  })

  test.each([
    ['nnm', {}],
    ['bucketing', { s: 2 }],
    ['arc', {}],
    ['static-clipping', { c: 0.5 }],
  ])('behind %s: finite, verdicts in place, hostile vectors as if never sent', (pre, params) => {
    const options = { evaluator: info.needsEvaluator, pre: [{ name: pre, params }] }
    if (info.usesMemory) {
      expect(() => createRule(name, info.example, options)).toThrow(/remembers its senders/)
      return
    }
    const rule = createRule(name, info.example, options)
    const clean = rule.aggregate(ordinary)
    expect(clean.vector.every(Number.isFinite)).toBe(true)
    expect(clean.verdicts.length).toBe(NEIGHBOURS)
    for (const verdict of clean.verdicts) {
      expect(verdict.weight).toBeGreaterThanOrEqual(0)
      if (!verdict.accepted) expect(verdict.weight).toBe(0)
    }
    const neighbours = ordinary.neighbours.toSpliced(3, 0, new Float32Array(D).fill(Infinity))
    const dirty = rule.aggregate({ ...ordinary, neighbours })
    expect(bitsOf(dirty.vector)).toEqual(bitsOf(clean.vector))
    expect(dirty.verdicts.toSpliced(3, 1)).toEqual(clean.verdicts)
    for (const [, hostile] of strange) {
      const odd = [hostile(ordinary.own), ...ordinary.neighbours.slice(1)]
      expect(rule.aggregate({ ...ordinary, neighbours: odd }).vector.every(Number.isFinite)).toBe(true)
    }
    const own = ordinary.own
    const alone = rule.aggregate({ ...ordinary, neighbours: [] })
    expect(bitsOf(alone.vector)).toEqual(bitsOf(own))
  })

  test('WebAssembly and plain TypeScript give the same bits and verdicts', () => {
    const round = ordinaryRound(NEIGHBOURS, 3001)
    const neighbours = [...round.neighbours, round.own.map((value, k) => (k % 3 === 0 ? 1e38 : -value))]
    const input = { ...round, neighbours, previous: cloud('previous', 3001, 0.9) }
    const fast = run(input)
    selectKernels('plain')
    try {
      const plain = run(input)
      expect(bitsOf(fast.vector)).toEqual(bitsOf(plain.vector))
      expect(fast.verdicts).toEqual(plain.verdicts)
    } finally {
      selectKernels('auto')
    }
  })

  test('d = 0 works', () => {
    const empty = new Float32Array(0)
    const neighbours = [empty, empty, empty, empty]
    const { vector } = run({ own: empty, neighbours, round: 0, rounds: 1, evaluator: nearOnes })
    expect(vector.length).toBe(0)
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
    ['out of another length', {}, D - 1],
  ])("the caller's mistake (%s) is a typed error", (_label, change, length) => {
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
