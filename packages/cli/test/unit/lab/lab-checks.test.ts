import { describe, expect, it } from 'vitest'
import { checkLab } from '../../../src/lab/lab-checks.js'
import { labSchema } from '../../../src/lab/lab-schema.js'

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
      expect.stringMatching(/^axes\.splits\.0: .*no cliques/),
    ])
    expect(problemsOf({ fractions: [0.99] })[0]).toMatch(/^axes\.fractions: every node attacks/)
  })

  it('tell of what all cells have in common below `scenario`', () => {
    const faults = [{ at: 2, restart: [3] }]
    const scenario = { nodes: 12, model: 'softmax', training: { rounds: 4 }, faults }
    expect(problemsOf({}, { scenario })[0]).toMatch(/^scenario\.faults\.0/)
  })
})
