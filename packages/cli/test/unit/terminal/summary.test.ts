import type { RunScore } from '@tempered/lab/measures'
import { expect, it } from 'vitest'
import { renderTroubles } from '../../../src/terminal/summary.js'

it('names all steps that did not fit the same models in one line', () => {
  const nodes = ['node-00', 'node-01', 'node-04']
  const unfit = [
    { step: 'reputation', nodes, from: 0, to: 3 },
    { step: 'mad-clipping', nodes: ['node-01'], from: 2, to: 2 },
    { step: 'arc', nodes, from: 0, to: 3 },
  ]
  const score = { ledgers: { bad: [] }, failed: [], honestNodes: 5, unfit } as unknown as RunScore
  const [first, second, ...more] = renderTroubles(score, false)
  expect(first).toContain('reputation, arc did not fit the models of 3 of 5 honest nodes in rounds 1 to 4:')
  expect(second).toContain('mad-clipping did not fit the models of 1 of 5 honest nodes in round 3:')
  expect(more).toEqual([])
})
