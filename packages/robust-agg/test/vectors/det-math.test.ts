import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { detExp, detLog } from '../../src/det-math.js'
import { createRng } from '../../src/rng.js'
import { ulpsBetween } from '../support.js'

const table: { exp: [number, number][]; log: [number, number][] } = JSON.parse(
  readFileSync(new URL('./exp-log.json', import.meta.url), 'utf8'),
)

function worst(values: Iterable<number>, f: (x: number) => number, reference: (x: number) => number): number {
  let most = 0
  for (const x of values) most = Math.max(most, ulpsBetween(f(x), reference(x)))
  return most
}

function* spread(name: string, count: number, value: (u: number) => number): Generator<number> {
  const rng = createRng('det-math', name)
  for (let k = 0; k < count; k++) yield value(rng.uniform())
}

describe('detExp', () => {
  test('is within one place of the correctly rounded value', () => {
    for (const [x, expected] of table.exp)
      expect(ulpsBetween(detExp(x), expected), `exp(${x})`).toBeLessThanOrEqual(1)
  })

  test('is within two places of Math.exp over its whole range', () => {
    expect(
      worst(
        spread('small', 100_000, (u) => 2 * u - 1),
        detExp,
        Math.exp,
      ),
    ).toBeLessThanOrEqual(2)
    expect(
      worst(
        spread('wide', 100_000, (u) => 1454 * u - 745),
        detExp,
        Math.exp,
      ),
    ).toBeLessThanOrEqual(2)
  })

  test('special values', () => {
    expect([detExp(0), detExp(-0), detExp(1000), detExp(Infinity)]).toEqual([1, 1, Infinity, Infinity])
    expect([detExp(-1000), detExp(-Infinity)]).toEqual([0, 0])
    expect(detExp(Number.NaN)).toBeNaN()
    expect(detExp(709.782712893384)).toBeLessThan(Infinity)
    expect(detExp(709.7827128933841)).toBe(Infinity)
    expect(detExp(-745.1332191019411)).toBe(5e-324)
  })

  test('never decreases', () => {
    let previous = 0
    for (let x = -2; x <= 2; x += 1e-4) {
      expect(detExp(x)).toBeGreaterThanOrEqual(previous)
      previous = detExp(x)
    }
  })
})

describe('detLog', () => {
  test('is within one place of the correctly rounded value', () => {
    for (const [x, expected] of table.log)
      expect(ulpsBetween(detLog(x), expected), `log(${x})`).toBeLessThanOrEqual(1)
  })

  test('is within two places of Math.log: near 1, in (0, 4), over all magnitudes and denormals', () => {
    expect(
      worst(
        spread('near 1', 100_000, (u) => 1 + 0.1 * (u - 0.5)),
        detLog,
        Math.log,
      ),
    ).toBeLessThanOrEqual(2)
    expect(
      worst(
        spread('to 4', 100_000, (u) => 4 * u + 1e-9),
        detLog,
        Math.log,
      ),
    ).toBeLessThanOrEqual(2)
    expect(
      worst(
        spread('all', 50_000, (u) => 10 ** (616 * u - 308)),
        detLog,
        Math.log,
      ),
    ).toBeLessThanOrEqual(2)
    expect(
      worst(
        spread('denormal', 10_000, (u) => (u + 1e-6) * 2e-308),
        detLog,
        Math.log,
      ),
    ).toBeLessThanOrEqual(2)
  })

  test('special values', () => {
    expect([detLog(1), detLog(0), detLog(-0), detLog(Infinity)]).toEqual([0, -Infinity, -Infinity, Infinity])
    expect(detLog(-1)).toBeNaN()
    expect(detLog(Number.NaN)).toBeNaN()
  })
})
