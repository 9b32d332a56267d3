import { counted } from '@tempered/errors'
import { planAttack } from '@tempered/lab/adversary'
import { faultText, sortFaults } from '@tempered/lab/faults'
import {
  dealtSamples,
  placeAdversaries,
  placeTrainers,
  type Scenario,
  type ScenarioSource,
  variantRuleName,
  variantsOf,
} from '@tempered/lab/scenario'
import { partsWarning, ranges } from '@tempered/lab/text'
import { createRunRule } from '@tempered/node'
import { createTopology, metropolisWeights, preflight, type Topology } from '@tempered/robust-agg/topology'
import { type Dataset, hasLabels, histogram, singleClass, splitLabels } from '@tempered/train'
import pc from 'picocolors'
import { idleAttacks } from './idle-attacks.js'
import { table } from './table.js'

/** A scenario for people: its attackers, what its topology allows, and the labels of each node. */
export function renderScenario(file: string, scenario: Scenario, data: ScenarioSource): string[] {
  const { nodes, topology, training, seeds, rules } = scenario
  const graph = createTopology(topology, nodes, seeds[0]!)
  const names = [...new Set(variantsOf(scenario).map(({ name }) => name))]
  const topologyChecks = checkTopology(scenario, graph)
  const facts: [string, string][] = [
    ['runs', `${names.join(', ')}; seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}`],
    ['nodes', `${nodes}, ${shape(topology)}, ${counted(graph.edges.length, 'link')}`],
    [
      'training',
      `${taskText(scenario)}, ${counted(training.rounds, 'round')} of ${counted(training.localSteps, 'step')}`,
    ],
    ...trainerFacts(scenario),
    ['rules', rules.map((rule) => call(rule.name, rule.params, rule.pre)).join('; ')],
    ...seeds.flatMap((seed) => attackerFacts(scenario, seed)),
    ...sortFaults(scenario.faults).map((action): [string, string] => [
      `round ${action.at}`,
      faultText(action, nodeName),
    ]),
    ...topologyChecks.facts,
    ...scenario.assertions.map((text): [string, string] => ['assert', text]),
  ]
  return [
    `${pc.green('ok')}  ${file}: ${pc.bold(scenario.name)}`,
    ...[partsWarning(graph) ?? [], idleAttacks(scenario)].flat().map((text) => pc.yellow(`    ${text}`)),
    ...(topologyChecks.isSafe
      ? []
      : [pc.yellow('    with more attackers around some nodes than their rule tolerates, see below')]),
    ...table(
      facts.map(([label, text], k) => ['   ', facts[k - 1]?.[0] === label ? '' : pc.dim(label), text]),
      new Set(),
    ),
    ...(data.notices ?? []).map((notice) => pc.dim(`    ${notice}`)),
    '',
    ...(data.train === undefined ? [] : [...labelTable(scenario, data.train), '']),
  ]
}

function nodeName(index: number): string {
  return `node ${index}`
}

function shape({ name, params }: Scenario['topology']): string {
  const given = Object.entries(params).map(([key, value]) => `${key} ${value}`)
  return given.length === 0 ? name : `${name} (${given.join(', ')})`
}

function call(
  name: string,
  params: Readonly<Record<string, number>>,
  pre: Scenario['rule']['pre'] = [],
): string {
  const given = Object.entries(params).map(([key, value]) => `${key} ${value}`)
  const before = pre.map((one) => `${call(one.name, one.params)} → `).join('')
  return before + (given.length === 0 ? name : `${name} (${given.join(', ')})`)
}

function place({ nodes, adversaries, topology }: Scenario, seed: number): ReadonlyMap<number, number> {
  const graph = createTopology(topology, nodes, seed)
  return placeAdversaries({ nodes, seed, adversaries, topology: graph }).entryOf
}

function attackerFacts(scenario: Scenario, seed: number): [string, string][] {
  const { adversaries, seeds, training } = scenario
  const placed = [...place(scenario, seed)].sort(([a], [b]) => a - b)
  const label = seeds.length > 1 ? `attack, seed ${seed}` : 'attack'
  if (adversaries.length === 0) return seed === seeds[0] ? [['attack', 'none']] : []
  return adversaries.map((entry, k) => {
    const indices = placed.filter(([, at]) => at === k).map(([index]) => index)
    const { from, to, knowledge } = planAttack(entry, training.rounds)
    const when = from === 0 && to === training.rounds - 1 ? '' : `, rounds ${from + 1} to ${to + 1}`
    const attack = call(entry.attack.name, entry.attack.params)
    const poison = entry.poison === undefined ? '' : `${call(entry.poison.name, entry.poison.params)} + `
    return [label, `${poison}${attack} by node ${indices.join(', ')}; sees ${knowledge}${when}`]
  })
}

function trainerFacts(scenario: Scenario): [string, string][] {
  const { entryOf } = placeTrainers(scenario)
  return (scenario.trainers ?? []).flatMap(({ command }, k): [string, string][] => {
    const indices = [...entryOf].flatMap(([index, at]) => (at === k ? [index] : [])).sort((a, b) => a - b)
    if (indices.length === 0) return []
    const who =
      indices.length === scenario.nodes
        ? 'all nodes'
        : `node${indices.length > 1 ? 's' : ''} ${ranges(indices)}`
    return [['trainer', `${command.join(' ')} for ${who}, with data of its own`]]
  })
}

