import { describe, expect, test } from 'vitest'
import { type AttackView, createAttack, listAttacks, type ModelAttack } from '../../../src/attacks/index.js'
import { isRobustAggError } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { bitsOf } from '../../support.js'

const own = Float32Array.of(1, -2)
const start = Float32Array.of(0.5, 0)
const honest = [Float32Array.of(1, 1), Float32Array.of(3, 5)]
const view = (change: Partial<AttackView> = {}): AttackView => ({
  own,
  start,
  honest,
  round: 0,
  rounds: 3,
  rng: createRng('attack'),
  ...change,
})

function model(name: string, params?: Record<string, number>): ModelAttack {
  const attack = createAttack(name, params)
  if (attack.kind !== 'model') throw new Error(`${name} is not a model attack`)
  return attack
}

function caught(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return undefined
}

describe('values', () => {
  test.each<[string, Record<string, number>, number[]]>([
    ['sign-flip-model', {}, [-1, 2]],
    ['sign-flip-model', { scale: 2 }, [-2, 4]],
    ['sign-flip-update', {}, [0, 2]],
    ['sign-flip-update', { scale: 2 }, [-0.5, 4]],
    ['ipm', { epsilon: 2 }, [-4, -6]],
    ['alie', { z: 2 }, [0, -1]],
    ['alie', { z: 0 }, [2, 3]],
    ['dissensus', { epsilon: 1 }, [-1, -3]],
  ])('%s %o', (name, params, expected) => {
    expect(Array.from(model(name, params).craft(view()))).toEqual(expected)
  })

  test('dissensus with a victim and weights cancels the honest pull of a gossip step', () => {
    const victim = { model: own, honestWeights: [0.25, 0.5], attackerWeight: 0.25 }
    const crafted = model('dissensus', { epsilon: 1 }).craft(view({ victim }))
    const next = own.map(
      (value, k) =>
        value +
        victim.honestWeights.reduce((sum, weight, j) => sum + weight * (honest[j][k] - value), 0) +
        victim.attackerWeight * (crafted[k] - value),
    )
    expect(Array.from(next)).toEqual(Array.from(own))
  })

  test('gaussian: stdDev is a standard deviation, and the stream decides the values', () => {
    const d = 20_000
    const big = view({ own: new Float32Array(d), start: new Float32Array(d), honest: [], rng: createRng(1) })
    const crafted = model('gaussian', { stdDev: 3 }).craft(big)
    const mean = crafted.reduce((sum, value) => sum + value, 0) / d
    const variance = crafted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d
    expect(Math.abs(mean)).toBeLessThan(0.1)
    expect(Math.sqrt(variance)).toBeCloseTo(3, 1)
    const again = model('gaussian', { stdDev: 3 }).craft({ ...big, rng: createRng(1) })
    expect(bitsOf(again)).toEqual(bitsOf(crafted))
    expect(bitsOf(model('gaussian').craft({ ...big, rng: createRng(2) }))).not.toEqual(bitsOf(crafted))
  })

  test('salt-noise sets a share of the parameters and leaves the others, as the stream decides', () => {
    const d = 20_000
    const own = Float32Array.from({ length: d }, (_, k) => 2 + k)
    const craft = (seed: number, share: number) =>
      model('salt-noise', { share, value: -1 }).craft(
        view({ own, start: new Float32Array(d), honest: [], rng: createRng(seed) }),
      )
    const crafted = craft(1, 0.8)
    const salted = crafted.filter((value) => value === -1).length
    expect(salted / d).toBeCloseTo(0.8, 1)
    expect(crafted.filter((value, k) => value === own[k]).length).toBe(d - salted)
    expect(bitsOf(craft(1, 0.8))).toEqual(bitsOf(crafted))
    expect(bitsOf(craft(2, 0.8))).not.toEqual(bitsOf(crafted))
    expect(new Set(craft(1, 1))).toEqual(new Set([-1]))
  })

  test('label-flip mirrors the classes and leaves its input alone', () => {
    const attack = createAttack('label-flip')
    if (attack.kind !== 'data') throw new Error('not a data attack')
    const labels = Uint8Array.of(0, 3, 9)
    expect(Array.from(attack.poisonLabels(labels, 10))).toEqual([9, 6, 0])
    expect(Array.from(labels)).toEqual([0, 3, 9])
    expect(Array.from(attack.poisonLabels(attack.poisonLabels(labels, 10), 10))).toEqual([0, 3, 9])
    const error = caught(() => attack.poisonLabels(labels, 9))
    expect(isRobustAggError(error, 'E_LABEL_RANGE') && error.details).toEqual({
      index: 2,
      label: 9,
      classes: 9,
    })
  })
})

