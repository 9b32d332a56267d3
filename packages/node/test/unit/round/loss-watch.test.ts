import { imageTask } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { createLossWatch, highLoss } from '../../../src/round/loss-watch.js'

const ten = imageTask('softmax', { shape: [2, 2, 1], classes: 10 })

describe('the watch for losses far above that of guessing', () => {
  it('reports once per series of three rounds', () => {
    const watch = createLossWatch(highLoss(ten))
    const high = (highLoss(ten) ?? 0) + 1
    expect(highLoss(ten)).toBeCloseTo(23.026, 3)
    const seen = [high, high, 2, high, high, high, high, 2, high, high, high].map((trainingLoss) =>
      watch.note({ trainingLoss }),
    )
    expect(seen.flatMap((told, round) => (told ? [round] : []))).toEqual([5, 10])
  })

  it('passes over rounds without a loss', () => {
    const watch = createLossWatch(10 * Math.LN2)
    expect([100, null, 100, 100].map((trainingLoss) => watch.note({ trainingLoss }))).toEqual([
      false,
      false,
      false,
      true,
    ])
  })
})
