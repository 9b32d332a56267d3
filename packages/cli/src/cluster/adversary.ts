import { type Clock, type ModelPublisher, plainPublisher } from '@tempered/node'
import type { Manifest } from '@tempered/protocol'
import { createAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import type { HonestModels } from './honest-models.js'
import type { HostedNode } from './host-messages.js'

/** What makes a node of a cluster an attacker: other labels to train on, or another publisher. */
export interface Adversary {
  readonly publisher: ModelPublisher
  /** The labels it trains on. */
  labels(honest: Uint8Array, classes: number): Uint8Array
}

export interface AdversaryInit {
  readonly node: HostedNode
  readonly manifest: Manifest
  /** Indices of the honest nodes of the cluster, and of those among them that are this node's neighbours. */
  readonly honest: readonly number[]
  readonly honestNeighbours: readonly number[]
  readonly models: HonestModels
  readonly clock: Clock
}

/** An honest node's part in the play: its own labels, its own model. */
const honest: Adversary = { publisher: plainPublisher, labels: (labels) => labels }

export function createAdversary(init: AdversaryInit): Adversary {
  const { node, manifest } = init
  if (node.attack === undefined) return honest
  const attack = createAttack(node.attack.name, node.attack.params)
  if (attack.kind === 'data') {
    return { publisher: plainPublisher, labels: (labels, classes) => attack.poisonLabels(labels, classes) }
  }
  const seen =
    attack.knowledge === 'all' ? init.honest : attack.knowledge === 'neighbours' ? init.honestNeighbours : []
  return {
    labels: honest.labels,
    publisher: {
      async prepare(round, trained, start) {
        return attack.craft({
          own: trained,
          start,
          honest: await init.models.collect(round, seen, manifest.deadlines.collectMs / 2),
          round,
          rounds: manifest.training.rounds,
          rng: createRng(manifest.seed, 'attack', node.index, round),
        })
      },
    },
  }
}
