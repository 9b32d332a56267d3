import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { casesOf } from '../../../src/averaging/averaging-run.js'
import { type Consensus, consensusSchema } from '../../../src/averaging/averaging-schema.js'
import { loadDocument } from '../../../src/documents/load-document.js'

const folder = fileURLToPath(new URL('../../../../../scenarios/consensus/', import.meta.url))
const read = (file: string) => loadDocument(join(folder, file), consensusSchema)

/** Computed with independent code for numbers 0, 0, 200, 200, which are those of the file shifted by 100. */
const REFERENCE: [attack: string, topology: string, after: Record<number, number>][] = [
  ['dissensus(epsilon=0.05)', 'b = 0.267, δ = 0.1', { 1: 6213.7665, 10: 210.0395, 100: 0 }],
  ['dissensus(epsilon=0.05)', 'b = 0.267, δ = 0.2', { 1: 6213.7665, 10: 210.0395, 100: 0 }],
  ['dissensus(epsilon=1)', 'b = 0.267, δ = 0.1', { 1: 8142.6805, 10: 1616.3394, 100: 0.000159 }],
  ['dissensus(epsilon=1)', 'b = 0.12, δ = 0.05', { 1: 9185.3869, 10: 4449.379, 100: 3.196829 }],
  ['constant', 'b = 0.267, δ = 0.2', { 1: 6085.78, 10: 1124.1965, 100: 2.377278 }],
]

describe('consensus on a chain under attack', async () => {
  const cases = casesOf(await read('chain.yaml'))
  const errorsOf = (rule: string, attack: string, topology: string) =>
    cases
      .find((one) => one.rule === rule && one.attack === attack && one.topology === topology)!
      .run()
      .map(({ error }) => error)

  it.each(REFERENCE)(
    '%s, %s: ClippedGossip with the oracle radius errs as published',
    (attack, topology, after) => {
      const errors = errorsOf('clipped-gossip oracle', attack, topology)
      expect(errors[0]).toBe(10_000)
      for (const [round, expected] of Object.entries(after))
        expect(Math.abs(errors[Number(round)]! - expected)).toBeLessThanOrEqual(1e-4 * expected + 5e-7)
    },
  )

  it('median and trimmed mean never move', () => {
    const stiff = cases.filter(({ rule }) => rule !== 'clipped-gossip oracle')
    expect(stiff).toHaveLength(18)
    for (const { run } of stiff) for (const { error } of run()) expect(error).toBe(10_000)
  })
})

describe('averaging', () => {
  const two = async (changes: Partial<Consensus> = {}) => {
    const file = await read('two-worlds.yaml')
    const topologies = file.topologies.slice(0, 1)
    return casesOf({ ...file, topologies, seeds: [1], rounds: 30, after: [30], ...changes })
  }

  it('comes to the mean of the starts when nobody attacks, keeping it in every round', async () => {
    const rules = (await read('two-worlds.yaml')).rules.filter(({ name }) => name === 'average')
    const mean = [{ ...rules[0]!, name: 'clipped-gossip', params: { tau: 1e6 }, label: 'plain gossip' }]
    const [plain] = await two({ rules: mean, attacks: [{ name: 'none', params: {} }] })
    const rounds = plain!.run()
    expect(rounds[0]!.error).toBeGreaterThan(9)
    expect(rounds.at(-1)!.error).toBeLessThan(1e-6)
    expect(rounds).toHaveLength(31)
  })

  it('is the same for the same seed, and another for another', async () => {
    const [first] = await two()
    const [again] = await two()
    const [other] = await two({ seeds: [2] })
    expect(first!.run()).toEqual(again!.run())
    expect(first!.run()[0]).not.toEqual(other!.run()[0])
  })

  it('tells bias from disagreement', async () => {
    const cases = await two({ attacks: [{ name: 'constant', params: {}, values: [5] }] })
    const { error, disagreement } = cases
      .find(({ rule }) => rule === 'average')!
      .run()
      .at(-1)!
    // Everyone follows the liar: they agree, at a wrong place.
    expect(disagreement).toBeLessThan(0.01)
    expect(error).toBeGreaterThan(100)
  })
})

describe('a consensus file that makes no sense', () => {
  const chain = async (changes: Partial<Consensus>) => casesOf({ ...(await read('chain.yaml')), ...changes })
  const topology = async (changes: object) => [{ ...(await read('chain.yaml')).topologies[0]!, ...changes }]

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a round after the last',
      () => chain({ after: [1, 101] }),
      /after: round 101 is after the last round, 100/,
    ],
    [
      'more honest nodes than nodes',
      async () => chain({ topologies: await topology({ honest: 7 }) }),
      /7 of 6/,
    ],
    [
      'too few weights',
      async () => chain({ topologies: await topology({ weights: [0.1] }) }),
      /1 weights for 5 edges/,
    ],
    [
      'weights of more than 1',
      async () => chain({ topologies: await topology({ weights: [0.9, 0.9, 0.1, 0.1, 0.1] }) }),
      /at node 1 sum to more than 1/,
    ],
    ['starts for others', () => chain({ start: { kind: 'values', values: [1] } }), /1 numbers for 4 honest/],
    ['an unknown attack', () => chain({ attacks: [{ name: 'alia', params: {} }] }), /alie/],
    [
      'an attack on data',
      () => chain({ attacks: [{ name: 'label-flip', params: {} }] }),
      /label-flip poisons training data/,
    ],
    [
      'a constant without values',
      () => chain({ attacks: [{ name: 'constant', params: {} }] }),
      /constant has 0 values for 2 attackers/,
    ],
  ])('%s is reported before anything runs', async (_what, attempt, message) => {
    await expect(attempt()).rejects.toThrow(message)
  })
})

it('every consensus file of the repository makes sense', async () => {
  const files = readdirSync(folder)
  expect(files.length).toBeGreaterThanOrEqual(2)
  for (const file of files) expect(casesOf(await read(file)).length).toBeGreaterThan(5)
})
