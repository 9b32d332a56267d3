import { describe, expect, it } from 'vitest'
import { type ScenarioInput, scenarioSchema } from '../../../src/scenario/schema.js'
import { variantsOf } from '../../../src/scenario/variants.js'

const names = (input: ScenarioInput) =>
  variantsOf(scenarioSchema.parse(input)).map(({ name, seed }) => `${name}/${seed}`)
const adversaries = [{ nodes: [1], attack: { name: 'ipm' } }]
const faults = [{ at: 1, kill: [2] }]

describe('variantsOf', () => {
  it('adds three controls to a scenario with attackers', () => {
    expect(names({ adversaries })).toEqual(['attacked/1', 'honest/1', 'undefended/1', 'baseline/1'])
  })

  it('leaves out runs that would be the same', () => {
    expect(names({})).toEqual(['attacked/1', 'undefended/1'])
    expect(names({ rule: { name: 'average' } })).toEqual(['attacked/1'])
    expect(names({ adversaries, rule: { name: 'average' } })).toEqual(['attacked/1', 'honest/1'])
  })

  it('leaves out what is switched off', () => {
    expect(names({ adversaries, controls: { honest: false, baseline: false } })).toEqual([
      'attacked/1',
      'undefended/1',
    ])
  })

  it('runs every rule attacked and honest, averaging once', () => {
    const input = { adversaries, rules: [{ name: 'median' }, { name: 'balance' }], seeds: [7, 8] }
    expect(names(input).slice(0, 6)).toEqual([
      'attacked-median/7',
      'attacked-balance/7',
      'honest-median/7',
      'honest-balance/7',
      'undefended/7',
      'baseline/7',
    ])
    expect(names(input)).toHaveLength(12)
  })

  it('tells rules of one name apart', () => {
    const rules = [{ name: 'balance' }, { name: 'balance', params: { gamma: 1 } }]
    expect(new Set(names({ adversaries, rules })).size).toBe(6)
  })

  it('takes attackers away, or the rule, and leaves the rest', () => {
    const variants = variantsOf(scenarioSchema.parse({ adversaries, faults, seeds: [3] }))
    const [attacked, honest, undefended, baseline] = variants.map(({ scenario }) => scenario)
    expect(attacked).toMatchObject({ seed: 3, seeds: [3], rule: { name: 'balance' } })
    expect(honest?.adversaries).toEqual([])
    expect(honest?.rule.name).toBe('balance')
    expect(undefended?.rule.name).toBe('average')
    expect(undefended?.adversaries).toEqual(attacked?.adversaries)
    expect([baseline?.rule.name, baseline?.adversaries]).toEqual(['average', []])
    for (const one of [honest, undefended, baseline]) expect(one?.faults).toEqual(attacked?.faults)
    for (const { scenario } of variants) expect(scenarioSchema.parse(scenario)).toEqual(scenario)
  })
})
