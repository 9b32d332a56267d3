import { describe, expect, it } from 'vitest'
import { planRun } from '../../../src/scenario/plan.js'
import { defaultTopology, scenarioSchema } from '../../../src/scenario/schema.js'
import { createDataset, planData } from '../../support/small-data.js'

describe('planRun', () => {
  it('draws the same members, topology and run id from the same scenario', () => {
    const scenario = scenarioSchema.parse({ nodes: 6, model: 'softmax' })
    const first = planRun(scenario, planData)
    const second = planRun(scenario, planData)
    expect(second.run.id.toString()).toBe(first.run.id.toString())
    const other = planRun(scenarioSchema.parse({ nodes: 6, model: 'softmax', seed: 2 }), planData)
    expect(other.run.id.toString()).not.toBe(first.run.id.toString())
    expect(other.run.manifest.members).not.toEqual(first.run.manifest.members)
  })

  it('writes a logit adjustment into the manifest, and none where there is none', () => {
    const trainingOf = (training: object) =>
      planRun(scenarioSchema.parse({ training }), planData).run.manifest.training
    expect(trainingOf({ logitAdjustment: 1 })).toMatchObject({ logitAdjustment: 1 })
    expect(trainingOf({ logitAdjustment: 0 })).not.toHaveProperty('logitAdjustment')
  })

  it('writes the rule with all parameters in force into the manifest', () => {
    const plan = planRun(
      scenarioSchema.parse({ rule: { name: 'balance', params: { gamma: 0.5 } } }),
      planData,
    )
    expect(plan.run.manifest.rule).toEqual({
      name: 'balance',
      params: { gamma: 0.5, kappa: 1, alpha: 0.5 },
      pre: [],
    })
  })

  it.each([
    [{ rule: { name: 'balanse' } }, 'E_UNKNOWN_RULE'],
    [{ rule: { name: 'balance', params: { gama: 1 } } }, 'E_UNKNOWN_PARAMETER'],
    [{ rule: { name: 'clipped-gossip', params: { oracle: 1 } } }, 'E_RULE_UNSUPPORTED'],
    [{ rule: { name: 'krum', params: { f: 1 }, pre: [{ name: 'nnn' }] } }, 'E_UNKNOWN_PRE_AGGREGATOR'],
    [
      { rule: { name: 'krum', params: { f: 1 }, pre: [{ name: 'nnm', params: { g: 1 } }] } },
      'E_UNKNOWN_PARAMETER',
    ],
    [{ topology: { name: 'k-regular', params: { k: 3 } }, nodes: 7 }, 'E_TOPOLOGY'],
    [{ adversaries: [{ nodes: [99], attack: { name: 'ipm' } }] }, 'E_CONFIG'],
    [{ adversaries: [{ nodes: [1], attack: { name: 'impm' } }] }, 'E_UNKNOWN_ATTACK'],
    [
      {
        adversaries: [
          { nodes: [1], attack: { name: 'ipm' } },
          { nodes: [1], attack: { name: 'gaussian' } },
        ],
      },
      'E_CONFIG',
    ],
  ])('refuses %j before anything runs', (fields, code) => {
    expect(() => planRun(scenarioSchema.parse(fields), planData)).toThrow(expect.objectContaining({ code }))
  })

  it('takes classes and shape from the data', () => {
    const plan = planRun(scenarioSchema.parse({ model: 'softmax' }), {
      train: createDataset(3, 5),
      test: createDataset(3, 5),
    })
    expect(plan.run.manifest.model).toMatchObject({ parameterCount: 5 * 5 * 3 + 3 })
    expect(plan.run.manifest.task).toMatchObject({ input: { shape: [5, 5, 1] }, output: { classes: 3 } })
  })
})

describe('the default topology', () => {
  it('is 4-regular, or complete for up to five nodes', () => {
    expect(defaultTopology(6)).toEqual({ name: 'k-regular', params: { k: 4 } })
    for (const nodes of [1, 2, 3, 4, 5]) {
      expect(defaultTopology(nodes).name).toBe('complete')
      expect(() => planRun(scenarioSchema.parse({ nodes, model: 'softmax' }), planData)).not.toThrow()
    }
  })
})
