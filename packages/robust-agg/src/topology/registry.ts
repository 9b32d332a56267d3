/** All topologies by name. */

import { missingModule } from '../custom/missing.js'
import { type CustomTopology, customTopology } from '../custom/topology.js'
import { RobustAggError } from '../errors.js'
import { hint, nearestName } from '../nearest-name.js'
import { type Parameters, parameter, resolveParameters } from '../parameters.js'
import type { RngKey } from '../rng.js'
import type { TopologyDefinition, TopologyInfo } from './definition.js'
import { buildTopology, type Edge, MAX_NODES, type Topology, topologyError } from './graph.js'
import { erdosRenyi, randomRegular, smallWorld } from './random-graphs.js'
import {
  completeEdges,
  dumbbellEdges,
  maliciousRingEdges,
  ringEdges,
  starEdges,
  torusEdges,
  twoWorldsEdges,
} from './regular-shapes.js'

export interface TopologySpec {
  /** One of `listTopologies()`. */
  readonly name: string
  readonly params?: Parameters | undefined
  /** For `custom` only, where it is required. */
  readonly edges?: readonly Edge[] | undefined
}

export type { TopologyInfo } from './definition.js'

const definitions: readonly TopologyDefinition[] = [
  {
    name: 'ring',
    meaning: 'each node has the two adjacent ones',
    params: [],
    build: (n) => buildTopology('ring', n, ringEdges(n)),
  },
  {
    name: 'complete',
    meaning: 'all nodes are neighbours of each other',
    params: [],
    build: (n) => buildTopology('complete', n, completeEdges(n)),
  },
  {
    name: 'k-regular',
    meaning: 'random and connected, each node has k neighbours',
    params: [
      parameter({
        name: 'k',
        required: true,
        min: 0,
        max: MAX_NODES - 1,
        integer: true,
        meaning: 'neighbours of each node; n·k even, k < n',
      }),
    ],
    build: (n, { k }, seed) => randomRegular(n, k, seed),
  },
  {
    name: 'erdos-renyi',
    meaning: 'random and connected, each pair is joined with probability p',
    params: [parameter({ name: 'p', required: true, min: 0, max: 1, meaning: 'probability of an edge' })],
    build: (n, { p }, seed) => erdosRenyi(n, p, seed),
  },
  {
    name: 'small-world',
    meaning: 'a ring lattice with randomly moved edges, connected',
    params: [
      parameter({
        name: 'k',
        default: 4,
        min: 2,
        max: MAX_NODES - 1,
        integer: true,
        meaning: 'neighbours of each node before edges move; even, below n',
      }),
      parameter({ name: 'p', default: 0.2, min: 0, max: 1, meaning: 'probability that an edge moves' }),
    ],
    build: (n, { k, p }, seed) => smallWorld(n, k, p, seed),
  },
  {
    name: 'star',
    meaning: 'node 0 is a neighbour of all others, which have no other neighbours',
    params: [],
    build: (n) => buildTopology('star', n, starEdges(n)),
  },
  {
    name: 'torus',
    meaning: 'a grid wrapped around in both directions, four neighbours each',
    params: [
      parameter({
        name: 'rows',
        min: 3,
        max: MAX_NODES,
        integer: true,
        meaning: 'rows, a divisor of n; default: the largest up to √n',
      }),
    ],
    build: (n, { rows }) => buildTopology('torus', n, torusEdges(n, rows)),
  },
  {
    name: 'dumbbell',
    meaning: 'two complete graphs and one bridge',
    params: [
      parameter({
        name: 'left',
        min: 1,
        max: MAX_NODES,
        integer: true,
        meaning: 'nodes on the left; default: half of n, rounded up',
      }),
    ],
    build: (n, { left }) => buildTopology('dumbbell', n, dumbbellEdges(n, left)),
  },
  {
    name: 'two-worlds',
    meaning: 'two complete graphs of n/2, every node with `cross` neighbours on the other side',
    params: [
      parameter({
        name: 'cross',
        min: 1,
        max: MAX_NODES,
        integer: true,
        meaning: 'cross edges of each node, at most n/2; default: 8 (published with n = 26), or n/2 if less',
      }),
      parameter({
        name: 'malicious',
        default: 0,
        min: 0,
        max: MAX_NODES,
        integer: true,
        meaning: 'attackers after the others, each connected to all of them; n/2 then refers to the others',
      }),
    ],
    build: (n, { cross, malicious }) => buildTopology('two-worlds', n, twoWorldsEdges(n, cross, malicious)),
  },
  {
    name: 'malicious-ring',
    meaning: 'honest nodes 0 … h−1 on a ring, each with `malicious` attackers of its own after them',
    params: [
      parameter({
        name: 'malicious',
        default: 2,
        min: 1,
        max: MAX_NODES,
        integer: true,
        meaning: 'attackers of each honest node; n = h·(1 + malicious), published with h = 5',
      }),
    ],
    build: (n, { malicious }) => buildTopology('malicious-ring', n, maliciousRingEdges(n, malicious)),
  },
  {
    name: 'custom',
    meaning: 'the given edges, connected or not',
    params: [],
    build: (n, _params, _seed, edges) => buildTopology('custom', n, edges),
  },
]

const byName = new Map(definitions.map((definition) => [definition.name, definition]))
const builtIn: ReadonlySet<string> = new Set(byName.keys())

/** Makes a topology of your own available by its name, as `registerRule` does for rules. @throws RobustAggError E_CUSTOM */
export function registerTopology(topology: CustomTopology): string {
  const definition = customTopology(topology, builtIn)
  byName.set(definition.name, definition)
  return definition.name
}

/**
 * A topology on n nodes.
 *
 * @param n - 1 … 16,384, with at most 2^19 edges between them
 * @param seed - the run's seed; only the random ones use it
 * @throws RobustAggError E_UNKNOWN_TOPOLOGY, E_UNKNOWN_PARAMETER, E_PARAMETER_RANGE, E_MISSING_PARAMETER, or
 *   E_TOPOLOGY when no such graph exists
 */
export function createTopology(spec: TopologySpec, n: number, seed: RngKey): Topology {
  const definition = byName.get(spec.name)
  if (definition === undefined) {
    const known = [...byName.keys()]
    const nearest = nearestName(spec.name, known)
    throw new RobustAggError(
      'E_UNKNOWN_TOPOLOGY',
      missingModule(spec.name, known) ?? `no topology is called '${spec.name}'.${hint(nearest, known)}`,
      { name: spec.name, nearest, known },
    )
  }
  const params = resolveParameters(`topology '${spec.name}'`, definition.params, spec.params)
  if (!Number.isInteger(n) || n < 1 || n > MAX_NODES) {
    throw topologyError(spec.name, n, `the number of nodes must be a whole number in 1 … ${MAX_NODES}.`)
  }
  if ((spec.name === 'custom') !== (spec.edges !== undefined)) {
    const problem = spec.name === 'custom' ? "needs 'edges'." : "takes no 'edges'; only 'custom' does."
    throw topologyError(spec.name, n, problem)
  }
  return definition.build(n, params, seed, spec.edges ?? [])
}

/** Every topology with its parameters. */
export function listTopologies(): readonly TopologyInfo[] {
  return [...byName.values()].map(({ name, meaning, params }) => ({ name, meaning, params }))
}
