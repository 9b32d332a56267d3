/** Every rule's hull or published bound, for any finite neighbours. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { createRule, listRules } from '../../../src/index.js'
import { declaredProperties } from '../../declared-properties.js'
import { distance, norm } from '../../support.js'

const tame = (d: number) => fc.float32Array({ minLength: d, maxLength: d, noNaN: true, min: -100, max: 100 })
const finite = (d: number) =>
  fc.float32Array({ minLength: d, maxLength: d, noNaN: true, noDefaultInfinity: true })

const rounds = fc.integer({ min: 1, max: 6 }).chain((d) =>
  fc.record({
    own: tame(d),
    previous: tame(d),
    honest: fc.array(tame(d), { minLength: 6, maxLength: 9 }),
    /** How much of own each of the near neighbours is, so that rules with a threshold accept some. */
    near: fc.array(fc.integer({ min: 90, max: 110 }), { maxLength: 3 }),
    attacker: fc.oneof(tame(d), finite(d)),
    at: fc.nat({ max: 6 }),
    round: fc.integer({ min: 0, max: 9 }),
    losses: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 20, maxLength: 20 }),
  }),
)

const rules = listRules().map(({ name }) => [name, declaredProperties[name]] as const)

test.each(rules)(
  '%s: one attacker among honest neighbours, and all of them attackers for what bounds the step',
  (name, declared) => {
    const { params, bound } = declared
    let moved = 0
    fc.assert(
      fc.property(rounds, ({ own, previous, honest, near, attacker, at, round, losses }) => {
        let evaluated = 0
        const evaluator = { loss: () => losses[evaluated++ % losses.length] }
        const others = [...honest, ...near.map((percent) => own.map((value) => (value * percent) / 100))]
        const neighbours = others.toSpliced(at, 0, attacker)
        const input = { own, previous, neighbours, round, rounds: 9, evaluator }
        const { vector, verdicts, ownWeight } = createRule(name, params, { evaluator: true }).aggregate(input)
        if (distance(vector, own) > 0) moved++
        const rounding = 2 ** -20 * (norm(vector) + norm(own) + norm(previous)) + 1e-12
        if (typeof bound === 'function') {
          const thresholds = verdicts.map((verdict) => verdict.threshold ?? 0)
          const { centre, radius } = bound({ ...input, threshold: Math.max(...thresholds) })
          expect(distance(vector, centre)).toBeLessThanOrEqual(radius * (1 + 1e-6) + rounding)
          return
        }
        const kept = [...(ownWeight > 0 ? [own] : []), ...neighbours.filter((_, j) => verdicts[j].weight > 0)]
        const hull = bound === 'kept' ? kept : bound === 'all' ? [own, ...neighbours] : [own, ...others]
        vector.forEach((value, k) => {
          const column = hull.map((x) => x[k])
          const room = bound === 'honest' ? 0 : 1e-5 * Math.max(...column.map(Math.abs))
          expect(value).toBeGreaterThanOrEqual(Math.min(...column) - room)
          expect(value).toBeLessThanOrEqual(Math.max(...column) + room)
        })
      }),
      { numRuns: sized(40, 150) },
    )
    // Most cases move the model; how many is left to chance.
    expect(moved).toBeGreaterThan(sized(6, 20))
  },
)
