/** The attacks that search, copy or touch samples. */

import { describe, expect, test } from 'vitest'
import {
  type AttackView,
  alieZMax,
  createAttack,
  createProbe,
  inverseNormal,
  type SampleBatch,
} from '../../../src/attacks/index.js'
import { withTrigger } from '../../../src/attacks/poisoned-samples.js'
import { createRule, isRobustAggError } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { bitsOf, cloud, distance, norm } from '../../support.js'

const D = 20
const honest = Array.from({ length: 6 }, (_, j) => cloud(`honest ${j}`, D))
const own = cloud('attacker', D)
const view = (change: Partial<AttackView> = {}): AttackView => ({
  own,
  start: cloud('start', D, 0.9),
  honest,
  round: 1,
  rounds: 10,
  rng: createRng('attack'),
  ...change,
})

function craft(name: string, params = {}, change: Partial<AttackView> = {}): Float32Array {
  const attack = createAttack(name, params)
  if (attack.kind !== 'model') throw new Error(name)
  return attack.craft(view(change))
}

const mean = Float64Array.from({ length: D }, (_, k) => honest.reduce((sum, x) => sum + x[k], 0) / 6)
const farthest = (x: ArrayLike<number>) => Math.max(...honest.map((y) => distance(y, x)))
const sumOfSquares = (x: ArrayLike<number>) => honest.reduce((sum, y) => sum + distance(y, x) ** 2, 0)

describe('ALIE', () => {
  // Quantiles from Python's statistics.NormalDist().inv_cdf.
  test.each([
    [0.5, 0],
    [0.975, 1.9599639845400536],
    [0.7, 0.5244005127080407],
    [1e-6, -4.753424308822899],
    [0.999999999, 5.99780701500769],
  ])('Φ⁻¹(%d)', (p, z) => {
    expect(inverseNormal(p)).toBeCloseTo(z, 7)
  })

  test('z_max: 0 for n = 10, m = 2, as published; the quantile for n = 50, m = 24', () => {
    expect(alieZMax(10, 2)).toBe(0)
    // s = 26 − 24 = 2, honest 26: Φ⁻¹(24/26), from Python's statistics.NormalDist.
    expect(alieZMax(50, 24)).toBeCloseTo(1.4260768722848, 9)
    expect(bitsOf(craft('alie', { nodes: 10, attackers: 2 }))).toEqual(bitsOf(craft('alie', { z: 0 })))
    for (const params of [{ nodes: 5 }, { attackers: 2 }, { nodes: 2, attackers: 2 }]) {
      expect(() => createAttack('alie', params)).toThrow(/together/)
    }
  })
})

test('min-max and min-sum lie on their bounds, in every direction', () => {
  const diameter = Math.max(...honest.map(farthest))
  const largestSum = Math.max(...honest.map(sumOfSquares))
  for (const direction of [0, 1, 2]) {
    const a = craft('min-max', { direction })
    expect(farthest(a) / diameter).toBeCloseTo(1, 4)
    expect(distance(a, mean)).toBeGreaterThan(0)
    expect(sumOfSquares(craft('min-sum', { direction })) / largestSum).toBeCloseTo(1, 4)
  }
})

test('krum-attack: Krum picks it when training began close to where the models are', () => {
  for (const copies of [2, 3]) {
    const crafted = craft('krum-attack', { copies }, { start: cloud('start', D, 1, 0.01) })
    const neighbours = [...honest.slice(1), ...Array.from({ length: copies }, () => crafted)]
    const { vector } = createRule('krum', { f: copies }).aggregate({
      own: honest[0],
      neighbours,
      round: 0,
      rounds: 1,
    })
    expect(bitsOf(vector)).toEqual(bitsOf(crafted))
  }
})

test('trim-attack: beyond the honest range, against the movement', () => {
  const start = cloud('start', D, 0.9)
  const crafted = craft('trim-attack')
  crafted.forEach((value, k) => {
    const column = honest.map((x) => x[k])
    if (mean[k] > start[k]) expect(value).toBeLessThanOrEqual(Math.min(...column))
    else expect(value).toBeGreaterThanOrEqual(Math.max(...column))
  })
})

test('threshold-rider is always accepted by BALANCE, close to its edge', () => {
  const rule = createRule('balance', { gamma: 0.3, kappa: 1 })
  for (const epsilon of [1e-9, 0.01, 0.5]) {
    const victim = { model: honest[2], honestWeights: new Array(6).fill(1), attackerWeight: 1 }
    const crafted = craft('threshold-rider', { epsilon }, { victim })
    const { verdicts } = rule.aggregate({ own: honest[2], neighbours: [crafted], round: 1, rounds: 10 })
    expect(verdicts[0].accepted).toBe(true)
    expect((verdicts[0].score ?? 0) / (verdicts[0].threshold ?? 1)).toBeGreaterThan(0.45)
  }
})

