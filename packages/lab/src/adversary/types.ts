import type { Clock, LocalNodeComponents, ModelPublisher, NodeComponents, RunTopology } from '@tempered/node'
import type { Manifest } from '@tempered/protocol'
import type { DataSource } from '@tempered/train'
import type { HonestModels } from './honest-models.js'
import type { PlannedAttack } from './planned-attack.js'

/** The parts of a node that an attacker replaces: training, publisher, network, rule or chain. */
export interface Adversary
  extends Pick<NodeComponents, 'createNetwork' | 'wrapRule' | 'wrapChain' | 'privateDeviation'>,
    Pick<LocalNodeComponents, 'wrapTraining'> {
  readonly publisher: ModelPublisher
}

export interface AdversaryInit {
  readonly node: { readonly index: number; readonly attack: PlannedAttack | undefined }
  readonly manifest: Manifest
  /** Parameters with which the run begins, when they are not drawn from its seed. */
  readonly initialParameters?: Float32Array | undefined
  readonly topology: RunTopology
  /** Indices of the honest nodes of the cluster. */
  readonly honest: readonly number[]
  readonly models: HonestModels
  readonly clock: Clock
  /** The honest training set; undefined where only a process of the user's own has it. */
  readonly train: DataSource['train'] | undefined
}

/** Crafts what an attacker sends in a round; `recipient` numbers the models of an equivocator. */
export type Crafter = (
  round: number,
  trained: Float32Array,
  start: Float32Array,
  recipient: number,
) => Promise<Float32Array>
