import { scenarioSchema } from '@tempered/lab/scenario'
import { describe, expect, it } from 'vitest'
import { planData } from '../../../../lab/test/support/small-data.js'
import { renderScenario } from '../../../src/terminal/scenario-text.js'

const shown = (nodes: number[], rule: object) =>
  renderScenario(
    's.yaml',
    scenarioSchema.parse({
      name: 'x',
      nodes: 6,
      topology: { name: 'complete' },
      rule,
      adversaries: [{ nodes, attack: { name: 'sign-flip-model' } }],
    }),
    planData,
  ).join('\n')

describe('renderScenario', () => {
  it('warns of a topology that falls into parts', () => {
    const topology = {
      name: 'custom',
      edges: [
        [0, 1],
        [1, 2],
        [3, 4],
        [4, 5],
      ],
    }
    const text = renderScenario('s.yaml', scenarioSchema.parse({ nodes: 6, topology }), planData).join('\n')
    expect(text).toContain('2 parts that never exchange models (nodes 0–2 | 3–5)')
    expect(shown([1], { name: 'average' })).not.toContain('parts')
  })

  it('says at its top when a node has more attackers around it than its rule tolerates', () => {
    const many = shown([1, 2, 3], { name: 'trimmed-mean', params: { f: 2 } })
    expect(many.split('\n')[1]).toContain('more attackers around some nodes than their rule tolerates')
    expect(many).toContain('node 0, 4–5: of 5 neighbours up to 2 may attack, 3 do')
    const few = shown([1, 2], { name: 'trimmed-mean', params: { f: 2 } })
    expect(few).not.toContain('than their rule tolerates')
  })

  it('makes no promise for rules that name no number', () => {
    expect(shown([1, 2, 3], { name: 'balance' })).toContain(
      'the rule does not state how many may attack, 3 do',
    )
  })

  it('warns of nodes whose samples are all of one class, only then', () => {
    const validated = (h: number) =>
      renderScenario(
        's.yaml',
        scenarioSchema.parse({ nodes: 6, data: { split: { kind: 'label-groups', h } } }),
        planData,
      ).join('\n')
    expect(validated(1)).toMatch(/[1-6] of 6 nodes: nearly all samples are of one class/)
    expect(validated(0.5)).not.toContain('of one class')
  })
})
