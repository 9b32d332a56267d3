import { describe, expect, it } from 'vitest'
import { SOAK_FAULTS, type SoakStep, soakSteps, steadyNodes } from '../../../src/soak/soak-plan.js'

function first(count: number, seed: number, nodes = 6): SoakStep[] {
  const steps: SoakStep[] = []
  for (const step of soakSteps({ seed, nodes })) {
    steps.push(step)
    if (steps.length === count) break
  }
  return steps
}

describe('the plan of a soak', () => {
  it('follows from its seed', () => {
    expect(first(500, 7)).toEqual(first(500, 7))
    expect(first(500, 7)).not.toEqual(first(500, 8))
  })

  it('has every kind of fault among its first ones, and leaves half of the nodes alone', () => {
    const faults = first(2000, 3, 5).flatMap((step) => (step.kind === 'fault' ? [step] : []))
    expect(faults.slice(0, SOAK_FAULTS.length).map(({ fault }) => fault.kind)).toEqual([...SOAK_FAULTS])
    expect(steadyNodes(5)).toBe(3)
    expect(new Set(faults.map(({ node }) => node))).toEqual(new Set([3, 4]))
  })

  it('makes a tenth of the operations invalid', () => {
    const steps = first(20_000, 1)
    const of = (kind: SoakStep['kind']) => steps.filter((step) => step.kind === kind).length
    expect(of('invalid') / (of('invalid') + of('operation'))).toBeCloseTo(0.1, 1)
    expect(of('fault')).toBeGreaterThan(500)
  })
})
