import { createRule, type Rule } from '@tempered/robust-agg'
import { createAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import {
  createTopology,
  lazyWeights,
  type MixingWeights,
  metropolisWeights,
  type Topology,
  uniformWeights,
} from '@tempered/robust-agg/topology'
import { LabError } from '../errors.js'
import { callText } from '../text/call-text.js'
import { type AveragingRound, type Pull, runAveraging } from './averaging.js'
import type { Consensus, ConsensusAttack, ConsensusRule, ConsensusTopology } from './averaging-schema.js'

/** One run of a consensus file, named as tables show it. */
export interface ConsensusCase {
  readonly rule: string
  readonly attack: string
  readonly topology: string
  readonly seed: number
  run(): AveragingRound[]
}

const MIXINGS = { uniform: uniformWeights, metropolis: metropolisWeights, lazy: lazyWeights }

/**
 * Every rule × attack × topology × seed. Inconsistent settings are found here, before anything runs. Throws E_CONFIG,
 * RobustAggError.
 */
export function casesOf(consensus: Consensus): ConsensusCase[] {
  const { topologies, attacks, rules, seeds, rounds } = consensus
  const late = consensus.after.find((round) => round > rounds)
  if (late !== undefined) throw wrong('after', `round ${late} is after the last round, ${rounds}`)
  return topologies.flatMap((entry) =>
    seeds.flatMap((seed) => {
      const topology = topologyOf(entry, seed)
      const mixing = mixingOf(entry, topology, consensus.mixing)
      const start = startOf(consensus, entry, seed)
      return attacks.flatMap((attack) =>
        rules.map((spec) => {
          const pull = pullOf(attack, entry)
          const rule = ruleOf(spec, topology, mixing, entry.honest)
          return {
            rule: labelOf(spec),
            attack: labelOf(attack),
            topology: entry.label ?? labelOf(entry),
            seed,
            run: () =>
              runAveraging({ topology, mixing, start, rule, pull, oracle: spec.oracle, rounds, seed }),
          }
        }),
      )
    }),
  )
}

function topologyOf({ name, params, edges, nodes, honest }: ConsensusTopology, seed: number): Topology {
  if (honest > nodes) throw wrong('topologies', `${honest} of ${nodes} nodes cannot be honest`)
  return createTopology({ name, params, edges }, nodes, seed)
}

function mixingOf(
  { edges, weights, label = 'custom' }: ConsensusTopology,
  topology: Topology,
  mixing: Consensus['mixing'],
): readonly MixingWeights[] {
  if (weights === undefined) return MIXINGS[mixing](topology)
  if (edges === undefined || weights.length !== edges.length)
    throw wrong('topologies', `'${label}' has ${weights.length} weights for ${edges?.length ?? 0} edges`)
  const weightOf = (a: number, b: number): number =>
    weights[edges.findIndex(([p, q]) => (p === a && q === b) || (p === b && q === a))]!
  return Array.from({ length: topology.n }, (_, i) => {
    const neighbours = Float64Array.from(topology.neighbours(i), (j) => weightOf(i, j))
    const own = neighbours.reduce((left, weight) => left - weight, 1)
    if (own < 0) throw wrong('topologies', `the weights of '${label}' at node ${i} sum to more than 1`)
    return { own, neighbours }
  })
}

function startOf({ start }: Consensus, { honest }: ConsensusTopology, seed: number): Float32Array[] {
  if (start.kind === 'values') {
    if (start.values.length !== honest)
      throw wrong('start.values', `has ${start.values.length} numbers for ${honest} honest nodes`)
    return start.values.map((value) => Float32Array.of(value))
  }
  return Array.from({ length: honest }, (_, node) => {
    const rng = createRng(seed, 'averaging', node)
    const [centre, deviation] =
      start.kind === 'normal' ? [start.mean, 1] : [node < honest / 2 ? -1 : 1, start.deviation]
    return Float32Array.from({ length: start.dimension }, () => centre + deviation * rng.normal())
  })
}

function pullOf({ name, params, values }: ConsensusAttack, { nodes, honest }: ConsensusTopology): Pull {
  if (name === 'none') return { kind: 'none' }
  if (name === 'constant') {
    if (values?.length !== nodes - honest)
      throw wrong('attacks', `constant has ${values?.length ?? 0} values for ${nodes - honest} attackers`)
    return { kind: 'constant', values }
  }
  const create = () => {
    const attack = createAttack(name, params)
    if (attack.kind !== 'model')
      throw wrong('attacks', `${name} poisons training data, and an averaging task has none`)
    return attack
  }
  create()
  return { kind: 'attack', create }
}

function ruleOf(
  { name, params, pre }: ConsensusRule,
  topology: Topology,
  mixing: readonly MixingWeights[],
  honest: number,
): Rule {
  const rule = createRule(name, params, { pre })
  for (let node = 0; node < honest; node++)
    rule.checkNeighbourhood(topology.neighbours(node).length, mixing[node]!.neighbours)
  return rule
}

function labelOf(entry: {
  readonly label?: string | undefined
  readonly name: string
  readonly params: Readonly<Record<string, number>>
}): string {
  return entry.label ?? callText(entry)
}

function wrong(path: string, what: string): LabError {
  return new LabError('E_CONFIG', `${path}: ${what}`)
}
