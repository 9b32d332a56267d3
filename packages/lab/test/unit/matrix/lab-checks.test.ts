import { describe, expect, it } from 'vitest'
import { cellsOf } from '../../../src/matrix/cells.js'
import { checkLab } from '../../../src/matrix/lab-checks.js'
import { labSchema } from '../../../src/matrix/lab-schema.js'

function problemsOf(axes: object, others: object = {}): string[] {
  const lab = labSchema.parse({
    name: 'checks',
    scenario: { nodes: 12, model: 'softmax', training: { rounds: 4 } },
    axes: { rules: ['median'], attacks: ['alie'], topologies: ['complete'], ...axes },
    ...others,
  })
  return checkLab(lab).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('the checks of a lab', () => {
  it('find nothing wrong with a lab that can be run', () => {
    expect(problemsOf({})).toEqual([])
  })

  it('place what differential privacy does not cover', () => {
    const noise = { on: 'sample', clip: 1, noiseMultiplier: 2, delta: 1e-5 }
    const twice = [noise, noise]
    expect(problemsOf({ differentialPrivacy: twice })[0]).toMatch(
      /^axes\.differentialPrivacy\.1: two of them have the name/,
    )
    expect(
      problemsOf({ rules: [{ name: 'ubar', params: { rho: 0.5 } }], differentialPrivacy: ['none', noise] }),
    ).toEqual([expect.stringMatching(/^axes\.rules\.0: ubar writes losses on each node's own samples/)])
    const scenario = { nodes: 12, model: 'softmax', training: { rounds: 4 } }
    expect(
      problemsOf(
        { differentialPrivacy: [noise] },
        { scenario: { ...scenario, trainers: [{ command: ['a'] }] } },
      ),
    ).toEqual([
      expect.stringMatching(/^axes\.differentialPrivacy\.0\.on: clips the gradient of every sample/),
    ])
    expect(
      problemsOf({ differentialPrivacy: [noise] }, { scenario: { ...scenario, contribution: { every: 1 } } }),
    ).toEqual([expect.stringMatching(/^scenario\.contribution: scores of contributions publish losses/)])
  })

  it('place what a trainer makes impossible', () => {
    const scenario = {
      nodes: 12,
      model: 'softmax',
      training: { rounds: 4 },
      trainers: [{ command: ['a'] }],
    }
    expect(problemsOf({}, { scenario })).toEqual([])
    expect(problemsOf({ attacks: ['alie', 'label-flip'] }, { scenario })).toEqual([
      expect.stringMatching(
        /^axes\.attacks\.1: label-flip poisons training data, but nodes 9, 11 train in processes/,
      ),
    ])
    expect(
      problemsOf({}, { scenario: { ...scenario, trainers: [{ nodes: [12], command: ['a'] }] } }),
    ).toEqual(['scenario.trainers.0.nodes.0: there is no node 12 (0 … 11)'])
  })

  it('tell apart entries that differ in anything, and refuse those that tables would call the same', () => {
    const apart = {
      rules: [
        'median',
        { name: 'median', training: { logitAdjustment: 1 } },
        { name: 'median', pre: ['distinct'] },
      ],
      attacks: [
        'alie',
        { name: 'alie', from: 2 },
        { name: 'alie', to: 3 },
        { name: 'alie', colluding: false },
      ],
      topologies: [{ name: 'complete', nodes: 8 }, 'complete', { name: 'complete', nodes: 8, honest: 6 }],
      splits: [
        {
          kind: 'by-clique',
          groups: [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
          ],
        },
        {
          kind: 'by-clique',
          groups: [
            [0, 1],
            [2, 3, 4, 5, 6, 7],
          ],
        },
      ],
    }
    expect(problemsOf({ ...apart, splits: [{ kind: 'iid' }] })).toEqual([])
    expect(problemsOf({ ...apart, topologies: [{ name: 'complete', nodes: 8 }] })).toEqual([])
    expect(
      problemsOf({
        rules: ['median', { name: 'krum', params: { f: 1 }, label: 'median' }],
        attacks: ['alie', 'echo', 'alie'],
        fractions: [0.1, 0.1],
        topologies: ['complete', { name: 'complete', label: 'complete' }],
        splits: [{ kind: 'iid' }, { kind: 'iid' }],
        seeds: [3, 4, 3],
      }),
    ).toEqual([
      'axes.rules.1: two of them have the name median in tables; give one of them a label, or remove it',
      'axes.attacks.2: two of them have the name alie in tables; give one of them a label, or remove it',
      'axes.fractions.1: two of them have the name 0.1 in tables; remove one of them',
      'axes.topologies.1: two of them have the name complete in tables; give one of them a label, or remove it',
      'axes.splits.1: two of them have the name iid in tables; remove one of them',
      'axes.seeds.2: two of them have the name 3 in tables; remove one of them',
    ])
  })

  it('keep the names of the controls for the controls', () => {
    expect(
      problemsOf({
        rules: [{ name: 'median', label: 'average' }],
        attacks: [{ name: 'alie', label: 'none' }],
      }),
    ).toEqual([
      'axes.rules.0.label: average is the name of plain averaging in tables; choose another label',
      'axes.attacks.0.label: none is the name of the attack-free run in tables; choose another label',
    ])
    // Averaging that is trained otherwise is no control: plain averaging runs beside it.
    const lab = { name: 'x', axes: { rules: [{ name: 'average', training: { momentum: 0.5 } }] } }
    expect(new Set(cellsOf(labSchema.parse(lab)).map(({ rule }) => rule))).toEqual(
      new Set(['average', 'average, momentum=0.5']),
    )
  })

  it('tell of a wrong rule on which axis it stands, once for all its cells', () => {
    const problems = problemsOf({
      rules: ['median', { name: 'krum', params: { f: -1 }, pre: ['distinct', 'nn'] }],
      attacks: ['alie', 'ipm'],
      seeds: [1, 2],
    })
    expect(problems).toHaveLength(2)
    expect(problems[0]).toMatch(/^axes\.rules\.1\.params\.f: /)
    expect(problems[1]).toMatch(/^axes\.rules\.1\.pre\.1\.name: .*'nn'/)
  })

  it('tell on which topology a rule finds too few neighbours', () => {
    const problems = problemsOf({
      rules: ['median', { name: 'krum', params: { f: 3 } }],
      topologies: ['complete', 'ring'],
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^axes\.rules\.1\.params\.f: .*2 neighbours.*\(topology ring\)$/)
  })

  it('tell of wrong attacks, topologies and splits where they stand', () => {
    expect(problemsOf({ attacks: ['ipm', { name: 'alie', params: { zz: 1 } }] })).toEqual([
      expect.stringMatching(/^axes\.attacks\.1\.params\.zz: /),
    ])
    expect(problemsOf({ attacks: [{ name: 'ipm', from: 9 }] })).toEqual([
      expect.stringMatching(/^axes\.attacks\.0\.from: round 9 is after the last one, 4$/),
    ])
    expect(problemsOf({ topologies: ['complete', { name: 'k-regular', params: { k: 30 } }] })[0]).toMatch(
      /^axes\.topologies\.1: /,
    )
    expect(problemsOf({ splits: [{ kind: 'by-clique' }] })).toEqual([
      expect.stringMatching(/^axes\.splits\.0: .*no distinct cliques/),
    ])
    expect(problemsOf({ fractions: [0.99] })[0]).toMatch(/^axes\.fractions: every node attacks/)
  })

  it('tell of what all cells have in common below `scenario`', () => {
    const faults = [{ at: 2, restart: [3] }]
    const scenario = { nodes: 12, model: 'softmax', training: { rounds: 4 }, faults }
    expect(problemsOf({}, { scenario })[0]).toMatch(/^scenario\.faults\.0/)
  })
})
