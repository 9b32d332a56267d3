import { describe, expect, it } from 'vitest'
import { parseText } from '../../../src/documents/load-document.js'
import { checkScenario, INDEPENDENT_KEYS } from '../../../src/scenario/scenario-checks.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'

/** The mistakes of a file, one per line. */
function mistakes(text: string): string[] {
  try {
    parseText('s.yaml', text, scenarioSchema, { check: checkScenario, independent: INDEPENDENT_KEYS })
    return []
  } catch (error) {
    expect((error as { code: string }).code).toBe('E_CONFIG')
    return (error as Error).message.split('\n')
  }
}

const one = (text: string): string => {
  const found = mistakes(text)
  expect(found).toHaveLength(1)
  return found[0]!
}

describe('checkScenario', () => {
  it('has nothing to say of the defaults', () => {
    expect(mistakes('')).toEqual([])
  })

  it.each([
    ['rule: { name: balanse }', /^s\.yaml:1:15: rule\.name: .*balance/],
    ['rules:\n  - { name: median }\n  - { name: meadian }', /^s\.yaml:3:13: rules\.1\.name: .*median/],
    ['rules: [ { name: meadian } ]', /^s\.yaml:1:18: rules\.0\.name: /],
    ['rule: { name: balance, params: { gama: 1 } }', /^s\.yaml:1:40: rule\.params\.gama: .*gamma/],
    [
      'rule: { name: krum, params: { f: 1 }, pre: [ { name: nnn } ] }',
      /^s\.yaml:1:54: rule\.pre\.0\.name: .*nnm/,
    ],
    [
      'contribution: { every: 2 }\ndifferentialPrivacy: { on: update, clip: 1, noiseMultiplier: 1, delta: 0.1 }',
      /^s\.yaml:1:15: contribution: scores of contributions publish losses/,
    ],
    [
      'rule: { name: ubar, params: { rho: 0.5 } }\ndifferentialPrivacy: { on: update, clip: 1, noiseMultiplier: 1, delta: 0.1 }',
      /^s\.yaml:1:7: rule: ubar writes losses on each node's own samples/,
    ],
    [
      'trainers: [ { command: [a] } ]\ndifferentialPrivacy: { on: sample, clip: 1, noiseMultiplier: 1, delta: 0.1 }',
      /^s\.yaml:2:28: differentialPrivacy\.on: clips the gradient of every sample/,
    ],
    [
      'differentialPrivacy: { on: update, clip: 1, noiseMultiplier: 1, delta: 0.1, sharedAmong: 3 }',
      /^s\.yaml:1:90: differentialPrivacy\.sharedAmong: 3 nodes share their noise/,
    ],
    ['topology: { name: rings }', /^s\.yaml:1:19: topology\.name: .*ring/],
    ['topology: { name: k-regular, params: { k: 4, q: 1 } }', /^s\.yaml:1:49: topology\.params\.q: /],
    ['nodes: 7\ntopology: { name: k-regular, params: { k: 3 } }', /^s\.yaml:2:11: topology: /],
    ['topology: { name: custom, edges: [ [0, 50] ] }', /^s\.yaml:1:34: topology\.edges: /],
    [
      'rule: { name: krum, params: { f: 3 } }',
      /^s\.yaml:1:34: rule\.params\.f: nodes 0–9 have 4 neighbours: /,
    ],
    [
      'rule: { name: median, pre: [ { name: nnm, params: { f: 1 } }, { name: nnm, params: { f: 3 } } ] }',
      /^s\.yaml:1:\d+: rule\.pre\.1\.params\.f: nodes 0–9 have 4 neighbours: rule 'nnm'/,
    ],
    [
      'adversaries:\n  - { count: 1, attack: { name: impm } }',
      /^s\.yaml:2:33: adversaries\.0\.attack\.name: .*ipm/,
    ],
    ['adversaries: [ { count: 1, attack: { name: forked-leger } } ]', /Did you mean 'forked-ledger'/],
    [
      'adversaries: [ { count: 1, attack: { name: forked-ledger, params: { a: 1 } } } ]',
      /params\.a: .*no parameters/,
    ],
    [
      'trainers: [ { nodes: [1, 10], command: [a] } ]',
      /^s\.yaml:1:26: trainers\.0\.nodes\.1: there is no node 10 \(0 … 9\)/,
    ],
    [
      'trainers: [ { nodes: [1], command: [a] }, { nodes: [1], command: [b] } ]',
      /trainers\.1\.nodes\.0: node 1 has two trainers; trainers\.0 names it too/,
    ],
    ['trainers: [ { command: [a] }, { command: [b] } ]', /trainers\.1: trainers\.0 is for all other nodes/],
    ['trainer: { command: [a] }', /did you mean "trainers"/],
    ['trainers: [ { command: [] } ]', /trainers\.0\.command: /],
    [
      'trainers: [ { nodes: [1], command: [a] } ]\nadversaries: [ { nodes: [0, 1], attack: label-flip } ]',
      /^s\.yaml:2:41: adversaries\.0\.attack: label-flip poisons training data, but node 1 trains in a process/,
    ],
    [
      'trainers: [ { command: [a] } ]\nadversaries: [ { nodes: [1], attack: ipm, poison: backdoor } ]',
      /adversaries\.0\.poison: backdoor poisons training data, but node 1 /,
    ],
    ['adversaries: [ { nodes: [10], attack: { name: ipm } } ]', /^s\.yaml:1:26: .*not among the 10 nodes/],
    ['adversaries: [ { count: 10, attack: { name: ipm } } ]', /every node attacks/],
    [
      'adversaries: [ { count: 1, attack: { name: ipm }, knowledge: own } ]',
      /knowledge: ipm must see more than own/,
    ],
    [
      'adversaries: [ { count: 1, attack: { name: ipm }, from: 99 } ]',
      /from: round 99 is after the last one, 20/,
    ],
    [
      'adversaries: [ { count: 1, attack: { name: ipm }, poison: { name: alie } } ]',
      /poison: alie is not an attack on training data/,
    ],
    [
      'adversaries: [ { count: 1, attack: { name: label-flip }, poison: { name: backdoor } } ]',
      /poison: must go with an attack on models/,
    ],
    ['data: { memory: 2 }', /^s\.yaml:1:17: data\.memory: /],
    ['data: { memory: plenty }', /data\.memory: is "plenty"; write a number and a unit/],
    ['data: { split: { kind: by-clique } }', /^s\.yaml:1:16: data\.split: k-regular has no distinct cliques/],
    ['data: { split: { kind: by-clique, groups: [[0, 1]] } }', /exactly one group/],
    ['assertions:\n  - mter > 1\n  - mter >> 1', /^s\.yaml:3:5: assertions\.1: /],
    ['assertions: [ quarantined includes 10 ]', /there is no node 10/],
    ['assertions: [ asr <= 0.1 ]', /asr is measured only under a backdoor attack/],
    [
      'adversaries: [ { count: 1, attack: backdoor } ]\nassertions: [ honest.asr <= 0.1 ]',
      /asr is not measured in the honest run/,
    ],
    ['rule: median\nassertions: [ recall >= 0.5 ]', /recall is not measured under median, which weighs all/],
    [
      'privacy: { mode: masks }\nassertions: [ recall >= 0.5 ]',
      /recall is not measured with privacy\.mode masks, which rejects no model/,
    ],
    [
      'privacy: { mode: masks, rule: nearest }',
      /^s\.yaml:1:\d+: privacy: .*leave out privacy\.rule \(nearest\)/,
    ],
    ['assertions: [ undefended.precision >= 0.5 ]', /precision is not measured under average/],
    [
      'adversaries: [ { count: 1, attack: zzz } ]',
      /On the ledger, a chain or private rounds: wrong-aggregate, forked-ledger, /,
    ],
    ['training: { rounds: 2000000 }', /^s\.yaml:1:21: training\.rounds: must be at most 1000000/],
    [
      'controls: { honest: false }\nassertions: [ honest.asr > 1 ]',
      /needs the honest control, which is switched off/,
    ],
  ])('says where %j is wrong', (text, message) => {
    expect(one(text)).toMatch(message)
  })

  it('tells all mistakes at once, in the order of the file, unknown keys among them', () => {
    const found = mistakes(
      'nodez: 3\nrule: { name: balance, params: { gamma: -1, kapa: 1 } }\nassertions: [ x > 1 ]\n',
    )
    expect(found.map((line) => line.split(' ')[0])).toEqual([
      's.yaml:1:1:',
      's.yaml:2:41:',
      's.yaml:2:51:',
      's.yaml:3:15:',
    ])
  })

  it('a wrong value keeps nothing from being told that does not hang on it', () => {
    const text = 'model: sofmax\nadversaries: [ { nodes: [12], attack: { name: ipmm } } ]\n'
    expect(mistakes(text)).toHaveLength(3)
    // With how many nodes index 12 is wrong, nobody can say here.
    expect(mistakes(`nodes: many\n${text}`).join()).not.toContain('node 12')
  })

  it('looks at every seed, and says the same thing once', () => {
    expect(mistakes('seeds: [1, 2, 3]\nrule: { name: krum, params: { f: 3 } }')).toHaveLength(1)
  })
})