test('copies: mimic of a given node, echo, free-rider, equivocation', () => {
  expect(bitsOf(craft('mimic', { index: 8 }))).toEqual(bitsOf(honest[2]))
  // Noise of the deviation of the honest models: as far from the victim as they are from their mean.
  const mean = honest[0].map((_, k) => honest.reduce((sum, x) => sum + x[k], 0) / honest.length)
  const spread = Math.sqrt(honest.reduce((sum, x) => sum + distance(x, mean) ** 2, 0) / honest.length)
  const disguised = craft('mimic', { index: 8, noise: 0.5 })
  expect(distance(disguised, honest[2]) / (0.5 * spread)).toBeGreaterThan(0.7)
  expect(distance(disguised, honest[2]) / (0.5 * spread)).toBeLessThan(1.3)
  const victim = {
    model: honest[0],
    lastModel: honest[3],
    honestWeights: new Array(6).fill(1),
    attackerWeight: 1,
  }
  expect(bitsOf(craft('echo', {}, { victim }))).toEqual(bitsOf(honest[3]))
  const start = cloud('start', D, 0.9)
  expect(bitsOf(craft('free-rider', { noise: 0 }))).toEqual(bitsOf(start))
  expect(distance(craft('free-rider', { noise: 0.01 }), start) / norm(start)).toBeLessThan(0.03)
  const [even, odd, third] = [0, 1, 2].map((recipient) =>
    craft('equivocation', {}, { recipient, rng: createRng(5) }),
  )
  expect(bitsOf(even)).toEqual(bitsOf(third))
  expect(distance(even, odd) / norm(own)).toBeCloseTo(0.2, 4)
})

test('model-replacement takes over a plain average of n', () => {
  const start = cloud('start', D, 0.9)
  const crafted = craft('model-replacement', { scale: 5 }, { start })
  // Four others that did not move: the average of the five is the attacker's model.
  const { vector } = createRule('average').aggregate({
    own: start,
    neighbours: [start, start, start, crafted],
    round: 0,
    rounds: 1,
  })
  expect(distance(vector, own)).toBeLessThan(1e-5)
})

test('spectral pushes the two halves apart', () => {
  const fiedler = [-1, -1, -1, 1, 1, 1].map((value) => value / Math.sqrt(6))
  const push = (i: number) => {
    const victim = {
      model: honest[i],
      honestWeights: new Array(6).fill(1),
      attackerWeight: 1,
      fiedler: fiedler[i],
    }
    const crafted = craft('spectral', {}, { victim, fiedler })
    return crafted.map((value, k) => value - honest[i][k])
  }
  const mode = Float64Array.from({ length: D }, (_, k) =>
    honest.reduce((sum, x, i) => sum + fiedler[i] * x[k], 0),
  )
  const along = (x: Float32Array) => x.reduce((sum, value, k) => sum + value * mode[k], 0)
  expect(along(push(0))).toBeLessThan(0)
  expect(along(push(5))).toBeGreaterThan(0)
})

// NNA and BALANCE cut off whoever is too far: the worst strength lies just before that, between two powers of two.
test.each([
  ['trimmed-mean', { f: 2 }, 'alie', 'z'],
  ['trimmed-mean', { f: 2 }, 'ipm', 'epsilon'],
  ['nna', { f: 2 }, 'alie', 'z'],
  ['balance', {}, 'alie', 'z'],
  ['geometric-median', {}, 'ipm', 'epsilon'],
])(
  'against %s %o optimal-%s does as much harm as the best of 120 strengths',
  (name, params, attack, strength) => {
    const [mine, ...others] = honest
    const round = { own: mine, neighbours: others, round: 0, rounds: 1 }
    const probe = createProbe({ rule: createRule(name, params), round, attackers: 2 })
    const harm = (x: Float32Array) => distance(probe(x), mean)
    const found = harm(craft(`optimal-${attack}`, {}, { probe }))
    for (let k = 0; k < 120; k++) {
      const harmOfOne = harm(craft(attack, { [strength]: 2 ** (k / 8 - 8) }))
      expect(found, `${strength} = 2^${k / 8 - 8}`).toBeGreaterThanOrEqual(0.995 * harmOfOne)
    }
  },
)

describe('samples', () => {
  const batch: SampleBatch = {
    features: new Float32Array(10 * 4 * 4 * 2).fill(0.25),
    labels: Uint8Array.from({ length: 10 }, (_, i) => i % 3),
    height: 4,
    width: 4,
    channels: 2,
    classes: 3,
  }
  const poison = (name: string, params = {}) => {
    const attack = createAttack(name, params)
    if (attack.kind !== 'data') throw new Error(name)
    return attack.poisonSamples(batch, createRng('samples'))
  }

  test('backdoor: trigger and target on the share, the rest untouched, nothing written', () => {
    const poisoned = poison('backdoor', { target: 1, size: 2, share: 0.4 })
    const stamped = withTrigger(batch, 2).features.subarray(0, 32)
    let changed = 0
    for (let i = 0; i < 10; i++) {
      const features = poisoned.features.subarray(i * 32, i * 32 + 32)
      if (features[31] === 1) {
        changed++
        expect(features).toEqual(stamped)
        expect(poisoned.labels[i]).toBe(1)
      } else expect(poisoned.labels[i]).toBe(batch.labels[i])
    }
    expect(changed).toBe(4)
    expect(stamped.filter((value) => value === 1).length).toBe(2 * 2 * 2)
    expect(new Set(batch.features)).toEqual(new Set([0.25]))
    expect(() => poison('backdoor', { target: 3 })).toThrow(/not below 3/)
  })

  test('feature-noise stays in [0, 1]; label-flip flips labels alone; lengths are checked', () => {
    const noisy = poison('feature-noise', { stdDev: 2 })
    expect(noisy.features.every((value) => value >= 0 && value <= 1)).toBe(true)
    expect(noisy.features).not.toEqual(batch.features)
    expect(noisy.labels).toEqual(batch.labels)
    expect(poison('label-flip').labels[0]).toBe(2)
    expect(poison('label-flip').features).toEqual(batch.features)
    const attack = createAttack('backdoor')
    if (attack.kind !== 'data') throw new Error()
    const wrong = { ...batch, height: 5 }
    let caught: unknown
    try {
      attack.poisonSamples(wrong, createRng(1))
    } catch (error) {
      caught = error
    }
    expect(isRobustAggError(caught, 'E_ATTACK_VIEW')).toBe(true)
  })
})
