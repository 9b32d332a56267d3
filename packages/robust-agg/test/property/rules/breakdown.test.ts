/** Breakdown points: f colluders of n = 15 at many distances, in many formations and at many places in the list. */

import { describe, expect, test } from 'vitest'
import { createRule, listRules, type Parameters, type RuleOptions } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { declaredProperties } from '../../declared-properties.js'
import { cloud, distance, nearOnes } from '../../support.js'

const D = 12
const N = 15
/** In units of the honest deviation: near, on top of the honest models, and at every scale beyond. */
const SIZES = [1e-3, 0.1, 0.5, 1, 3, 10, 1e3, 1e8, 1e18, 1e30]
/** How the colluders stand: together along ones, together in a random direction, in a row, on their own each. */
const FORMATIONS = ['ones', 'random', 'row', 'scattered'] as const

function colluder(formation: (typeof FORMATIONS)[number], j: number, size: number, mean: Float64Array) {
  const rng = createRng('colluder', formation, formation === 'scattered' ? j : 0)
  const reach = size * (formation === 'row' ? 1 + j : 1)
  return Float32Array.from(mean, (value) => value - reach * (formation === 'ones' ? 1 : rng.normal()))
}

/** Where the colluders stand among the neighbours. */
const PLACES: readonly ((colluders: Float32Array[], honest: Float32Array[]) => Float32Array[])[] = [
  (colluders, honest) => [...colluders, ...honest],
  (colluders, honest) => [...honest, ...colluders],
  (colluders, honest) =>
    honest
      .flatMap((x, j) => (j < colluders.length ? [x, colluders[j]] : [x]))
      .concat(colluders.slice(honest.length)),
]

/** The farthest that the result gets from the honest mean, in units of the farthest honest model. */
function worst(name: string, f: number, params: Parameters, options: RuleOptions = {}): number {
  const honest = Array.from({ length: N - f }, (_, j) => cloud(`honest ${j}`, D, 1, 0.1))
  const mean = Float64Array.from(
    { length: D },
    (_, k) => honest.reduce((sum, x) => sum + x[k], 0) / honest.length,
  )
  const spread = Math.max(...honest.map((x) => distance(x, mean)))
  const rule = createRule(name, params, { evaluator: true, ...options })
  let most = 0
  for (const size of SIZES) {
    for (const formation of FORMATIONS) {
      const colluders = Array.from({ length: f }, (_, j) => colluder(formation, j, size, mean))
      for (const place of PLACES) {
        const neighbours = place(colluders, honest.slice(1))
        expect(neighbours.length).toBe(N - 1)
        const { vector } = rule.aggregate({
          own: honest[0],
          neighbours,
          round: 0,
          rounds: 1,
          evaluator: nearOnes,
        })
        expect(vector.every(Number.isFinite)).toBe(true)
        most = Math.max(most, distance(vector, mean) / spread)
      }
    }
  }
  return most
}

const rules = listRules().map(({ name }) => [name, declaredProperties[name].breakdown] as const)

describe.each(rules)('%s', (name, breakdown) => {
  if ('because' in breakdown) {
    test(`promises no number: ${breakdown.because}`, () => {
      const { params } = declaredProperties[name]
      expect(createRule(name, params, { evaluator: true }).tolerated(N - 1)).toBeNull()
    })
    return
  }
  const { f, params } = breakdown
  test(`stands ${f} of ${N} colluders anywhere, and says that it does`, () => {
    expect(worst(name, f, params)).toBeLessThan(12)
    const tolerated = createRule(name, params, { evaluator: true }).tolerated(N - 1)
    if (tolerated !== null) expect(tolerated).toBeGreaterThanOrEqual(f)
    if (tolerated !== null && params.f === undefined) expect(tolerated).toBe(f)
  })
})

test.each<[string, number, Parameters]>([
  ['krum', 6, { f: 6 }],
  ['trimmed-mean', 7, { f: 7 }],
  ['average', 7, {}],
])('nnm before %s stands %i colluders where the rule does', (name, f, params) => {
  const reached = worst(name, f, params, { pre: [{ name: 'nnm', params: { f } }] })
  if (name === 'average') expect(reached).toBeGreaterThan(1e6)
  else expect(reached).toBeLessThan(12)
})

test.each<[string, number, Parameters]>([
  ['average', 1, {}],
  ['median', 8, {}],
  ['trimmed-mean', 8, { f: 7 }],
  ['nna', 8, { f: 7 }],
  ['krum', 9, { f: 6 }],
  ['geometric-median', 8, {}],
])('the control: %s with %i colluders is carried away', (name, f, params) => {
  expect(worst(name, f, params)).toBeGreaterThan(12)
})
