import { createTopology } from '@tempered/robust-agg/topology'
import { describe, expect, it } from 'vitest'
import { planAttack } from '../../../src/adversary/planned-attack.js'
import { cliquesOf, scenarioPartition } from '../../../src/scenario/data-split.js'
import { planRun } from '../../../src/scenario/plan.js'
import { type ScenarioInput, scenarioSchema } from '../../../src/scenario/schema.js'
import { planData } from '../../support/small-data.js'

const parse = (input: ScenarioInput) => scenarioSchema.parse(input)
const messages = (input: unknown) => {
  const result = scenarioSchema.safeParse(input)
  return result.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}
const attack = { name: 'ipm' }

describe('scenarioSchema', () => {
  it('takes one seed and rule or several, and parses its own result to itself', () => {
    expect(parse({})).toMatchObject({ seed: 1, seeds: [1], rule: { name: 'balance' } })
    const several = parse({ seeds: [3, 4], rules: [{ name: 'median' }, { name: 'average' }] })
    expect(several).toMatchObject({ seed: 3, rule: { name: 'median' } })
    expect(scenarioSchema.parse(several)).toEqual(several)
    expect(messages({ seed: 1, seeds: [2] })).toEqual(['seed: give either seed or seeds, not both'])
    expect(messages({ seeds: [2, 2] })).toEqual(['seeds: contains a seed twice'])
  })

  it('weighs the models of private rounds by Multi-Krum where distances are opened and nothing else is said', () => {
    expect(parse({ privacy: {} }).privacy).toMatchObject({ mode: 'shares', rule: { name: 'multi-krum' } })
    expect(parse({ privacy: { rule: 'nearest' } }).privacy).toMatchObject({ rule: { name: 'nearest' } })
    expect(parse({ privacy: { mode: 'masks' } }).privacy).toEqual({ mode: 'masks' })
    const parsed = parse({ privacy: { threshold: 1 } })
    expect(scenarioSchema.parse(parsed)).toEqual(parsed)
  })

  it('takes bare names for what needs no parameters', () => {
    const bare = parse({
      topology: 'ring',
      rules: ['median', { name: 'krum', params: { f: 1 }, pre: ['distinct'] }],
      adversaries: [{ nodes: [1], attack: 'model-replacement', poison: 'backdoor' }],
    })
    const named = (name: string) => ({ name, params: {} })
    const spelled = parse({
      topology: named('ring'),
      rules: [named('median'), { name: 'krum', params: { f: 1 }, pre: [named('distinct')] }],
      adversaries: [{ nodes: [1], attack: named('model-replacement'), poison: named('backdoor') }],
    })
    expect(bare).toEqual(spelled)
    expect(parse({ rule: 'median' }).rule).toEqual({ name: 'median', params: {}, pre: [] })
    expect(messages({ rule: '' })).toHaveLength(1)
  })

  it.each([
    [{ attack }, 'adversaries.0: does not say who attacks: give one of nodes, fraction or count'],
    [
      { attack, nodes: [1], count: 1 },
      'adversaries.0: says more than once who attacks: give only one of nodes, fraction or count',
    ],
    [{ attack, count: 1, from: 5, to: 4 }, 'adversaries.0.to: must not be before from, round 5'],
  ])('an adversary %j', (entry, message) => {
    expect(messages({ adversaries: [entry] })).toEqual([message])
  })

  it('an attacker with fixed nodes takes no placement', () => {
    expect(messages({ adversaries: [{ attack, nodes: [1], placement: 'random' }] })).toHaveLength(1)
  })

  it('a fault is exactly one action', () => {
    expect(messages({ faults: [{ at: 1 }] })[0]).toContain('does not say what happens')
    expect(messages({ faults: [{ at: 1, kill: [1], heal: true }] })[0]).toContain('has several actions')
    expect(messages({ faults: [{ at: 0, kill: [1] }] })[0]).toMatch(/^faults\.0\.at: /)
  })
})

describe('planAttack', () => {
  const entry = (more: object) => parse({ adversaries: [{ nodes: [1], attack, ...more }] }).adversaries[0]!

  it('counts rounds from 0, up to the last one', () => {
    expect(planAttack(entry({ from: 3 }), 8)).toMatchObject({
      from: 2,
      to: 7,
      knowledge: 'all',
      colluding: true,
    })
    expect(planAttack(entry({ from: 3, to: 5 }), 8)).toMatchObject({ from: 2, to: 4 })
    expect(planAttack(entry({ to: 50 }), 8).to).toBe(7)
  })

  it('who does not collude sees its neighbours at most', () => {
    expect(planAttack(entry({ colluding: false }), 8).knowledge).toBe('neighbours')
    expect(
      planAttack({ ...entry({ colluding: false }), attack: { name: 'gaussian', params: {} } }, 8).knowledge,
    ).toBe('own')
  })

  it('is what a plan gives its nodes, at the places that the seed draws', () => {
    const plan = planRun(
      parse({
        model: 'softmax',
        adversaries: [{ count: 2, attack: { name: 'ipm', params: { epsilon: 2 } } }],
      }),
      planData,
    )
    const attackers = plan.nodes.filter((node) => node.attack !== undefined)
    expect(attackers).toHaveLength(2)
    expect(attackers[0]?.attack).toEqual({
      name: 'ipm',
      params: { epsilon: 2 },
      knowledge: 'all',
      from: 0,
      to: 19,
      colluding: true,
    })
  })
})

describe('the split by clique', () => {
  const graph = (name: string, nodes: number, more: object = {}) =>
    createTopology({ name, ...more }, nodes, 1)

  it('finds the halves of a dumbbell and of two worlds', () => {
    expect(cliquesOf({ name: 'dumbbell', params: { left: 2 } }, graph('dumbbell', 5))).toEqual([
      [0, 1],
      [2, 3, 4],
    ])
    expect(cliquesOf({ name: 'two-worlds', params: {} }, graph('two-worlds', 4))).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  it('takes bridges away from other graphs, and says when that leaves no cliques', () => {
    const edges = [
      [0, 1],
      [1, 2],
      [0, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [3, 5],
    ] as const
    const custom = { name: 'custom', params: {} }
    expect(cliquesOf(custom, graph('custom', 6, { edges }))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    const scenario = parse({ nodes: 6, topology: { name: 'ring' }, data: { split: { kind: 'by-clique' } } })
    expect(() => scenarioPartition(scenario, graph('ring', 6))).toThrow(/list them as data\.split\.groups/)
  })
})
