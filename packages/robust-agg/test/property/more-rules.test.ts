/** Equivariance, published bounds, and breakdown points with colluders at many positions. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countSketch, createRule, type RoundInput, type RuleOptions } from '../../src/index.js'
import { createRng } from '../../src/rng.js'
import { bitsOf, cloud, distance, norm } from '../support.js'

const RUNS = { numRuns: 150 }
const dimension = fc.integer({ min: 1, max: 6 })
const tame = (d: number) => fc.float32Array({ minLength: d, maxLength: d, noNaN: true, min: -100, max: 100 })
const finite = (d: number) =>
  fc.float32Array({ minLength: d, maxLength: d, noNaN: true, noDefaultInfinity: true })
const slack = (x: Float32Array) => 2 ** -22 * norm(x) + 1e-12

interface Named {
  readonly name: string
  readonly params: Record<string, number>
  readonly options: RuleOptions | undefined
}
const named = (name: string, params: Record<string, number> = {}, options?: RuleOptions): Named => ({
  name,
  params,
  options,
})

/** Rules that scale with the models, without a length among their parameters. */
const scaling: readonly Named[] = [
  named('average', {}),
  named('balance', {}),
  named('sketch-guard', { size: 8 }),
  named('clipped-gossip', { b: 0.2 }),
  named('cs-plus', { b: 0.15 }),
  named('nna', { f: 1 }),
  named('nna-weighted', { b: 0.2 }),
  named('median', {}),
  named('trimmed-mean', { f: 1 }),
  named('meamed', { f: 1 }),
  named('krum', { f: 1 }),
  named('multi-krum', { f: 1 }),
  named('bulyan', { f: 1 }),
  named('mda', { f: 1 }),
  named('caf', { f: 2 }),
  named('fltrust', {}),
  named('foolsgold', {}),
  named('wfagg', { f: 1 }),
  named('krum', { f: 1 }, { pre: [{ name: 'nnm', params: { f: 1 } }] }),
  named('median', {}, { pre: [{ name: 'bucketing' }] }),
  named('median', {}, { pre: [{ name: 'arc', params: { f: 1 } }] }),
]

describe.each(scaling)('$name $params $options', ({ name, params, options }) => {
  const rounds = dimension.chain((d) => fc.array(tame(d), { minLength: 8, maxLength: 9 }))
  const run = (models: Float32Array[]) => {
    const [own, ...neighbours] = models
    return createRule(name, params, options).aggregate({ own, neighbours, round: 1, rounds: 4 })
  }

  test('models times a power of two: the result times the same, bit for bit', () => {
    fc.assert(
      fc.property(rounds, fc.constantFrom(-8, -1, 1, 6), (models, exponent) => {
        // Small numbers are cleared, so that nothing is rounded as a denormal.
        const clean = models.map((x) => x.map((value) => (Math.abs(value) < 2 ** -20 ? 0 : value)))
        const scaled = clean.map((x) => x.map((value) => value * 2 ** exponent))
        const [plain, other] = [run(clean), run(scaled)]
        expect(bitsOf(other.vector)).toEqual(bitsOf(plain.vector.map((value) => value * 2 ** exponent)))
        expect(other.verdicts.map((v) => v.reason)).toEqual(plain.verdicts.map((v) => v.reason))
      }),
      RUNS,
    )
  })
})

/** Rules that only look at differences between models. */
const translating: readonly Named[] = [
  ...scaling.filter(
    ({ name, options }) =>
      !['balance', 'sketch-guard', 'fltrust', 'foolsgold', 'wfagg'].includes(name) && options === undefined,
  ),
  named('clipped-gossip', { tau: 3 }),
  named('krum', { f: 1 }, { pre: [{ name: 'nnm', params: { f: 1 } }] }),
]

