import { expect, it } from 'vitest'
import { simulate } from '../../src/library/simulate.js'

const CHAIN = [
  { name: 'distinct' },
  { name: 'reputation' },
  { name: 'mad-clipping', params: { c: 10 } },
  { name: 'arc', params: { f: 3 } },
  { name: 'nnm', params: { f: 1 } },
]

const accuracyAt = async (h: number, pre: typeof CHAIN) => {
  const { score } = await simulate({
    nodes: 10,
    topology: 'complete',
    model: 'softmax',
    data: { split: { kind: 'label-groups', h } },
    training: { rounds: 16, localSteps: 20, logitAdjustment: 1 },
    rule: pre.length === 0 ? { name: 'average' } : { name: 'geometric-median', pre },
    evaluation: { every: 16 },
  })
  return score
}

it('the recommended chain learns from nodes of one label each, and says which of its steps do not fit', {
  timeout: 1_200_000,
}, async () => {
  const [average, chain] = [await accuracyAt(1, []), await accuracyAt(1, CHAIN)]
  expect(chain.honestRefused).toBe(0)
  expect(chain.unfit?.map(({ step }) => step)).toEqual(['reputation', 'mad-clipping', 'arc', 'nnm'])
  expect(chain.unfit?.[0]).toMatchObject({ from: 0, to: 15 })
  expect(chain.unfit?.[0]?.nodes).toHaveLength(10)
  // Alone, each node would know one digit of ten.
  expect(average.worst?.value).toBeGreaterThan(0.6)
  expect(chain.worst?.value).toBeGreaterThan((average.worst?.value ?? 1) - 0.1)
})

it('every step of it fits nodes of mostly one label', { timeout: 1_200_000 }, async () => {
  const { unfit, honestRefused } = await accuracyAt(0.8, CHAIN)
  expect([unfit, honestRefused]).toEqual([[], 0])
})
