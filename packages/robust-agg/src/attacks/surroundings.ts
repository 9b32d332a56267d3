/** The part of an attack's view that follows from the topology: weights, Fiedler vector, recipients. */

import { type Topology, topologyError } from '../topology/graph.js'
import { type MixingWeights, metropolisWeights } from '../topology/mixing.js'
import { fiedlerVector } from '../topology/structure.js'
import type { AttackVictim } from './types.js'

export interface SurroundingsInit {
  readonly topology: Topology
  /** The attackers; all other nodes are honest. */
  readonly byzantine: readonly number[]
  /** Mixing weights of each node; default: `metropolisWeights`. */
  readonly mixing?: readonly MixingWeights[] | undefined
}

/** One attacker's view of one victim. */
export interface VictimView {
  readonly attacker: number
  /** An honest neighbour of the attacker. */
  readonly victim: number
  /** The honest nodes whose models are in `AttackView.honest`, in that order. */
  readonly seen: readonly number[]
  /** The victim's model of this round and, for attacks that need it, what it sent last round. */
  readonly model: Float32Array
  readonly lastModel?: Float32Array | undefined
}

/** Fields of `AttackView`. */
export interface SurroundingView {
  readonly victim: AttackVictim
  /** The victim's index in `victims(attacker)`. */
  readonly recipient: number
  /** One entry for each of `seen`. */
  readonly fiedler: Float64Array
}

export interface AttackSurroundings {
  /** All honest nodes, ascending. */
  readonly honest: readonly number[]
  /** The honest neighbours of an attacker, ascending: the nodes it can send to. */
  victims(attacker: number): readonly number[]
  /**
   * The part of the view about the receiver of the model: spread it into an `AttackView`.
   *
   * @throws RobustAggError E_TOPOLOGY when the victim is not an honest neighbour of the attacker, or one of `seen` is
   *   not honest
   */
  viewOf(of: VictimView): SurroundingView
}

/** O(h³) for h honest nodes, once, at the first view. */
export function createSurroundings({ topology, byzantine, mixing }: SurroundingsInit): AttackSurroundings {
  const attackers = new Set(byzantine)
  const honest = Array.from({ length: topology.n }, (_, i) => i).filter((i) => !attackers.has(i))
  const place = new Map(honest.map((node, at) => [node, at]))
  const weights = mixing ?? metropolisWeights(topology)
  let vector: Float64Array | undefined
  const fiedlerOf = (node: number): number => {
    const at = place.get(node)
    if (at === undefined) throw topologyError(topology.name, topology.n, `node ${node} is not an honest one.`)
    vector ??= fiedlerVector(topology, honest)
    return vector[at] ?? 0
  }
  const victims = (attacker: number): number[] =>
    topology.neighbours(attacker).filter((node) => place.has(node))
  return {
    honest,
    victims,
    viewOf: ({ attacker, victim, seen, model, lastModel }) => {
      const recipient = victims(attacker).indexOf(victim)
      if (recipient < 0 || !attackers.has(attacker)) {
        const problem = `node ${victim} is not an honest neighbour of an attacker ${attacker}.`
        throw topologyError(topology.name, topology.n, problem)
      }
      const neighbours = topology.neighbours(victim)
      const weightOf = (node: number): number => weights[victim].neighbours[neighbours.indexOf(node)] ?? 0
      return {
        recipient,
        fiedler: Float64Array.from(seen, fiedlerOf),
        victim: {
          model,
          lastModel,
          fiedler: fiedlerOf(victim),
          honestWeights: Float64Array.from(seen, (node) => (node === victim ? 0 : weightOf(node))),
          attackerWeight: neighbours.reduce(
            (sum, node) => sum + (attackers.has(node) ? weightOf(node) : 0),
            0,
          ),
        },
      }
    },
  }
}
