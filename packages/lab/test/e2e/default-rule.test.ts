import { expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { simulate } from '../../src/library/simulate.js'

const cases = [
  ...sized([], [
    ['cnn', 'complete', 6],
    ['mlp', 'ring', 12],
    ['softmax', 'ring', 20],
  ] as const),
  ['softmax', 'complete', sized(6, 20)],
  ['mlp', 'complete', sized(3, 12)],
] as const

it.each(cases)(
  'the default rule refuses no honest neighbour for more than a round or two: %s, %s, %i rounds',
  { timeout: 1_200_000 },
  async (model, topology, rounds) => {
    const { score } = await simulate({
      nodes: 8,
      model,
      topology,
      data: { split: { kind: 'label-groups', h: 0.8 } },
      training: { rounds, localSteps: 10 },
      evaluation: { every: rounds, samples: 100 },
    })
    expect(score.isolated).toEqual([])
    expect(score.honestRefused).toBeLessThan(0.02)
  },
)
