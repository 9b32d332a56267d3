import { type Clock, type DataSource, type ModelPublisher, plainPublisher } from '@tempered/node'
import type { Manifest } from '@tempered/protocol'
import { createAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import { poisonTrainingSet } from './data-poisoning.js'
import type { HonestModels } from './honest-models.js'
import type { HostedNode } from './host-messages.js'

type TrainingSet = DataSource['train']

/** What makes a node of a cluster an attacker: other samples to train on, or another publisher. */
export interface Adversary {
  readonly publisher: ModelPublisher
  /** The images and labels it trains on. */
  samples(honest: TrainingSet): Pick<TrainingSet, 'images' | 'labels'>
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

/** An honest node's part in the play: its own data, its own model. */
const honest: Adversary = { publisher: plainPublisher, samples: (train) => train }

export function createAdversary(init: AdversaryInit): Adversary {
  const { node, manifest } = init
  if (node.attack === undefined) return honest
  const attack = createAttack(node.attack.name, node.attack.params)
  if (attack.kind === 'data') {
    const rng = createRng(manifest.seed, 'attack', node.index)
    return { publisher: plainPublisher, samples: (train) => poisonTrainingSet(attack, train, rng) }
  }
  const seen =
    attack.knowledge === 'all' ? init.honest : attack.knowledge === 'neighbours' ? init.honestNeighbours : []
  return {
    samples: honest.samples,
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
