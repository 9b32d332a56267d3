import { describe, expect, it } from 'vitest'
import { MOST_WEIGHT } from '../../../src/distance-rules/definition.js'
import { createDistanceRule, listDistanceRules } from '../../../src/distance-rules/registry.js'
import { pairwiseSquaredDistances } from '../../../src/kernels/distance.js'
import { createRule } from '../../../src/registry.js'
import { createRng } from '../../../src/rng.js'

const view = (models: readonly Float32Array[], round = 0, rounds = 10) => ({
  squared: pairwiseSquaredDistances(models),
  models: models.length,
  round,
  rounds,
})
/** Honest models around a point, and others far away. */
function crowd(honest: number, hostile: number, seed: string): Float32Array[] {
  const rng = createRng('crowd', seed)
  const around = (centre: number) => Float32Array.from({ length: 50 }, () => centre + rng.normal())
  return [
    ...Array.from({ length: honest }, () => around(0)),
    ...Array.from({ length: hostile }, () => around(20)),
  ]
}
const weighted = (models: readonly Float32Array[], weights: readonly number[]): number[] => {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return Array.from(models[0], (_, k) =>
    models.reduce((sum, model, i) => sum + (weights[i] / total) * model[k], 0),
  )
}

describe.each(listDistanceRules().map(({ name }) => name))('%s', (name) => {
  const rule = createDistanceRule(name)

  it('refuses models that are far from most, or all but', () => {
    for (const seed of ['a', 'b', 'c']) {
      const models = crowd(6, 2, seed)
      const { weights } = rule.weigh(view(models))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      expect(
        weights.slice(0, 6).every((weight) => weight > 0) || name === 'multi-krum' || name === 'nearest',
      ).toBe(true)
      expect(weights.slice(6).reduce((sum, weight) => sum + weight, 0) / total).toBeLessThan(
        name === 'geometric-median' ? 0.12 : 1e-9,
      )
    }
  })

  it('gives whole weights that are not too many, whatever the distances', () => {
    const rng = createRng('any', name)
    for (let trial = 0; trial < 300; trial++) {
      const n = Math.max(rule.fewest, 1 + rng.integer(40))
      const spread = 10 ** (8 * rng.uniform() - 4)
      const models = Array.from({ length: n }, () =>
        Float32Array.from({ length: 3 }, () => (rng.uniform() < 0.2 ? 0 : spread * rng.normal())),
      )
      const { weights } = rule.weigh(view(models, rng.integer(11)))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      expect(weights).toHaveLength(n)
      expect(weights.every((weight) => Number.isInteger(weight) && weight >= 0)).toBe(true)
      expect(total).toBeGreaterThanOrEqual(1)
      expect(total).toBeLessThanOrEqual(MOST_WEIGHT)
    }
  })

  it('gives all the same where all models are the same, and nothing where there are too few', () => {
    const same = Array.from({ length: 5 }, () => new Float32Array(4))
    const { weights } = rule.weigh(view(same))
    expect(new Set(weights.filter((weight) => weight > 0)).size).toBe(1)
    if (rule.fewest > 1) expect(rule.weigh(view(same.slice(0, 1))).weights).toEqual([0])
  })

  it('does not care about the order of the models', () => {
    const models = crowd(5, 2, 'order')
    const turned = [...models].reverse()
    expect([...rule.weigh(view(turned)).weights].reverse()).toEqual(rule.weigh(view(models)).weights)
  })
})

describe('the rules that see models', () => {
  it('Multi-Krum chooses the same', () => {
    const models = crowd(6, 2, 'krum')
    const { vector } = createRule('multi-krum', { f: 2 }).aggregate({
      own: models[0],
      neighbours: models.slice(1),
      round: 0,
      rounds: 10,
    })
    const { weights } = createDistanceRule('multi-krum', { f: 2 }).weigh(view(models))
    for (const [k, value] of weighted(models, weights).entries()) expect(value).toBeCloseTo(vector[k], 5)
  })

  it('the geometric median comes to the same point, up to whole weights', () => {
    const models = crowd(7, 0, 'median')
    const { vector } = createRule('geometric-median', { nu: 0.1, steps: 30 }).aggregate({
      own: models[0],
      neighbours: models.slice(1),
      round: 0,
      rounds: 10,
    })
    const { weights } = createDistanceRule('geometric-median', { nu: 0.01, steps: 30 }).weigh(view(models))
    const apart = Math.hypot(...weighted(models, weights).map((value, k) => value - vector[k]))
    expect(apart).toBeLessThan(0.1)
  })

  it('BALANCE’s threshold shrinks over the rounds', () => {
    const rule = createDistanceRule('balance', { gamma: 2, kappa: 1 })
    const [first, last] = [0, 10].map((round) => rule.weigh(view(crowd(6, 0, 'rounds'), round)).threshold!)
    expect(last / first).toBeCloseTo(Math.exp(-2), 9)
  })
})

describe('a rule that is not known', () => {
  it('is refused with the nearest name, and so are its parameters', () => {
    expect(() => createDistanceRule('multikrum')).toThrow(/multi-krum/)
    expect(() => createDistanceRule('nearest', { f: -1 })).toThrow(/E_PARAMETER_RANGE|must be/)
    expect(() => createDistanceRule('nearest', { g: 1 })).toThrow(/no parameter 'g'/)
  })
})
