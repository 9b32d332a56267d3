import { describe, expect, it } from 'vitest'
import { cellsOf, representatives } from '../../../src/matrix/cells.js'
import { labSchema } from '../../../src/matrix/lab-schema.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

const lab = (changes: object = {}) =>
  labSchema.parse({
    name: 'cells',
    scenario: { nodes: 20, model: 'softmax', training: { rounds: 3 } },
    axes: {
      rules: ['median', { name: 'trimmed-mean', params: { f: 2 }, pre: [{ name: 'nnm', params: { f: 2 } }] }],
      attacks: ['alie', { name: 'model-replacement', poison: { name: 'backdoor' }, from: 2 }],
      fractions: [0.1, 0.2],
      seeds: [4, 5],
    },
    ...changes,
  })

describe('the cells of a lab', () => {
  it('put every rule on every chain, and controls on none', () => {
    const chains = ['none', 'bft', { architecture: 'pow', params: { difficulty: 5 }, label: 'work' }]
    const cells = cellsOf(
      labSchema.parse({
        name: 'chains',
        axes: { rules: ['median', 'krum'], chains, attacks: ['label-flip'], topologies: ['complete'] },
      }),
    )
    expect([...new Set(cells.map(({ rule }) => rule))]).toEqual([
      'average',
      'median',
      'median on bft',
      'median on work',
      'krum',
      'krum on bft',
      'krum on work',
    ])
    expect(new Set(cells.map(({ scenario }) => JSON.stringify(scenario.chain)))).toEqual(
      new Set([
        undefined,
        '{"architecture":"bft","params":{}}',
        '{"architecture":"pow","params":{"difficulty":5}}',
      ]),
    )
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length)
  })

  it('put every rule under every noise, and controls under none', () => {
    const noise = { clip: 1, noiseMultiplier: 2, delta: 1e-5 }
    const differentialPrivacy = ['none', { on: 'sample', ...noise, label: 'ε 2' }, { on: 'update', ...noise }]
    const axes = { rules: ['median'], attacks: ['ipm'], topologies: ['complete'], differentialPrivacy }
    const cells = cellsOf(labSchema.parse({ name: 'noises', axes }))
    expect([...new Set(cells.map(({ rule }) => rule))]).toEqual([
      'average',
      'median',
      'median, ε 2',
      'median, noise on updates, clip=1, noiseMultiplier=2, delta=0.00001',
    ])
    const asked = new Map(cells.map(({ rule, scenario }) => [rule, scenario.differentialPrivacy]))
    expect([...asked.values()]).toEqual([
      undefined,
      undefined,
      { on: 'sample', ...noise },
      { on: 'update', ...noise },
    ])
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length)
  })

  it('have the privacy of the lab in common where there is no axis, controls too', () => {
    const differentialPrivacy = { on: 'sample', clip: 1, noiseMultiplier: 2, delta: 1e-5 }
    const cells = cellsOf(lab({ scenario: { nodes: 20, differentialPrivacy } }))
    expect(cells.map(({ scenario }) => scenario.differentialPrivacy)).toEqual(
      cells.map(() => differentialPrivacy),
    )
    const plain = cellsOf(lab())
    expect(plain.some(({ scenario }) => 'differentialPrivacy' in scenario)).toBe(false)
  })

  it('are every combination, with the attack-free and the undefended runs', () => {
    const cells = cellsOf(lab())
    // (average and two rules) × (nobody, and two attacks × two fractions) × two seeds.
    expect(cells).toHaveLength(3 * 5 * 2)
    expect(new Set(cells.map(({ id }) => id)).size).toBe(30)
    expect(new Set(cells.map(({ rule }) => rule))).toEqual(
      new Set(['average', 'median', 'nnm(f=2) + trimmed-mean(f=2)']),
    )
    expect(new Set(cells.map(({ attack }) => attack))).toEqual(
      new Set(['none', 'alie', 'backdoor + model-replacement, from=2']),
    )
    for (const { attack, fraction, scenario } of cells) {
      const { adversaries, keepRounds } = scenarioSchema.parse(scenario)
      expect(adversaries).toHaveLength(attack === 'none' ? 0 : 1)
      expect(adversaries[0]?.fraction ?? 0).toBe(fraction)
      expect(keepRounds).toBe(2)
    }
    const backdoor = cells.find(({ attack }) => attack.startsWith('backdoor'))!
    expect(scenarioSchema.parse(backdoor.scenario).adversaries[0]).toMatchObject({
      attack: { name: 'model-replacement' },
      poison: { name: 'backdoor' },
      from: 2,
    })
  })

  it('leave controls out that were switched off', () => {
    const cells = cellsOf(lab({ controls: { honest: false, undefended: false, baseline: false } }))
    expect(cells).toHaveLength(2 * 4 * 2)
    expect(cells.some(({ attack, rule }) => attack === 'none' || rule === 'average')).toBe(false)
  })

  it('have plain averaging without attackers alone, where only the cost is wanted', () => {
    const cells = cellsOf(lab({ controls: { undefended: false } }))
    expect(cells).toHaveLength((1 + 2 * 5) * 2)
    expect(cells.filter(({ rule }) => rule === 'average').map(({ attack }) => attack)).toEqual([
      'none',
      'none',
    ])
  })

  it('take topologies of their own size, whose last nodes attack', () => {
    const cells = cellsOf(
      lab({
        axes: {
          rules: ['median'],
          attacks: ['spectral'],
          fractions: [0.3],
          topologies: [
            { name: 'two-worlds', params: { malicious: 3 }, nodes: 29, honest: 26, label: 'f = 3' },
          ],
        },
      }),
    )
    const attacked = cells.filter(({ attack }) => attack !== 'none')
    expect(attacked.map(({ topology }) => topology)).toEqual(['f = 3', 'f = 3'])
    const { nodes, adversaries, topology } = scenarioSchema.parse(attacked[0]!.scenario)
    expect(nodes).toBe(29)
    expect(topology).toEqual({ name: 'two-worlds', params: { malicious: 3 } })
    expect(adversaries[0]?.nodes).toEqual([26, 27, 28])
    expect(attacked[0]!.fraction).toBeCloseTo(3 / 29)
  })

  it('have representatives, in which everything is', () => {
    const cells = cellsOf(lab())
    const few = representatives(cells)
    expect(few.length).toBeLessThan(cells.length / 2)
    for (const axis of ['rule', 'attack', 'fraction', 'topology', 'split', 'seed'] as const)
      expect(new Set(few.map((cell) => cell[axis]))).toEqual(new Set(cells.map((cell) => cell[axis])))
  })

  it('are distinguished by what is run, and by nothing else', () => {
    const [one, other] = [cellsOf(lab()), cellsOf(lab())]
    expect(one).toEqual(other)
    const longer = cellsOf(lab({ scenario: { nodes: 20, model: 'softmax', training: { rounds: 4 } } }))
    expect(longer[0]!.id).toBe(one[0]!.id)
    expect(longer[0]!.hash).not.toBe(one[0]!.hash)
  })

  it('refuse what no scenario has', () => {
    expect(() => lab({ scenario: { node: 3 } })).toThrow(/node/)
    expect(() => lab({ axes: { rules: [] } })).toThrow()
    expect(() => lab({ axes: { rules: ['median'], fractions: [1.5] } })).toThrow()
  })
})
