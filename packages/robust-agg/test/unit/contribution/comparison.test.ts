import { describe, expect, test } from 'vitest'
import { compareModels } from '../../../src/contribution/comparison.js'
import { type FreeRideQuestion, freeRideReason, noiseBound } from '../../../src/contribution/free-ride.js'

const start = Float32Array.of(1, 1, 1, 1)
const moved = (...by: number[]) => start.map((value, k) => value + by[k]!)

describe('compareModels', () => {
  test('lengths are relative to the median, the own update among them', () => {
    const { own, neighbours } = compareModels({
      start,
      own: moved(1, 0, 0, 0),
      neighbours: [moved(0, 2, 0, 0), moved(0, 0, 4, 0), start],
      before: [],
    })
    // Lengths 1, 2, 4, 0: the median is 1.5.
    expect(own.distance).toBe(1 / 1.5)
    expect(neighbours.map(({ distance }) => distance)).toEqual([2 / 1.5, 4 / 1.5, 0])
    expect(neighbours.map(({ isStart }) => isStart)).toEqual([false, false, true])
  })

  test('a step that rounding swallows says nothing where the others’ steps are small as well', () => {
    const alike = (step: number) => {
      const by = (k: number) => moved(...[0, 1, 2, 3].map((at) => (at === k ? step : 0)))
      const { own, neighbours } = compareModels({
        start,
        own: by(0),
        neighbours: [start, by(1), by(2)],
        before: [],
      })
      return [own, ...neighbours].map(({ isStart }) => isStart)
    }
    // The models are 2 long: rounding is 2·10⁻⁶, and 300 times that is 6·10⁻⁴.
    expect(alike(1e-3)).toEqual([false, true, false, false])
    expect(alike(5e-4)).toEqual([false, false, false, false])
    expect(alike(1e-6)).toEqual([false, false, false, false])
  })

  test('what is known stays known however long its author makes the model', () => {
    const d = 40
    const from = Float32Array.from({ length: d }, (_, k) => Math.sin(k + 1))
    const step = (seed: number, size: number) =>
      from.map((value, k) => value + size * Math.cos(seed * (k + 2)))
    const known = step(1, 0.01)
    for (const times of [10, 1e4, 1e7]) {
      const rider = from.map((value, k) => value + times * (known[k]! - value))
      const { neighbours } = compareModels({
        start: from,
        own: step(2, 0.01),
        neighbours: [rider, step(3, 0.01), step(4, 0.01)],
        before: [known],
      })
      expect(neighbours.map(({ isKnown }) => isKnown)).toEqual([true, false, false])
    }
  })

  test('the cosine is with the clipped sum of the others', () => {
    const { neighbours } = compareModels({
      start,
      own: moved(1, 0, 0, 0),
      neighbours: [moved(1, 1, 0, 0), moved(0, 1000, 0, 0)],
      before: [],
    })
    // The median length is √2: others of the first are (1, 0) and (0, √2).
    const due = (1 + Math.SQRT2) / (Math.SQRT2 * Math.sqrt(3))
    expect(neighbours[0]!.cosine).toBeCloseTo(due, 12)
    expect(compareModels({ start, own: start, neighbours: [start], before: [] }).neighbours[0]).toMatchObject(
      {
        distance: null,
        cosine: 0,
        overlap: null,
        novelty: null,
      },
    )
  })

  test('copies are equal models, or nearly, with updates of their own', () => {
    const own = moved(1, 0, 0, 0)
    const { neighbours, own: mine } = compareModels({
      start,
      own,
      neighbours: [moved(0, 1, 0, 0), moved(0, 1.001, 0, 0), own.slice(), moved(0, 0, 1, 0), start, start],
      before: [moved(0, 0, 0.999, 0), moved(0, 0, 0, 1)],
    })
    expect(neighbours.map(({ copies }) => copies)).toEqual([[1], [0], [-1], [], [], []])
    expect(neighbours.map(({ resent }) => resent)).toEqual([[], [], [], [0], [], []])
    expect(mine.copies).toEqual([2])
  })

  test('neighbours far from the node that are near each other are no copies', () => {
    const own = moved(0, 0, 0, 0.01)
    const { neighbours } = compareModels({
      start,
      own,
      neighbours: [moved(100, 0, 0, 0), moved(100, 0.1, 0, 0), moved(100, 0, 0.1, 0)],
      before: [],
    })
    expect(neighbours.flatMap(({ copies }) => copies)).toEqual([])
  })

  test('a span of a tenth of the space or more explains nothing', () => {
    const before = [moved(1, 1, 0, 0)]
    const { neighbours } = compareModels({
      start,
      own: moved(0, 0, 1, 0),
      neighbours: [moved(2, 2, 0, 0)],
      before,
    })
    expect(neighbours[0]).toMatchObject({ novelty: null, isKnown: false })
  })
})

describe('freeRideReason', () => {
  const honest: FreeRideQuestion = {
    comparison: {
      distance: 1,
      novelty: 1,
      cosine: 0.5,
      overlap: 0.4,
      usualOverlap: 0.4,
      isStart: false,
      isKnown: false,
      copies: [],
      resent: [],
    },
    parameterCount: 400,
    isResent: false,
    arrival: 5,
    arrivalOf: (at) => at,
  }
  const reason = (
    comparison: Partial<FreeRideQuestion['comparison']>,
    others: Partial<FreeRideQuestion> = {},
  ) => freeRideReason({ ...honest, ...others, comparison: { ...honest.comparison, ...comparison } })
  const bound = noiseBound(400)

  test.each([
    ['nothing', {}, {}, null],
    ['the start', { isStart: true, copies: [-1] }, { isResent: true }, 'unchanged'],
    ['a model of the last round', { copies: [-1] }, { isResent: true }, 'resent'],
    ["the node's own model", { copies: [-1], isKnown: true }, {}, 'copy'],
    ['a combination', { isKnown: true, overlap: 0 }, {}, 'combined'],
    ['an overlap at the bound', { overlap: bound }, {}, 'noise'],
    ['one above it', { overlap: bound * 1.0001 }, {}, null],
    ['others with two and a half times the bound', { overlap: 0, usualOverlap: 2.5 * bound }, {}, 'noise'],
    ['others with less', { overlap: 0, usualOverlap: 2.4999 * bound }, {}, null],
    ['no others', { overlap: null, usualOverlap: null }, {}, null],
    ['a copy of an earlier model', { copies: [4] }, {}, 'later-copy'],
    ['a copy that came first', { copies: [6] }, {}, null],
    ['a combination of few parameters', { isKnown: true }, { parameterCount: 399 }, null],
    ['noise of few parameters', { overlap: 0 }, { parameterCount: 399 }, null],
  ] as const)('%s', (_, comparison, others, due) => {
    expect(reason(comparison, others)).toBe(due)
  })
})
