/** What every rule does with Byzantine neighbours: nothing throws, nothing leaks. One suite for every rule. */

import { expect, test } from 'vitest'
import { brokenEvaluators, strange, unusable } from '../../byzantine-vectors.js'
import { D, describeEachRule, NEIGHBOURS } from '../../each-rule.js'
import { bitsOf, cloud, nearOnes } from '../../support.js'

describeEachRule(({ info, run, ordinary }) => {
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
    (_name, byzantine, reason) => {
      const clean = run(ordinary)
      for (const at of [0, 3, NEIGHBOURS]) {
        const neighbours = ordinary.neighbours.toSpliced(at, 0, byzantine(D))
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
    const neighbours = unusable.map(([, byzantine]) => byzantine(D))
    const { vector, verdicts, ownWeight } = run({ own, neighbours, round: 0, rounds: 1, evaluator: nearOnes })
    expect(bitsOf(vector)).toEqual(bitsOf(own))
    expect(ownWeight).toBe(1)
    expect(verdicts.map((verdict) => verdict.reason)).toEqual(unusable.map(([, , reason]) => reason))
  })

  test.each(strange)(
    'a finite but Byzantine vector (%s) gives a finite, repeatable result',
    (_name, byzantine) => {
      for (const count of [1, 3, NEIGHBOURS]) {
        const neighbours = [
          byzantine(ordinary.own),
          ...ordinary.neighbours.slice(count),
          ...Array.from({ length: count - 1 }, () => byzantine(ordinary.own)),
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

  test.each(brokenEvaluators)('an evaluator that %s never breaks a round', (_name, loss) => {
    const { vector, verdicts } = run({ ...ordinary, evaluator: { loss } })
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(verdicts.every((v) => v.score === null || Number.isFinite(v.score))).toBe(true)
    expect(verdicts.every((v) => Number.isFinite(v.weight) && v.weight >= 0)).toBe(true)
  })

  test('a model that breaks the evaluation is the worst, and nobody else notices', () => {
    if (!info.needsEvaluator) return
    const bomb = ordinary.own.map((value) => value * 1.001)
    const loss = (x: Float32Array): number => {
      if (x[0] === bomb[0]) throw new Error('the model broke the evaluation')
      return nearOnes.loss(x)
    }
    const neighbours = [...ordinary.neighbours, bomb]
    const { verdicts, vector } = run({ ...ordinary, neighbours, evaluator: { loss } })
    expect(verdicts[NEIGHBOURS].accepted).toBe(false)
    expect(vector.every(Number.isFinite)).toBe(true)
  })

  test("Byzantine opinions never break a round, and a liar's word about itself changes nothing", () => {
    const rows: (ArrayLike<unknown> | null)[] = [
      null,
      [],
      [Number.NaN, Infinity, -1, 2, 'trust me', {}, undefined],
      new Array(1000).fill(0),
      { length: -1 },
      'nonsense',
      [1, 1, 1, 1, 1, 1, 1],
    ]
    const first = run(ordinary)
    const second = { ...ordinary, memory: first.memory }
    const { vector, verdicts, opinions } = run({ ...second, opinions: rows })
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(verdicts.every((v) => v.score === null || Number.isFinite(v.score))).toBe(true)
    expect(opinions !== undefined).toBe(info.usesOpinions)
    expect(opinions?.every((opinion) => opinion === 0 || opinion === 1) ?? true).toBe(true)
    const selfPraise = ordinary.neighbours.map((_, k) =>
      ordinary.neighbours.map((_x, j) => (j === k ? 1 : null)),
    )
    const silence = run({ ...second, opinions: ordinary.neighbours.map(() => null) })
    expect(bitsOf(run({ ...second, opinions: selfPraise }).vector)).toEqual(bitsOf(silence.vector))
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
})
