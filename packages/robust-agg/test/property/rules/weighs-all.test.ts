/** `RuleInfo.weighsAll`: which rules take every usable model in, and which refuse some. */

import { describe, expect, test } from 'vitest'
import { createRule, listRules } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { declaredProperties } from '../../declared-properties.js'
import { cloud, nearOnes } from '../../support.js'

const D = 12

/** Rounds with more and more far-away models among ten neighbours, at several distances. */
function refusals(name: string): number {
  const { params } = declaredProperties[name]
  const rule = createRule(name, params, { evaluator: true })
  let refused = 0
  for (const size of [0.5, 10, 1e6, 1e30]) {
    for (let byzantine = 0; byzantine <= 5; byzantine++) {
      const neighbours = Array.from({ length: 10 }, (_, j) => {
        const rng = createRng('hostile', size, byzantine, j)
        return j < byzantine
          ? Float32Array.from({ length: D }, () => -size * (1 + rng.normal()))
          : cloud(`honest ${j}`, D, 1, 0.1)
      })
      const own = cloud('own', D, 1, 0.1)
      const previous = cloud('previous', D, 0.9, 0.1)
      const { verdicts } = rule.aggregate({
        own,
        neighbours,
        previous,
        round: 0,
        rounds: 1,
        evaluator: nearOnes,
      })
      refused += verdicts.filter(({ accepted }) => !accepted).length
    }
  }
  return refused
}

describe('weighsAll', () => {
  const rules = listRules().map(({ name, weighsAll }) => [name, weighsAll] as const)
  test.each(rules.filter(([, weighsAll]) => weighsAll))('%s refuses no usable model', (name) => {
    expect(refusals(name)).toBe(0)
  })
  test.each(rules.filter(([, weighsAll]) => !weighsAll))('%s refuses some', (name) => {
    expect(refusals(name)).toBeGreaterThan(0)
  })
})
