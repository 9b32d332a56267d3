import {
  allocateModel,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type Signer,
  signAnnouncement,
} from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import type { Opinion } from '../aggregate/pipeline.js'
import type { BlobStore } from '../blobs/store.js'
import { NodeError } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Ledger } from '../ledger/ledger.js'
import type { ModelPublisher } from './publisher.js'

/** Stores a trained model, signs its announcement and records it, before anyone else can see either. */
export interface ModelSealing {
  /**
   * @param start - the model that the round's training began with
   * @param opinions - what the rule said about each neighbour in the last round; undefined when it said nothing
   * @returns the recorded announcement; undefined when the node was stopped before it was signed
   */
  seal(
    round: number,
    trained: ModelBuffer,
    start: ModelBuffer,
    opinions: readonly Opinion[] | undefined,
  ): Promise<SignedAnnouncement | undefined>
}

export interface ModelSealingComponents {
  readonly run: Run
  readonly signer: Signer
  readonly publisher: ModelPublisher
  readonly ledger: Ledger
  readonly blobs: BlobStore
  readonly failpoints: Failpoints
}

export function createModelSealing(
  { run, signer, publisher, ledger, blobs, failpoints }: ModelSealingComponents,
  isStopped: () => boolean,
): ModelSealing {
  return {
    async seal(round, trained, start, opinions) {
      const parameters = await publisher.prepare(round, trained.parameters, start.parameters)
      const model =
        parameters === trained.parameters ? trained : wrap(parameters, run.manifest.model.parameterCount)
      await failpoints.hit('model.before-store')
      const cid = await blobs.put(model.bytes)
      if (isStopped()) return undefined
      const signed = signAnnouncement(
        {
          run: run.id,
          round,
          model: CID.parse(cid),
          byteLength: run.modelBytes,
          parent: ledger.head,
          norm: l2Norm(model.parameters),
          opinions: opinions === undefined ? null : [...opinions],
        },
        signer,
      )
      await failpoints.hit('announcement.before-record')
      await ledger.recordAnnouncement(signed)
      await failpoints.hit('announcement.after-record')
      return signed
    },
  }
}

function wrap(parameters: Float32Array, parameterCount: number): ModelBuffer {
  if (parameters.length !== parameterCount) {
    throw new NodeError(
      'E_STATE_CORRUPT',
      `the publisher returned ${parameters.length} parameters; the run's model has ${parameterCount}`,
    )
  }
  const model = allocateModel(parameters.length)
  model.parameters.set(parameters)
  return model
}

/** L2 norm in float64; the largest finite number when it overflows. */
function l2Norm(vector: Float32Array): number {
  let sum = 0
  for (let k = 0; k < vector.length; k++) sum += vector[k]! * vector[k]!
  const norm = Math.sqrt(sum)
  return Number.isFinite(norm) ? norm : Number.MAX_VALUE
}