interface TopologyChecks {
  readonly facts: [string, string][]
  /** Whether no node has more attackers around it than each rule tolerates. */
  readonly isSafe: boolean
}

function checkTopology(scenario: Scenario, graph: Topology): TopologyChecks {
  const byzantine = [...place(scenario, scenario.seeds[0]!).keys()]
  const mixing = scenario.mixing === 'metropolis' ? metropolisWeights(graph) : undefined
  const checks = scenario.rules.map((rule) => preflight(graph, createRunRule(rule), { byzantine, mixing }))
  const first = checks[0]!
  const stands = checks.map((check, k): [string, string] => {
    const groups = new Map<string, number[]>()
    for (const { node, neighbours, tolerated, byzantineNeighbours, safe } of check.nodes) {
      const limit =
        tolerated === null ? 'the rule does not state how many may attack' : `up to ${tolerated} may attack`
      const text = `of ${counted(neighbours, 'neighbour')} ${limit}, ${counted(byzantineNeighbours, 'does', 'do')}${safe ? '' : pc.red(': too many')}`
      groups.set(text, [...(groups.get(text) ?? []), node])
    }
    const lines = [...groups].map(([text, members]) => `node ${ranges(members)}: ${text}`)
    return [`under ${variantRuleName(scenario, k)}`, lines.join('; ')]
  })
  const facts: [string, string][] = [
    ...stands,
    ['honest part', first.honestConnected ? 'connected' : pc.red('not connected: its parts cannot agree')],
    ['bottleneck', edges(first.bottleneck)],
    ...(first.bridges.length > 0 ? [['bridges', edges(first.bridges)] as [string, string]] : []),
  ]
  return { facts, isSafe: checks.every((check) => check.nodes.every(({ safe }) => safe)) }
}

/** The model by its name, or the task by its own. */
function taskText({ model, task }: Scenario): string {
  return model ?? (typeof task === 'object' ? `task ${task.task}` : 'mlp')
}

/** What it means that `who` have samples of one class only. */
export function singleClassText(who: string): string {
  return `${who}: nearly all samples are of one class. Logit adjustment does nothing there, and rules that compare models may take such nodes for attackers, or attackers for such nodes (docs/rules.md)`
}

const MAX_EDGES = 12

function edges(list: readonly (readonly [number, number])[]): string {
  if (list.length === 0) return 'none'
  const shown = list.slice(0, MAX_EDGES).map(([a, b]) => `${a}–${b}`)
  const more = list.length > MAX_EDGES ? ` and ${list.length - MAX_EDGES} more` : ''
  return `${list.length}: ${shown.join(', ')}${more}`
}

const MAX_ROWS = 32
/** Above this many classes only the bars are shown. */
const MAX_COLUMNS = 26
const BARS = ' ▁▂▃▄▅▆▇█'

/** Samples of each label at each node under the first seed. */
function labelTable(scenario: Scenario, train: Dataset): string[] {
  const seed = scenario.seeds[0]!
  const { labels, classes } = splitLabels(train)
  const attackers = place(scenario, seed)
  const { entryOf: trainers } = placeTrainers(scenario)
  // What is dealt to a node with its own trainer is not used.
  const counts = dealtSamples(scenario, seed, { train }).map((indices, index) =>
    trainers.has(index) ? new Uint32Array(classes) : histogram(labels, indices, classes),
  )
  const most = Math.max(1, ...counts.flatMap((row) => [...row]))
  const hasCounts = classes <= MAX_COLUMNS
  const rows = counts
    .slice(0, MAX_ROWS)
    .map((row, index) => [
      '   ',
      nodeName(index) +
        (attackers.has(index) ? pc.red(' attacks') : '') +
        (trainers.has(index) ? pc.dim(' own trainer') : ''),
      [...row].map((count) => BARS[count === 0 ? 0 : Math.max(1, Math.round((8 * count) / most))]).join(''),
      ...(hasCounts ? [...row].map((count) => (count === 0 ? '·' : String(count))) : []),
      String(row.reduce((sum, count) => sum + count, 0)),
    ])
  const columns = Array.from({ length: hasCounts ? classes : 0 }, (_, label) => String(label))
  const header = ['   ', 'label', '', ...columns, 'all']
  const numbers = new Set(Array.from({ length: columns.length + 1 }, (_, k) => k + 3))
  const lines = table([header, ...rows], numbers).map((line, k) => (k === 0 ? pc.dim(line) : line))
  if (counts.length > MAX_ROWS)
    lines.push(pc.dim(`    … and ${counted(counts.length - MAX_ROWS, 'more node')}`))
  const single =
    hasLabels(train) && classes > 1 ? counts.filter((row) => singleClass(row) !== undefined).length : 0
  if (single > 0)
    lines.push(pc.yellow(`    ${singleClassText(`${single} of ${counted(counts.length, 'node')}`)}`))
  return lines
}
