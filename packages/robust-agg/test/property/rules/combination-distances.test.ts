/** The steps over the matrix of distances against the formulas, written out in float64 over the models themselves. */

import { describe, expect, test } from 'vitest'
import { createRule } from '../../../src/index.js'
import { pairwiseSquaredDistances } from '../../../src/kernels/dispatch.js'
import { createRng } from '../../../src/rng.js'
import {
  createCombinationDistances,
  matrixError,
  RESOLUTION,
} from '../../../src/rules/combination-distances.js'
import { cloud, distance, norm } from '../../support.js'

/** More than one chunk. */
const D = 2100

const families: Record<string, (n: number) => Float32Array[]> = {
  random: (n) => Array.from({ length: n }, (_, k) => cloud(`random ${k}`, D, 0, 1)),
  'close to one another': (n) => Array.from({ length: n }, (_, k) => cloud(`close ${k}`, D, 1, 1e-6)),
  'all equal but one': (n) => Array.from({ length: n }, (_, k) => cloud(k === 0 ? 'odd' : 'even', D, 1, 0.1)),
  'two clusters, relative distance 1e-6 within': (n) =>
    Array.from({ length: n }, (_, k) => {
      const noise = cloud(`noise ${k}`, D, 0, 1e-6)
      return cloud(`cluster ${k % 2}`, D, 1, 0.1).map((value, c) => value * (1 + noise[c]))
    }),
  'one of norm 1e30': (n) =>
    Array.from({ length: n }, (_, k) => cloud(`huge ${k}`, D, k === n - 1 ? 1e30 : 1, 0.1)),
  'one a thousand times as far': (n) =>
    Array.from({ length: n }, (_, k) => cloud(`far ${k}`, D, 1, k === n - 1 ? 100 : 0.1)),
  'all equal': (n) => Array.from({ length: n }, () => cloud('same', D)),
  'all zero': (n) => Array.from({ length: n }, () => new Float32Array(D)),
}
const COUNTS = [1, 2, 3, 9, 64]
const LIMITS = [1e-6, 0.1, 1e6]

const combined = (weights: ArrayLike<number>, points: readonly Float32Array[]): Float64Array =>
  Float64Array.from({ length: D }, (_, c) => {
    let sum = 0
    for (let k = 0; k < points.length; k++) sum += weights[k] * points[k][c]
    return sum
  })

/** Weights that such rules have: inverse distances from some point, and their like. */
function weightsFor(points: readonly Float32Array[], seed: number): Float64Array {
  const rng = createRng('test', 'weights', points.length, seed)
  const centre = points[rng.integer(points.length)]
  const raw = Float64Array.from(points, (x) => (0.1 + rng.uniform()) / Math.max(0.1, distance(x, centre)))
  const sum = raw.reduce((total, value) => total + value, 0)
  return raw.map((value) => value / sum)
}

function setup(models: Float32Array[], limit: number, anchored: boolean) {
  const anchor = anchored ? cloud('anchor', D, 1, 0.1) : null
  const squaredRadii = models.map((x) => (anchor === null ? norm(x) : distance(x, anchor)) ** 2)
  const init = { models, anchor, squaredRadii, limit, sharp: false, steps: 20 }
  const points = anchor === null ? models : [anchor, ...models]
  return { init, points, first: points.length - models.length }
}

describe.each(Object.entries(families))('%s', (_name, family) => {
  test.each(COUNTS)('n = %i: every distance within the promised share of max(limit, distance)', (n) => {
    const models = family(n)
    for (const anchored of [false, true]) {
      for (const limit of LIMITS) {
        const { init, points, first } = setup(models, limit, anchored)
        const distances = createCombinationDistances(init)
        const out = new Float64Array(points.length)
        for (const seed of [0, 1]) {
          const weights = weightsFor(points, seed)
          const z = combined(weights, points)
          distances.measure(weights, out)
          for (let i = first; i < points.length; i++) {
            const truth = distance(points[i], z)
            const off = Math.abs(Math.max(limit, Math.sqrt(out[i])) - Math.max(limit, truth))
            // Half of κ for the root, and a little for the test's own sums.
            expect(off / Math.max(limit, truth)).toBeLessThanOrEqual(0.5 * RESOLUTION * 1.001 + 1e-12)
          }
        }
      }
    }
  })
})

