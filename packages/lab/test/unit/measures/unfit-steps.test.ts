import { expect, it } from 'vitest'
import type { RunRecord } from '../../../src/measures/run-record.js'
import { unfitSteps } from '../../../src/measures/unfit-steps.js'

it('a step is listed once, with the honest nodes and the rounds in which it did not fit', () => {
  const unfit: readonly (readonly (readonly string[] | undefined)[])[] = [
    [['reputation'], ['reputation', 'mad-clipping'], ['reputation']],
    [undefined, ['mad-clipping'], undefined],
    [['reputation'], ['distinct'], undefined],
  ]
  const record = {
    nodes: unfit.map((_, index) => ({ index, name: `node-${index}`, attack: index === 2 ? 'ipm' : null })),
    records: unfit.map((rounds) => ({
      rounds: rounds.map((steps, round) => ({ report: { round, unfit: steps }, elapsedMs: 0 })),
    })),
  } as unknown as RunRecord
  expect(unfitSteps(record)).toEqual([
    { step: 'reputation', nodes: ['node-0'], from: 0, to: 2 },
    { step: 'mad-clipping', nodes: ['node-0', 'node-1'], from: 1, to: 1 },
  ])
})
