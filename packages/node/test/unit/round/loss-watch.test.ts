import { describe, expect, it } from 'vitest'
import { createLossWatch, highLoss } from '../../../src/round/loss-watch.js'

describe('the watch for losses far above that of guessing', () => {
  it('reports once per series of three rounds', () => {
    const watch = createLossWatch(10)
    const high = highLoss(10) + 1
    expect(highLoss(10)).toBeCloseTo(23.026, 3)
    const seen = [high, high, 2, high, high, high, high, 2, high, high, high].map((trainingLoss) =>
      watch.note({ trainingLoss }),
    )
    expect(seen.flatMap((told, round) => (told ? [round] : []))).toEqual([5, 10])
  })

  it('passes over rounds without a loss', () => {
    const watch = createLossWatch(2)
    expect([100, null, 100, 100].map((trainingLoss) => watch.note({ trainingLoss }))).toEqual([
      false,
      false,
      false,
      true,
    ])
  })
})