test.each(translating)(
  '$name $params: the models moved, the result with them',
  ({ name, params, options }) => {
    const rng = createRng('translation', name)
    for (let trial = 0; trial < 30; trial++) {
      // Whole numbers below 2^20 and a whole shift: exact in float32, differences included.
      const models = Array.from({ length: 8 }, () =>
        Float32Array.from({ length: 5 }, () => rng.integer(2 ** 16) - 2 ** 15),
      )
      const shift = Float32Array.from({ length: 5 }, () => rng.integer(2 ** 16) - 2 ** 15)
      const run = (list: Float32Array[]) => {
        const [own, ...neighbours] = list
        return createRule(name, params, options).aggregate({ own, neighbours, round: 1, rounds: 4 })
      }
      const plain = run(models)
      const moved = run(models.map((x) => x.map((value, k) => value + shift[k])))
      expect(moved.verdicts.map((v) => v.reason)).toEqual(plain.verdicts.map((v) => v.reason))
      moved.vector.forEach((value, k) => {
        expect(Math.abs(value - shift[k] - plain.vector[k])).toBeLessThan(0.05)
      })
    }
  },
)

describe('published bounds, for any neighbours whatever', () => {
  const round = dimension.chain((d) =>
    fc.record({
      own: tame(d),
      previous: tame(d),
      neighbours: fc.array(fc.oneof(tame(d), finite(d)), { maxLength: 6 }),
      round: fc.integer({ min: 0, max: 9 }),
    }),
  )

  test("sketch-guard keeps BALANCE's bound on the step", () => {
    fc.assert(
      fc.property(round, (input) => {
        const { vector } = createRule('sketch-guard', { size: 4 }).aggregate({ ...input, rounds: 9 })
        const bound = 0.5 * 0.3 * Math.exp(-input.round / 9) * norm(input.own)
        expect(distance(vector, input.own)).toBeLessThanOrEqual(bound * (1 + 1e-9) + slack(vector))
      }),
      RUNS,
    )
  })

  test('fltrust stays within the length of my own update from its start', () => {
    fc.assert(
      fc.property(round, (input) => {
        const { vector } = createRule('fltrust').aggregate({ ...input, rounds: 9 })
        const bound = distance(input.own, input.previous)
        const rounding = slack(vector) + 2 ** -20 * (norm(input.own) + norm(input.previous))
        expect(distance(vector, input.previous)).toBeLessThanOrEqual(bound + rounding)
      }),
      RUNS,
    )
  })

  test('sentinel is never longer than my own model', () => {
    fc.assert(
      fc.property(round, fc.infiniteStream(fc.double({ min: 0, max: 3, noNaN: true })), (input, losses) => {
        const evaluator = { loss: () => losses.next().value }
        const rule = createRule('sentinel', {}, { evaluator: true })
        const { vector } = rule.aggregate({ ...input, rounds: 9, evaluator })
        expect(norm(vector)).toBeLessThanOrEqual(norm(input.own) * (1 + 1e-6) + 1e-12)
      }),
      RUNS,
    )
  })

  test('meamed and bulyan stay inside the hull of all models, mda, caf and nna inside that of the kept', () => {
    fc.assert(
      fc.property(
        dimension.chain((d) => fc.array(tame(d), { minLength: 7, maxLength: 11 })),
        ([own, ...neighbours]) => {
          for (const name of ['meamed', 'bulyan', 'mda', 'caf', 'nna']) {
            const { vector, verdicts, ownWeight } = createRule(name).aggregate({
              own,
              neighbours,
              round: 0,
              rounds: 1,
            })
            const kept = [
              ...(ownWeight > 0 ? [own] : []),
              ...neighbours.filter((_, j) => verdicts[j].weight > 0),
            ]
            vector.forEach((value, k) => {
              const column = kept.map((x) => x[k])
              const room = 1e-5 * Math.max(...column.map(Math.abs))
              expect(value).toBeGreaterThanOrEqual(Math.min(...column) - room)
              expect(value).toBeLessThanOrEqual(Math.max(...column) + room)
            })
          }
        },
      ),
      RUNS,
    )
  })
})

