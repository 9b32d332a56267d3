import { join } from 'node:path'
import { counted } from '@tempered/errors'
import { LIMITS, sha256 } from '@tempered/protocol'
import {
  type DataShare,
  type DataSource,
  makeFolder,
  type ProcessTrainer,
  type Samples,
  shareIndices,
  type TrainerService,
} from '@tempered/train'
import type { Clock } from './clock.js'
import { createMemberTraining, createProcessTraining } from './differential-privacy/member-training.js'
import type { Identity } from './identity-file.js'
import type { Logger } from './logger.js'
import { createNode } from './node.js'
import type { NodeEvents } from './node-events.js'
import type { NodeComponents, NodeInit } from './node-parts.js'
import { manifestInitialParameters } from './round/initial-model.js'
import type { LocalTraining } from './round/local-training.js'
import { createManifestTraining, type EvaluationPlan, manifestTask } from './round/manifest-training.js'
import type { ModelPublisher } from './round/publisher.js'
import type { TemperedNode } from './running-node.js'
import {
  commitToData,
  DATA_COMMITMENT_FILE,
  type DataDescription,
  describeData,
} from './state/data-commitment.js'

export interface LocalNodeComponents
  extends Pick<
    NodeComponents,
    'createNetwork' | 'wrapRule' | 'wrapChain' | 'failpoints' | 'privateDeviation'
  > {
  /** Trains for all nodes of this process. */
  readonly service: TrainerService
  readonly publisher: ModelPublisher
  readonly clock: Clock
  readonly logger: Logger
  /**
   * Replaces the training, for Byzantine or slow nodes in experiments. `openOn` opens training on other samples, without
   * differential privacy: who poisons data protects none.
   */
  wrapTraining?(
    training: LocalTraining,
    openOn: (samples: Samples) => Promise<LocalTraining>,
  ): Promise<LocalTraining>
}

/** A node whose data commitment is computed, and whose first model is drawn unless it is given. */
interface TrainingNodeInit extends Omit<NodeInit, 'initialParameters' | 'dataCommitment'> {
  /** Parameters with which the run begins, when they are not drawn from its seed. */
  readonly initialParameters?: Float32Array | undefined
}

export interface LocalNodeInit extends TrainingNodeInit {
  readonly source: DataSource
  /** Which samples of the source are this node's. */
  readonly share: DataShare
  readonly evaluation: EvaluationPlan
}

/**
 * A node that trains on a share of a local data source, as in `node start` and in local clusters. Throws DataError,
 * TrainError and what `createNode` throws.
 */
export async function openLocalNode(
  components: LocalNodeComponents,
  init: LocalNodeInit,
  events: NodeEvents = {},
): Promise<TemperedNode> {
  const { service, logger } = components
  const { source } = init
  const indices = shareIndices(source, init.share)
  logger.info({ component: 'data' }, samplesText(indices.length, source.train.name))
  const openOn = (samples: Samples, isPoisoned = true) =>
    openLocalTraining(service, { ...init, samples, indices, isPoisoned })
  const plain = await openOn(source.train, false)
  const training = (await components.wrapTraining?.(plain, openOn)) ?? plain
  const data = describeData(source.train.name, source.train.sha256, indices)
  return openTrainingNode(components, init, training, data, events)
}

export interface ProcessNodeInit extends TrainingNodeInit {
  readonly trainer: ProcessTrainer
  readonly evaluation: EvaluationPlan
}

/** A node whose training is done by a process of the user's own. Throws what `createNode` throws. */
export async function openProcessNode(
  components: Omit<LocalNodeComponents, 'service' | 'wrapTraining'>,
  init: ProcessNodeInit,
  events: NodeEvents = {},
): Promise<TemperedNode> {
  const { samples, description } = init.trainer.data
  components.logger.info({ component: 'data' }, samplesText(samples, 'the trainer process'))
  const training = createProcessTraining(init.trainer, init)
  const data: DataDescription = {
    source: 'trainer process',
    sourceSha256: Buffer.from(sha256(new TextEncoder().encode(description))).toString('hex'),
    samples,
    indicesSha256: describeData('', '', new Uint32Array(0)).indicesSha256,
  }
  return openTrainingNode(components, init, training, data, events)
}

function samplesText(samples: number, name: string): string {
  if (samples > 0) return `${counted(samples, 'training sample')} of ${name}`
  return `no training samples of ${name}: this node passes on what it aggregates and does not train`
}

async function openTrainingNode(
  components: Omit<LocalNodeComponents, 'service' | 'wrapTraining'>,
  init: TrainingNodeInit,
  training: LocalTraining,
  data: DataDescription,
  events: NodeEvents,
): Promise<TemperedNode> {
  const initialParameters = init.initialParameters ?? manifestInitialParameters(init.run.manifest)
  await makeFolder(init.stateFolder)
  const dataCommitment = await commitToData(join(init.stateFolder, DATA_COMMITMENT_FILE), data)
  return createNode({ ...components, training }, { ...init, initialParameters, dataCommitment }, events)
}

export interface LocalTrainingInit extends Pick<LocalNodeInit, 'run' | 'source' | 'evaluation'> {
  /** Training samples, as many as the source has: its own, or poisoned ones. */
  readonly samples: Samples
  /** Of the node; with the run's seed its peer id decides the order of its samples, and its own seed the noise. */
  readonly identity: Identity
  /** Its training samples. */
  readonly indices: Uint32Array
  /** Trains an attacker, without differential privacy. Default: false. */
  readonly isPoisoned?: boolean
}

/** What decides the sample order of a member that is not in the manifest: not the same as that of any who is. */
function newcomerIndex(peer: string): number {
  const digest = sha256(new TextEncoder().encode(peer))
  return LIMITS.maxMembers + (new DataView(digest.buffer, digest.byteOffset).getUint32(0) >>> 2)
}

/** Training of one member on samples of a source. Throws DataError, TrainError. */
export async function openLocalTraining(
  service: TrainerService,
  init: LocalTrainingInit,
): Promise<LocalTraining> {
  const { run, source, indices, identity, evaluation, isPoisoned = false } = init
  const { manifest } = run
  const { test } = source
  const trainer = await service.open({
    task: manifestTask(manifest).task,
    train: { ...init.samples, indices },
    test,
    nodeId: run.memberIndex.get(identity.signer.peerId) ?? newcomerIndex(identity.signer.peerId),
    seed: manifest.seed,
  })
  if (isPoisoned) return createManifestTraining(trainer, manifest, evaluation)
  return createMemberTraining(trainer, { run, identity, evaluation, samples: indices.length })
}
