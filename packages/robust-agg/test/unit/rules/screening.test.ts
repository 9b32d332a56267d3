/** Which models a rule gets to see, and how far they are from the node's own. */

import { describe, expect, test } from 'vitest'
import { screenNeighbours, screenWithoutOwn } from '../../../src/rules/screening.js'
import type { RoundInput } from '../../../src/types.js'

const own = Float32Array.of(1, 1)
const rows = {
  near: Float32Array.of(1, 3),
  far: Float32Array.of(4, 5),
  short: Float32Array.of(1),
  long: Float32Array.of(1, 1, 1),
  nan: Float32Array.of(1, Number.NaN),
  infinite: Float32Array.of(Number.NEGATIVE_INFINITY, 1),
  huge: Float32Array.of(3e38, -3e38),
}
const input = (names: readonly (keyof typeof rows)[], more: Partial<RoundInput> = {}): RoundInput => ({
  ...{ own, neighbours: names.map((name) => rows[name]), round: 0, rounds: 1 },
  ...more,
})
const MIXED = ['short', 'far', 'nan', 'near', 'infinite', 'long', 'huge'] as const

describe.each(['distance', 'scan'] as const)('screened by %s', (screen) => {
  const screened = (names: readonly (keyof typeof rows)[], more: Partial<RoundInput> = {}) => {
    const { usable, distances, setAside } = screenNeighbours(input(names, more), screen)
    return { usable, distances: Array.from(distances), setAside }
  }

  test('models of the wrong length and with values that are not finite are set aside, each with its reason', () => {
    expect(screened(MIXED)).toEqual({
      usable: [1, 3, 6],
      // float32 squares of the largest models still have a finite sum in float64.
      distances:
        screen === 'distance'
          ? [5, 2, expect.closeTo(Math.hypot(Math.fround(3e38) - 1, Math.fround(3e38) + 1), -24)]
          : [],
      setAside: ['wrong-length', null, 'not-finite', null, 'not-finite', 'wrong-length', null],
    })
  })

  test('nobody is there, or nobody is usable', () => {
    expect(screened([])).toEqual({ usable: [], distances: [], setAside: [] })
    expect(screened(['nan', 'short'])).toEqual({
      ...{ usable: [], distances: [] },
      setAside: ['not-finite', 'wrong-length'],
    })
  })
})

test('squared distances that the caller knows are taken, the others computed', () => {
  const { usable, distances, setAside } = screenNeighbours(
    input(['short', 'near', 'far', 'near', 'far'], { squaredDistances: [7, 49, null, 0, null] }),
    'distance',
  )
  expect(usable).toEqual([1, 2, 3, 4])
  // Not computed again: 49 is not what the models would give.
  expect(Array.from(distances)).toEqual([7, 5, 0, 5])
  expect(setAside).toEqual(['wrong-length', null, null, null, null])
})

test('a known distance that is not finite sets its model aside', () => {
  const { usable, setAside } = screenNeighbours(
    input(['near', 'far'], { squaredDistances: [Number.POSITIVE_INFINITY, null] }),
    'distance',
  )
  expect(usable).toEqual([1])
  expect(setAside).toEqual(['not-finite', null])
})

test('no model can be compared with one of my own that is not finite', () => {
  expect(screenWithoutOwn(input(MIXED))).toEqual([
    ...['wrong-length', 'own-not-finite', 'not-finite', 'own-not-finite', 'not-finite', 'wrong-length'],
    'own-not-finite',
  ])
})
