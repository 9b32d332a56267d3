import { partitionScheme, planRun, type ScenarioInput, scenarioSchema } from '@tempered/lab/scenario'
import { describe, expect, it } from 'vitest'
import { planData } from '../../../../lab/test/support/small-data.js'
import { nodeConfigSchema } from '../../../src/config/node-config.js'
import { machineSet } from '../../../src/machines/machine-set.js'
import { machinesReadme } from '../../../src/machines/machines-readme.js'
import { startScript } from '../../../src/machines/start-script.js'

const planOf = (scenario: ScenarioInput) =>
  planRun(scenarioSchema.parse({ nodes: 6, model: 'softmax', ...scenario }), planData)

describe('hostSet', () => {
  it.each([
    { kind: 'iid' } as const,
    { kind: 'label-groups', h: 0.6 } as const,
    { kind: 'dirichlet', a: 0.3 } as const,
    { kind: 'shards', perNode: 2 } as const,
    { kind: 'by-clique', groups: [[0, 3], [1], [2, 4, 5]] } as const,
    { kind: 'by-clique' } as const,
  ])('configures a node with the part that it has in a cluster: $kind', (split) => {
    const groups =
      split.kind === 'by-clique' && 'groups' in split ? split.groups.map((one) => [...one]) : undefined
    const plan = planOf({
      seed: 7,
      topology: { name: 'dumbbell' },
      data: { split: groups === undefined ? split : { kind: 'by-clique', groups } } as ScenarioInput['data'],
    })
    const { data } = nodeConfigSchema.parse(machineSet(plan, []).hosts[4]!.config)
    expect(partitionScheme(data.split!)).toEqual(plan.partition)
    expect(data).toMatchObject({ source: 'mnist', part: 4, parts: 6, seed: 7 })
  })

  it('tells each host three other members', () => {
    const plan = planOf({})
    const { members } = plan.run.manifest
    const [first] = machineSet(plan, ['2=192.0.2.7:5000']).hosts
    expect(first!.config.bootstrap).toEqual([
      `/dns4/node-01/tcp/4001/p2p/${members[1]}`,
      `/ip4/192.0.2.7/tcp/5000/p2p/${members[2]}`,
      `/dns4/node-03/tcp/4001/p2p/${members[3]}`,
    ])
    for (const { config, node } of machineSet(plan, []).hosts)
      expect(config.bootstrap!.join()).not.toContain(node.identity.signer.peerId)
    expect(machineSet(planOf({ nodes: 2 }), []).hosts[1]!.config.bootstrap).toHaveLength(1)
  })

  it('carries the trainers of hosts, which then have no part of the data', () => {
    const trainers = [
      {
        nodes: [1],
        command: ['python3', 'train.py', 'part-{node}.csv'],
        attempts: 2,
        deadlines: { trainMs: 5 },
      },
    ]
    const set = machineSet(planOf({ trainers, adversaries: [{ nodes: [1], attack: 'sign-flip-model' }] }), [])
    const { trainer, data } = set.hosts[1]!.config
    expect(trainer).toEqual({
      command: ['python3', 'train.py', 'part-1.csv'],
      attempts: 2,
      deadlines: { trainMs: 5 },
    })
    expect(data).toBeUndefined()
    expect(nodeConfigSchema.parse(set.hosts[1]!.config).trainer?.attempts).toBe(2)
    expect(set.hosts[0]!.config).toMatchObject({ data: { part: 0 } })
    expect(set.hosts[0]!.config.trainer).toBeUndefined()
    const readme = machinesReadme({ set, whole: set.plan.scenario, freshKeys: false, image: 'x' })
    expect(readme).toContain('| node-01 | `python3 train.py part-1.csv` |')
  })

  it('lets attackers start with the command that injects their attack, and honest hosts with node start', () => {
    const adversaries = [
      { nodes: [1], attack: { name: 'model-replacement' }, poison: { name: 'backdoor' }, from: 3, to: 5 },
      { nodes: [2], attack: { name: 'wrong-aggregate' } },
    ]
    const { hosts } = machineSet(planOf({ adversaries }), [])
    expect(hosts[1]!.attack).toEqual({
      attack: { name: 'model-replacement', params: {} },
      poison: { name: 'backdoor', params: {} },
      from: 3,
      to: 5,
    })
    expect(hosts.map((host) => /exec "\$tempered" (\w+ \w+)/.exec(startScript(host))?.[1])).toEqual([
      'node start',
      'scenario node',
      'scenario node',
      'node start',
      'node start',
      'node start',
    ])
  })

  it('refuses attackers that see the models of others, by name', () => {
    const adversaries = [
      { nodes: [1], attack: { name: 'ipm' } },
      { nodes: [2], attack: { name: 'echo' } },
      { nodes: [3], attack: { name: 'sign-flip-model' } },
    ]
    const attempt = () => machineSet(planOf({ adversaries }), [])
    expect(attempt).toThrow(
      /^node-01 \(ipm, sees all\), node-02 \(echo, sees neighbours\): .*--stage cluster/,
    )
    expect(attempt).toThrow(expect.objectContaining({ code: 'E_CONFIG' }))
  })

  it('says in its README what of the scenario nobody carries out', () => {
    const whole = scenarioSchema.parse({
      nodes: 6,
      model: 'softmax',
      seeds: [1, 2],
      rules: [{ name: 'balance' }, { name: 'median' }],
      faults: [{ at: 2, kill: [3] }],
      assertions: ['ledgersVerify'],
      stop: { seconds: 9 },
      controls: { baseline: false },
    })
    const set = machineSet(planRun(whole, planData), [])
    const init = { set, whole, freshKeys: false, image: 'tempered:1' }
    const text = machinesReadme(init)
    for (const part of [
      'round 2: node-03 is killed',
      'ledgersVerify',
      'stop condition',
      'Controls: honest, undefended.',
      'seeds: 2',
      'rules: median',
      'These keys protect nothing',
    ])
      expect(text).toContain(part)
    expect(machinesReadme({ ...init, freshKeys: true })).not.toContain('protect nothing')
  })
})