describe('faults', () => {
  it.each([
    ['{ at: 21, kill: [1] }', /at: round 21 is after the last one, 20/],
    ['{ at: 1, kill: [10] }', /^s\.yaml:1:27: faults\.0\.kill\.0: there is no node 10/],
    ['{ at: 1, kill: [1, 1] }', /node 1 is named twice/],
    ['{ at: 1, restart: [1] }', /node 1 is running in round 1; only killed nodes restart/],
    ['{ at: 2, kill: [1] }, { at: 1, restart: [1] }', /faults\.1\.restart\.0/],
    ['{ at: 1, leave: [1] }, { at: 2, kill: [1] }', /node 1 has left for good in round 2/],
    ['{ at: 1, leave: [1] }, { at: 2, slowTrainer: { nodes: [1], factor: 2 } }', /has left for good/],
    ['{ at: 2, join: [1] }, { at: 1, kill: [1] }', /node 1 has not joined yet in round 1/],
    ['{ at: 2, heal: true }', /there is no partition to heal/],
    [
      '{ at: 2, partition: [[1], [2]] }, { at: 3, partition: [[1], [2]] }',
      /the partition of round 2 is still in force/,
    ],
    ['{ at: 2, partition: [[1], [1]] }', /faults\.0\.partition\.1\.0: node 1 is named twice/],
    ['{ at: 2, join: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }', /none is present at the start/],
    ['{ at: 2, kill: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }', /no honest node is left/],
  ])('refuses %s', (faults, message) => {
    expect(mistakes(`faults: [ ${faults} ]`).join('\n')).toMatch(message)
  })

  it('a slow link joins neighbours', () => {
    const text = (a: number, b: number) =>
      `topology: { name: ring }\nfaults: [ { at: 1, slowLink: { between: [${a}, ${b}], latencyMs: 1 } } ]`
    expect(mistakes(text(0, 9))).toEqual([])
    expect(one(text(0, 5))).toMatch(/nodes 0 and 5 are not neighbours/)
    expect(one(text(3, 3))).toMatch(/named twice/)
  })

  it('takes a whole life: late, killed, back, gone', () => {
    const faults = [
      '{ at: 2, join: [1] }',
      '{ at: 4, kill: [1] }',
      '{ at: 4, restart: [1] }',
      '{ at: 6, kill: [1] }',
      '{ at: 8, restart: [1] }',
      '{ at: 9, leave: [1] }',
      '{ at: 3, partition: [[0, 1], [2]] }',
      '{ at: 3, heal: true }',
      '{ at: 5, partition: [[0, 1], [2]] }',
    ]
    expect(mistakes(`faults: [ ${faults.join(', ')} ]`)).toEqual([])
  })
})
