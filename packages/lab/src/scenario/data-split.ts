import { bridges, type Topology } from '@tempered/robust-agg/topology'
import type { PartitionScheme } from '@tempered/train'
import type { WholeSplit } from '../documents/shared-schema.js'
import { LabError } from '../errors.js'
import type { Scenario } from './schema.js'

type Groups = readonly (readonly number[])[]

/** A self-contained split, in the terms of the data layer. */
export function partitionScheme(split: WholeSplit): PartitionScheme {
  switch (split.kind) {
    case 'label-groups':
      return { kind: 'label-groups', degree: split.h }
    case 'dirichlet':
      return { kind: 'dirichlet', alpha: split.a }
    case 'by-clique':
      return { kind: 'by-group', groups: split.groups }
    default:
      return split
  }
}

/** The partition scheme of a scenario. Throws E_CONFIG as {@link wholeSplit} does. */
export function scenarioPartition(
  scenario: Pick<Scenario, 'data' | 'topology' | 'nodes'>,
  graph: Topology,
): PartitionScheme {
  return partitionScheme(wholeSplit(scenario, graph))
}

/**
 * The split of a scenario with its cliques listed; by-clique without groups takes them from the topology. Throws
 * E_CONFIG when the topology has none.
 */
export function wholeSplit(
  { data, topology, nodes }: Pick<Scenario, 'data' | 'topology' | 'nodes'>,
  graph: Topology,
): WholeSplit {
  const { split } = data
  if (split.kind !== 'by-clique') return split
  const groups = split.groups ?? cliquesOf(topology, graph)
  if (groups === undefined) {
    throw new LabError(
      'E_CONFIG',
      `data.split: topology '${graph.name}' of ${nodes} nodes has no distinct cliques: list them as data.split.groups`,
    )
  }
  return { kind: 'by-clique', groups: groups.map((group) => [...group]) }
}

/**
 * The dense parts of a topology: the two halves of a dumbbell or of two-worlds; of any other, the parts that remain
 * without its bridges. undefined when that is a single part, or when it isolates a node.
 */
export function cliquesOf(spec: Scenario['topology'], graph: Topology): Groups | undefined {
  if (spec.name === 'dumbbell') return halves(graph.n, spec.params.left ?? Math.ceil(graph.n / 2))
  if (spec.name === 'two-worlds') {
    // Attackers hold data of the second world.
    return halves(graph.n, (graph.n - (spec.params.malicious ?? 0)) / 2)
  }
  const cut = new Set(bridges(graph).map(([a, b]) => `${a} ${b}`))
  const seen = new Set<number>()
  const parts: number[][] = []
  for (let root = 0; root < graph.n; root++) {
    if (seen.has(root)) continue
    const part = [root]
    seen.add(root)
    for (const node of part) {
      for (const next of graph.neighbours(node)) {
        const edge = `${Math.min(node, next)} ${Math.max(node, next)}`
        if (seen.has(next) || cut.has(edge)) continue
        seen.add(next)
        part.push(next)
      }
    }
    parts.push(part.sort((a, b) => a - b))
  }
  return parts.length > 1 && parts.every((part) => part.length > 1) ? parts : undefined
}

function halves(n: number, left: number): Groups {
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => from + k)
  return [range(0, left), range(left, n)]
}
