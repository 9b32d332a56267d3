import { describe, expect, test } from 'vitest'
import { isRobustAggError } from '../../src/errors.js'
import { createRng } from '../../src/rng.js'

const COUNT = 100_000

function moments(draw: () => number): { mean: number; variance: number } {
  const values = Array.from({ length: COUNT }, draw)
  const mean = values.reduce((sum, x) => sum + x, 0) / COUNT
  return { mean, variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / COUNT }
}

describe('streams', () => {
  test('the same keys give the same numbers, different ones do not', () => {
    const draw = (...keys: (string | number)[]) => Array.from({ length: 4 }, createRng(...keys).nextUint32)
    expect(draw(1, 'a')).toEqual(draw(1, 'a'))
    const different = [
      [1],
      ['1'],
      [1, ''],
      ['', 1],
      [1, 'a'],
      ['1a'],
      ['ab', 'c'],
      ['a', 'bc'],
      ['a\u001f$b'],
      ['a', 'b'],
    ]
    const seen = new Set(different.map((keys) => draw(...keys).join()))
    expect(seen.size).toBe(different.length)
  })

  test('ten thousand neighbouring seeds: all first values differ as chance has it, and look uniform', () => {
    const firsts = Array.from({ length: 10_000 }, (_, seed) => createRng(seed, 'x').uniform())
    expect(new Set(firsts).size).toBeGreaterThan(9_990)
    const bins = new Array<number>(16).fill(0)
    for (const value of firsts) bins[Math.floor(value * 16)]++
    const chi2 = bins.reduce((sum, count) => sum + (count - 625) ** 2 / 625, 0)
    expect(chi2).toBeLessThan(45)
  })
})

describe('uniform and integer', () => {
  test('moments and range of uniform', () => {
    const rng = createRng('uniform')
    const { mean, variance } = moments(() => {
      const value = rng.uniform()
      if (!(value >= 0 && value < 1)) throw new Error(`out of range: ${value}`)
      return value
    })
    expect(mean).toBeCloseTo(0.5, 2)
    expect(variance).toBeCloseTo(1 / 12, 2)
  })

  test('integer: every value as often as the others', () => {
    const rng = createRng('integer')
    const counts = new Array<number>(7).fill(0)
    for (let k = 0; k < 70_000; k++) counts[rng.integer(7)]++
    const chi2 = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
    expect(chi2).toBeLessThan(30)
    // A remainder without rejection would put half of these, not a third, below 2^30.
    let low = 0
    for (let k = 0; k < 30_000; k++) if (rng.integer(3 * 2 ** 30) < 2 ** 30) low++
    expect(Math.abs(low - 10_000)).toBeLessThan(400)
    expect(rng.integer(1)).toBe(0)
    expect(rng.integer(2 ** 32)).toBeLessThan(2 ** 32)
  })

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('integer(%s) is refused', (bound) => {
    let caught: unknown
    try {
      createRng('bad').integer(bound)
    } catch (error) {
      caught = error
    }
    expect(isRobustAggError(caught, 'E_PARAMETER_RANGE')).toBe(true)
  })
})

describe('normal and gamma', () => {
  test('normal: mean 0, variance 1, the right share beyond two deviations', () => {
    const rng = createRng('normal')
    let beyond = 0
    const { mean, variance } = moments(() => {
      const value = rng.normal()
      if (Math.abs(value) > 2) beyond++
      return value
    })
    expect(Math.abs(mean)).toBeLessThan(0.015)
    expect(Math.abs(variance - 1)).toBeLessThan(0.03)
    expect(Math.abs(beyond / COUNT - 0.0455)).toBeLessThan(0.004)
  })

  test('normal: fixed values, the same on every machine', () => {
    const rng = createRng('golden')
    expect([rng.normal(), rng.normal(), rng.normal()]).toEqual([
      -0.6453805626537031, -2.241887280158375, -1.4339228451685748,
    ])
  })

  test.each([0.1, 0.5, 1, 4.2])('gamma(%s): mean and variance equal the shape', (shape) => {
    const rng = createRng('gamma', shape)
    const { mean, variance } = moments(() => rng.gamma(shape))
    expect(Math.abs(mean / shape - 1)).toBeLessThan(0.05)
    expect(Math.abs(variance / shape - 1)).toBeLessThan(0.1)
  })

  test.each([0, -1, Number.NaN, Infinity])('gamma(%s) is refused and does not hang', (shape) => {
    expect(() => createRng('bad').gamma(shape)).toThrow(/must be a number in/)
  })
})

describe('shuffle', () => {
  test('keeps the elements, returns its argument, works on typed arrays', () => {
    const items = Uint8Array.from({ length: 50 }, (_, k) => k)
    expect(createRng('shuffle').shuffle(items)).toBe(items)
    expect(Array.from(items).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, k) => k))
    expect(Array.from(items)).not.toEqual(Array.from(items).sort((a, b) => a - b))
  })

  test('all six orders of three are equally likely', () => {
    const rng = createRng('orders')
    const counts = new Map<string, number>()
    for (let k = 0; k < 6_000; k++) {
      const order = rng.shuffle([0, 1, 2]).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})
