/** Permutation, translation and scaling, for every rule that declares them. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import {
  type Aggregation,
  createRule,
  type Evaluator,
  listPreAggregators,
  listRules,
  type Parameters,
  type RoundInput,
} from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { declaredProperties, preCompositions } from '../../declared-properties.js'
import { bitsOf } from '../../support.js'

const rules = listRules().map(({ name }) => [name, declaredProperties[name]] as const)

test('every rule declares its properties, and nothing else does; exceptions have a reason', () => {
  expect(Object.keys(declaredProperties).sort()).toEqual(rules.map(([name]) => name).sort())
  for (const { permutation, translation, scaling, breakdown } of Object.values(declaredProperties)) {
    for (const entry of [permutation, translation, scaling, breakdown]) {
      if (typeof entry === 'object' && 'because' in entry) expect(entry.because.length).toBeGreaterThan(20)
    }
  }
  expect(new Set(preCompositions.flatMap(([, , { pre }]) => pre?.map((step) => step.name)))).toEqual(
    new Set(listPreAggregators().map((info) => info.name)),
  )
})

/** A loss of distances to a point, so that it can be moved and scaled with the models. */
const lossNear =
  (point: number, shift: ArrayLike<number> | null = null, factor = 1): Evaluator['loss'] =>
  (x) =>
    x.reduce((sum, value, k) => {
      const difference = (value - (shift?.[k] ?? 0)) / factor - point
      return sum + difference * difference
    }, 1)

const aggregate = (name: string, params: Parameters, input: RoundInput, options = {}): Aggregation =>
  createRule(name, params, { evaluator: true, ...options }).aggregate(input)

describe.each(rules)('%s', (name, { params, permutation, translation, scaling, lengths = [] }) => {
  test('another order of the neighbours: the same result', () => {
    const rng = createRng('permutation', name)
    for (let trial = 0; trial < 25; trial++) {
      const models = Array.from({ length: 9 }, () =>
        Float32Array.from({ length: 6 }, () => 1 + 0.3 * rng.normal()),
      )
      const [own, ...neighbours] = models
      const order = rng.shuffle(neighbours.map((_, j) => j))
      const round = {
        own,
        previous: new Float32Array(6),
        round: 1,
        rounds: 4,
        evaluator: { loss: lossNear(1) },
      }
      const straight = aggregate(name, params, { ...round, neighbours })
      const permuted = aggregate(name, params, { ...round, neighbours: order.map((j) => neighbours[j]) })
      // What no order changes: the threshold of a rule that has one for all.
      expect(permuted.verdicts[0].threshold === null).toBe(straight.verdicts[0].threshold === null)
      expect(permuted.verdicts[order.indexOf(0)].threshold ?? 0).toBeCloseTo(
        straight.verdicts[0].threshold ?? 0,
        6,
      )
      if (typeof permutation === 'object') continue
      if (permutation === 'bits') expect(bitsOf(permuted.vector)).toEqual(bitsOf(straight.vector))
      permuted.vector.forEach((value, k) => {
        expect(Math.abs(value - straight.vector[k])).toBeLessThan(1e-6)
      })
      expect(permuted.verdicts.map((v) => v.reason)).toEqual(order.map((j) => straight.verdicts[j].reason))
      order.forEach((j, at) => {
        expect(permuted.verdicts[at].weight).toBeCloseTo(straight.verdicts[j].weight, 6)
      })
    }
  })

  test.runIf(translation === true)('everything moved: the result with it', () => {
    const rng = createRng('translation', name)
    // Whole numbers below 2^16 and a whole shift: exact in float32, differences included.
    const whole = () => Float32Array.from({ length: 5 }, () => rng.integer(2 ** 16) - 2 ** 15)
    for (let trial = 0; trial < 30; trial++) {
      const [own, previous, shift, ...neighbours] = Array.from({ length: 10 }, whole)
      const moved = (x: Float32Array) => x.map((value, k) => value + shift[k])
      const round = { round: 1, rounds: 4 }
      const plain = aggregate(name, params, {
        ...round,
        own,
        previous,
        neighbours,
        evaluator: { loss: lossNear(1) },
      })
      const other = aggregate(name, params, {
        ...round,
        own: moved(own),
        previous: moved(previous),
        neighbours: neighbours.map(moved),
        evaluator: { loss: lossNear(1, shift) },
      })
      expect(other.verdicts.map((v) => v.reason)).toEqual(plain.verdicts.map((v) => v.reason))
      other.vector.forEach((value, k) => {
        expect(Math.abs(value - shift[k] - plain.vector[k])).toBeLessThan(0.05)
      })
    }
  })

  test.runIf(scaling === true)(
    'everything times a power of two: the result times the same, bit for bit',
    () => {
      checkScaling(name, params, lengths)
    },
  )
})

test.each(preCompositions)('%s %o %o scales', (name, params, options) => {
  checkScaling(name, params, [], options.pre)
})

function checkScaling(
  name: string,
  params: Parameters,
  lengths: readonly string[],
  pre: (typeof preCompositions)[number][2]['pre'] = [],
): void {
  const model = (d: number) =>
    fc
      .float32Array({ minLength: d, maxLength: d, noNaN: true, min: -100, max: 100 })
      // Small numbers are cleared, so that nothing is rounded as a denormal.
      .map((x) => x.map((value) => (Math.abs(value) < 2 ** -20 ? 0 : value)))
  const rounds = fc
    .integer({ min: 1, max: 6 })
    .chain((d) => fc.array(model(d), { minLength: 10, maxLength: 11 }))
  fc.assert(
    fc.property(rounds, fc.constantFrom(-8, -1, 1, 6), (models, exponent) => {
      const run = (factor: number) => {
        const [own, previous, ...neighbours] = models.map((x) => x.map((value) => value * factor))
        const scaled = Object.fromEntries(
          Object.entries(params).map(([key, value]) => [key, lengths.includes(key) ? value * factor : value]),
        )
        const steps = pre?.map((step) =>
          // The radius of static clipping is a length; the c of mad-clipping is a number of deviations.
          step.name === 'static-clipping' ? { ...step, params: { c: (step.params?.c ?? 0) * factor } } : step,
        )
        const evaluator = { loss: lossNear(1, null, factor) }
        // Parameters left at their default are lengths too.
        const withLengths = { ...defaultsOf(name, lengths, factor), ...scaled }
        return aggregate(
          name,
          withLengths,
          { own, previous, neighbours, round: 1, rounds: 4, evaluator },
          { pre: steps },
        )
      }
      const [plain, other] = [run(1), run(2 ** exponent)]
      expect(bitsOf(other.vector)).toEqual(bitsOf(plain.vector.map((value) => value * 2 ** exponent)))
      expect(other.verdicts.map((v) => v.reason)).toEqual(plain.verdicts.map((v) => v.reason))
    }),
    { numRuns: sized(30, 120) },
  )
}

function defaultsOf(name: string, lengths: readonly string[], factor: number): Parameters {
  const infos = listRules().find((info) => info.name === name)?.params ?? []
  return Object.fromEntries(
    infos
      .filter((info) => lengths.includes(info.name) && info.default !== null)
      .map((info) => [info.name, (info.default ?? 0) * factor]),
  )
}
