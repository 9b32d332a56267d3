import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from './clock.js'
import { commitToData, DATA_COMMITMENT_FILE, describeData } from './data/data-commitment.js'
import type { DataSource } from './data/dataset.js'
import { type DataShare, shareIndices } from './data/node-data.js'
import type { Logger } from './logger.js'
import { createNode, type NodeComponents, type NodeInit } from './node.js'
import type { LocalTraining } from './round/local-training.js'
import type { ModelPublisher } from './round/publisher.js'
import type { NodeEvents, TemperedNode } from './running-node.js'
import {
  createManifestTraining,
  type EvaluationPlan,
  manifestInitialParameters,
} from './train/manifest-training.js'
import type { ModelName } from './train/models.js'
import type { Samples } from './train/trainer.js'
import type { TrainerService } from './train/trainer-service.js'

export interface LocalNodeComponents
  extends Pick<NodeComponents, 'createNetwork' | 'wrapRule' | 'failpoints'> {
  /** Trains for all nodes of this process. */
  readonly service: TrainerService
  readonly publisher: ModelPublisher
  readonly clock: Clock
  readonly logger: Logger
  /** Trains otherwise: for nodes that cheat or are slow, in experiments. `openOn` opens training on other samples. */
  wrapTraining?(
    training: LocalTraining,
    openOn: (samples: Samples) => Promise<LocalTraining>,
  ): Promise<LocalTraining>
}

export interface LocalNodeInit extends Omit<NodeInit, 'initialParameters' | 'dataCommitment'> {
  readonly source: DataSource
  /** Which samples of the source are this node's. */
  readonly share: DataShare
  readonly evaluation: EvaluationPlan
}

/**
 * A node that trains on a share of a local data source: what `node start` and every node of a local cluster run.
 * Throws DataError, TrainError and what `createNode` throws.
 */
export async function openLocalNode(
  components: LocalNodeComponents,
  init: LocalNodeInit,
  events: NodeEvents = {},
): Promise<TemperedNode> {
  const { service, logger } = components
  const { run, source } = init
  const indices = shareIndices(source, init.share)
  logger.info({ component: 'data' }, `${indices.length} training samples of ${source.train.name}`)
  const openOn = (samples: Samples) =>
    openLocalTraining(service, { ...init, samples, indices, peer: init.identity.signer.peerId })
  const plain = await openOn(source.train)
  const training = (await components.wrapTraining?.(plain, openOn)) ?? plain
  const initialParameters = manifestInitialParameters(run.manifest)
  await mkdir(init.stateFolder, { recursive: true })
  const dataCommitment = await commitToData(
    join(init.stateFolder, DATA_COMMITMENT_FILE),
    describeData(source.train.name, source.train.sha256, indices),
  )
  return createNode({ ...components, training }, { ...init, initialParameters, dataCommitment }, events)
}

export interface LocalTrainingInit extends Pick<LocalNodeInit, 'run' | 'source' | 'evaluation'> {
  /** Images and labels to train on, as many as the source has: its own, or altered ones. */
  readonly samples: Samples
  /** The node's peer id; with the run's seed it decides the order of its samples. */
  readonly peer: string
  /** Its training samples. */
  readonly indices: Uint32Array
}

/** Training of one member on samples of a source. Throws DataError, TrainError. */
export async function openLocalTraining(
  service: TrainerService,
  init: LocalTrainingInit,
): Promise<LocalTraining> {
  const { run, source, indices } = init
  const { manifest } = run
  const { train, test } = source
  const trainer = await service.open({
    model: manifest.model.name as ModelName,
    inputShape: train.shape,
    classes: manifest.model.classes,
    train: { images: init.samples.images, labels: init.samples.labels, indices },
    test: { images: test.images, labels: test.labels },
    // A stranger to the run is refused by createNode, which says why.
    nodeId: run.memberIndex.get(init.peer) ?? -1,
    seed: manifest.seed,
  })
  return createManifestTraining(trainer, manifest, init.evaluation)
}