describe('the bound', () => {
  const { init, points } = setup(families['one of norm 1e30'](9), 0.1, false)
  const weights = weightsFor(points.slice(0, 8), 3)
  // The huge one takes part as it does in Weiszfeld steps: with a weight like 1/norm.
  const all = Float64Array.from([...weights, 3e-30])

  test('without the way back the huge model would wipe the others out', () => {
    const matrix = pairwiseSquaredDistances(points)
    const rows = points.map((_, i) => points.reduce((sum, _x, j) => sum + all[j] * matrix[i * 9 + j], 0))
    const half = rows.reduce((sum, row, i) => sum + all[i] * row, 0) / 2
    const truth = distance(points[0], combined(all, points))
    const naive = Math.sqrt(Math.max(0, rows[0] - half))
    expect(Math.abs(naive - truth) / truth).toBeGreaterThan(1000 * RESOLUTION)
  })

  test('a huge model is seen before a matrix is made; honest ones need none of the passes', () => {
    const out = new Float64Array(9)
    const huge = createCombinationDistances(init)
    huge.measure(all, out)
    expect([huge.passes, huge.hasMatrix]).toEqual([1, false])
    const near = createCombinationDistances(setup(families.random(9), 0.1, false).init)
    near.measure(new Float64Array(9).fill(1 / 9), out)
    expect([near.passes, near.hasMatrix]).toEqual([0, true])
  })

  test('a matrix that would take longer than the steps to come is not made', () => {
    const models = families.random(16)
    const squaredRadii = models.map((x) => norm(x) ** 2)
    for (const steps of [2, 3]) {
      const init = { models, anchor: null, squaredRadii, limit: 0.1, sharp: false, steps }
      const distances = createCombinationDistances(init)
      for (let step = 0; step < steps; step++) {
        distances.measure(new Float64Array(16).fill(1 / 16), new Float64Array(16))
        expect(distances.hasMatrix).toBe(steps === 3)
      }
    }
  })

  test('the error of the matrix itself is within what the bound takes it for, and not far below', () => {
    for (const d of [1, 2, 16, 17, 300, 2048, 3000]) {
      let worst = 0
      for (let seed = 0; seed < 40; seed++) {
        const pair = [cloud(`a ${seed}`, d, 0, 1), cloud(`b ${seed}`, d, 0, 1)]
        const truth = distance(pair[0], pair[1]) ** 2
        worst = Math.max(worst, Math.abs(pairwiseSquaredDistances(pair)[1] / truth - 1))
      }
      expect(worst).toBeLessThanOrEqual(matrixError(d))
      // At d = 1 and 2 at most five roundings of 2⁻²⁴ are allowed, and one at least is seen.
      if (d <= 2) expect(worst).toBeGreaterThan(matrixError(d) / 10)
    }
  })

  test('sharp: a distance on the limit is taken from the models', () => {
    const { init: plain, points: models } = setup(families.random(9), 1, false)
    const equal = new Float64Array(9).fill(1 / 9)
    const limit = distance(models[4], combined(equal, models))
    const out = new Float64Array(9)
    for (const sharp of [false, true]) {
      const distances = createCombinationDistances({ ...plain, limit, sharp })
      distances.measure(equal, out)
      expect(distances.passes).toBe(sharp ? 1 : 0)
    }
  })
})

/** Weiszfeld as its formula says, and the harmonic mean of the last distances. */
function weiszfeld(models: readonly Float32Array[], nu: number, steps: number): [Float64Array, number] {
  let z: Float64Array = new Float64Array(D)
  let mean = 0
  for (let step = 0; step < steps; step++) {
    const betas = models.map((x) => 1 / Math.max(nu, distance(x, z)))
    const total = betas.reduce((sum, beta) => sum + beta, 0)
    mean = models.length / total
    z = combined(
      betas.map((beta) => beta / total),
      models,
    )
  }
  return [z, mean]
}

function clipping(models: readonly Float32Array[], start: Float32Array, tau: number, steps: number) {
  let v: Float64Array = Float64Array.from(start)
  for (let step = 0; step < steps; step++) {
    const from = v
    const shares = models.map((x) => Math.min(1, tau / distance(x, from)) / models.length)
    v = from.map((value, c) => models.reduce((sum, x, k) => sum + shares[k] * (x[c] - value), value))
  }
  return v
}

/** What rounding the result to float32 may move it by. */
const rounding = (z: Float64Array): number => 2 ** -24 * norm(z) + D * 2 ** -150

describe.each(Object.entries(families))('rules, %s', (_name, family) => {
  test.each([2, 3, 9, 64])('n = %i', (n) => {
    const [own, ...neighbours] = family(n)
    const round = { own, neighbours, round: 0, rounds: 1 }
    const byzantine = [new Float32Array(D).fill(Number.NaN), own.map(() => Number.POSITIVE_INFINITY)]
    for (const [nu, steps] of [
      [0.1, 8],
      [1e-3, 30],
    ]) {
      const [z, mean] = weiszfeld([own, ...neighbours], nu, steps)
      const rule = createRule('geometric-median', { nu, steps })
      const { vector } = rule.aggregate(round)
      expect(distance(vector, z)).toBeLessThanOrEqual(1e-7 * mean + rounding(z))
      const among = rule.aggregate({ ...round, neighbours: [...neighbours, ...byzantine] })
      expect(distance(among.vector, vector)).toBe(0)
    }
    for (const [tau, steps] of [
      [0.5, 5],
      [3, 10],
    ]) {
      const previous = cloud('anchor', D, 1, 0.1)
      const v = clipping([own, ...neighbours], previous, tau, steps)
      const { vector } = createRule('centred-clipping', { tau, steps }).aggregate({ ...round, previous })
      expect(distance(vector, v)).toBeLessThanOrEqual(1e-7 * tau + rounding(v))
    }
  })
})