describe('breakdown points', () => {
  const D = 12
  /** f of n = 15 models collude: far away, near, in front, on top of an honest one, and at every scale between. */
  const positions = [1e-3, 0.1, 0.5, 1, 3, 10, 1e3, 1e8, 1e18, 1e30]

  function worst(
    name: string,
    f: number,
    options?: RuleOptions,
    params: Record<string, number> = { f },
  ): number {
    const honest = Array.from({ length: 15 - f }, (_, j) => cloud(`honest ${j}`, D, 1, 0.1))
    const mean = Float64Array.from(
      { length: D },
      (_, k) => honest.reduce((sum, x) => sum + x[k], 0) / honest.length,
    )
    const spread = Math.max(...honest.map((x) => distance(x, mean)))
    let most = 0
    for (const size of positions) {
      for (const kind of [0, 1, 2]) {
        const rng = createRng('colluder', kind)
        const along = Float64Array.from({ length: D }, () => (kind === 0 ? 1 : rng.normal()))
        const colluders = Array.from({ length: f }, (_, j) =>
          Float32Array.from(along, (value, k) => mean[k] - size * value * (kind === 2 ? 1 + j : 1)),
        )
        const input: RoundInput = {
          own: honest[0],
          neighbours: [...colluders, ...honest.slice(1)],
          round: 0,
          rounds: 1,
        }
        const { vector } = createRule(name, params, options).aggregate(input)
        expect(vector.every(Number.isFinite)).toBe(true)
        most = Math.max(most, distance(vector, mean) / spread)
      }
    }
    return most
  }

  test.each<[string, number, RuleOptions | undefined, Record<string, number> | undefined]>([
    ['median', 7, undefined, {}],
    ['trimmed-mean', 7, undefined, undefined],
    ['meamed', 7, undefined, undefined],
    ['nna', 7, undefined, undefined],
    ['mda', 7, undefined, undefined],
    ['caf', 7, undefined, undefined],
    ['geometric-median', 7, undefined, { nu: 1e-3, steps: 100 }],
    ['krum', 6, undefined, undefined],
    ['multi-krum', 6, undefined, undefined],
    ['bulyan', 3, undefined, undefined],
    ['krum', 6, { pre: [{ name: 'nnm', params: { f: 6 } }] }, undefined],
    ['trimmed-mean', 7, { pre: [{ name: 'nnm', params: { f: 7 } }] }, undefined],
    ['wfagg', 6, undefined, undefined],
  ])('%s stands f = %i of 15 colluders anywhere', (name, f, options, params) => {
    expect(worst(name, f, options, params)).toBeLessThan(12)
    expect(createRule(name, params ?? { f }, options).tolerated(14)).toBeGreaterThanOrEqual(f)
  })

  test.each<[string, number, Record<string, number>]>([
    ['average', 1, {}],
    ['median', 8, {}],
    ['trimmed-mean', 8, { f: 7 }],
  ])('the control: %s with %i colluders is carried away', (name, f, params) => {
    expect(worst(name, f, undefined, params)).toBeGreaterThan(1e6)
  })
})

describe('count sketch', () => {
  test('linear, and its squared length is right on average', () => {
    const [x, y] = [cloud('x', 400, 0, 1), cloud('y', 400, 0, 1)]
    const both = Float32Array.from(x, (value, k) => value + y[k])
    const [sx, sy, sum] = [x, y, both].map((v) => countSketch(v, 32, 5))
    sum.forEach((value, k) => {
      expect(value).toBeCloseTo(sx[k] + sy[k], 4)
    })
    let total = 0
    for (let seed = 0; seed < 300; seed++) total += norm(countSketch(x, 32, seed)) ** 2
    expect(total / 300 / norm(x) ** 2).toBeGreaterThan(0.95)
    expect(total / 300 / norm(x) ** 2).toBeLessThan(1.05)
  })
})

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

  test('wfagg: the time filter votes once two steps are known', () => {
    const rule = createRule('wfagg', { f: 0 })
    let memory: RoundInput['memory']
    const lengths: number[] = []
    for (let round = 0; round < 6; round++) {
      const models = Array.from({ length: 4 }, (_, j) => cloud(`node ${j}`, 20, 1 + 0.1 * round, 0.05))
      const [own, ...neighbours] = models
      const result = rule.aggregate({ own, neighbours, round, rounds: 9, memory })
      memory = result.memory
      lengths.push(memory?.neighbours[0]?.values.length ?? -1)
      expect(result.verdicts.every((verdict) => verdict.accepted)).toBe(true)
    }
    expect(lengths).toEqual([0, 1, 2, 3, 4, 5])
  })
})
