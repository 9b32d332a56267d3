/** What every rule promises for ordinary rounds: verdicts, weights, aliasing, bits. One suite for every rule. */

import { expect, test } from 'vitest'
import { selectKernels } from '../../../src/index.js'
import { D, describeEachRule, NEIGHBOURS } from '../../each-rule.js'
import { bitsOf, cloud, distance, nearOnes, ordinaryRound } from '../../support.js'

describeEachRule(({ info, make, run, ordinary }) => {
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
})