describe.each(listAttacks().map((info) => [info.name, info] as const))('attack %s', (name, info) => {
  test('describes itself and agrees with what is created', () => {
    const attack = createAttack(name)
    expect([attack.kind, attack.knowledge]).toEqual([info.kind, info.knowledge])
    expect(info.formula).not.toBe('')
    expect(info.source).not.toBe('')
    expect(Object.keys(attack.params)).toEqual(
      info.params.filter((parameter) => parameter.default !== null).map((parameter) => parameter.name),
    )
  })

  test('an unknown parameter is refused', () => {
    expect(
      isRobustAggError(
        caught(() => createAttack(name, { nonsense: 1 })),
        'E_UNKNOWN_PARAMETER',
      ),
    ).toBe(true)
  })

  if (info.kind === 'data') return

  test('gives a fresh vector, writes no input, needs only its knowledge', () => {
    const before = [own, start, ...honest].map(bitsOf)
    const crafted = model(name).craft(view())
    const broken = name === 'nan' || name === 'infinite'
    expect(crafted.length).toBe(own.length)
    for (const input of [own, start, ...honest]) expect(crafted).not.toBe(input)
    expect([own, start, ...honest].map(bitsOf)).toEqual(before)
    const blind = model(name).craft(view({ honest: [] }))
    expect(blind.every(Number.isFinite)).toBe(!broken)
    if (info.knowledge === 'own') expect(bitsOf(blind)).toEqual(bitsOf(crafted))
  })

  test('a view of mixed lengths is refused', () => {
    for (const change of [
      { start: new Float32Array(1) },
      { honest: [new Float32Array(3)] },
      { fiedler: [1] },
      { victim: { model: own, lastModel: new Float32Array(3), honestWeights: [1, 1], attackerWeight: 1 } },
      { victim: { model: new Float32Array(1), honestWeights: [1, 1], attackerWeight: 1 } },
      { victim: { model: own, honestWeights: [1], attackerWeight: 1 } },
      { victim: { model: own, honestWeights: [1, 1], attackerWeight: 0 } },
    ]) {
      expect(
        isRobustAggError(
          caught(() => model(name).craft(view(change))),
          'E_ATTACK_VIEW',
        ),
      ).toBe(true)
    }
  })
})

test('with no honest model in view: as documented', () => {
  const alone = view({ honest: [] })
  expect(Array.from(model('ipm', { epsilon: 2 }).craft(alone))).toEqual([-2, 4])
  expect(Array.from(model('alie').craft(alone))).toEqual([1, -2])
  expect(Array.from(model('dissensus').craft(alone))).toEqual([1, -2])
})

test('an unknown attack brings the nearest known one', () => {
  const error = caught(() => createAttack('sign-flip-modle'))
  expect(isRobustAggError(error, 'E_UNKNOWN_ATTACK') && error.details.nearest).toBe('sign-flip-model')
})

describe('attacks that ride free', () => {
  const lengthOf = (x: ArrayLike<number>) =>
    Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0))
  const minus = (a: Float32Array, b: Float32Array) => a.map((value, k) => value - b[k])
  const long = (value: number) => Float32Array.from({ length: 10_000 }, () => value)

  test('are these, and only the idle ones take the place of training', () => {
    expect(listAttacks().flatMap((info) => (info.ridesFree ? [info.name] : []))).toEqual([
      'mimic',
      'echo',
      'free-rider',
      'delta-weights',
    ])
    expect(model('free-rider').idles).toBe(false)
    expect(model('free-rider', { idle: 1 }).idles).toBe(true)
    expect(model('delta-weights').idles).toBe(true)
    expect(model('echo').idles).toBe(false)
  })

  test('delta-weights repeats the last step of the start, none after a gap, with noise of its length', () => {
    const attack = model('delta-weights')
    const at = (round: number, ...values: number[]) =>
      Array.from(attack.craft(view({ round, start: Float32Array.from(values) })))
    expect(at(0, 0.5, 0)).toEqual([0.5, 0])
    expect(at(1, 0.75, -1)).toEqual([1, -2])
    expect(at(2, 1, 1)).toEqual([1.25, 3])
    expect(at(4, 2, 2)).toEqual([2, 2])

    const noisy = model('delta-weights', { noise: 2 })
    const round = (number: number, value: number) =>
      noisy.craft(view({ own: long(0), start: long(value), honest: [], round: number }))
    expect(round(0, 1)).toEqual(long(1))
    const noise = minus(round(1, 1.5), long(2))
    // Δ is 0.5 at each of 10,000 places, so 50 long.
    expect(lengthOf(noise) / 100).toBeGreaterThan(0.95)
    expect(lengthOf(noise) / 100).toBeLessThan(1.05)
  })

  test('echo sends the model of the last round or of this one, with noise relative to its step', () => {
    const victim = { model: long(2), lastModel: long(3), honestWeights: [], attackerWeight: 0.5 }
    const around = view({ own: long(9), start: long(1), honest: [], victim })
    expect(model('echo').craft(around)).toEqual(victim.lastModel)
    expect(model('echo', { lag: 0 }).craft(around)).toEqual(victim.model)
    const noise = minus(model('echo', { lag: 0, noise: 0.5 }).craft(around), victim.model)
    expect(lengthOf(noise) / 50).toBeGreaterThan(0.95)
    expect(lengthOf(noise) / 50).toBeLessThan(1.05)
    const blind = view({ own: long(9), start: long(1), honest: [], victim: undefined })
    expect(model('echo', { noise: 1 }).craft(blind)).toEqual(long(9))
  })
})
