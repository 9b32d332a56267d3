import type { Run } from '@tempered/protocol'
import { samplingRate, type Trainer } from '@tempered/train'
import { NodeError } from '../errors.js'
import type { Identity } from '../identity-file.js'
import type { LocalTraining } from '../round/local-training.js'
import { createManifestTraining, type EvaluationPlan } from '../round/manifest-training.js'
import { createNoiseSeed } from './noise-seed.js'
import { createPrivateUpdates } from './private-updates.js'

export interface MemberTrainingInit {
  readonly run: Run
  /** Its seed decides the noise. */
  readonly identity: Identity
  readonly evaluation: EvaluationPlan
  /** Number of the member's training samples. */
  readonly samples: number
}

/** Training of a member in an engine: with differential privacy where the manifest asks for it. */
export function createMemberTraining(trainer: Trainer, init: MemberTrainingInit): LocalTraining {
  const { run, identity, evaluation, samples } = init
  const { differentialPrivacy: privacy, training } = run.manifest
  if (privacy === undefined) return createManifestTraining(trainer, run.manifest, evaluation)
  const seedOf = createNoiseSeed(run, identity)
  if (privacy.on === 'update')
    return createPrivateUpdates(createManifestTraining(trainer, run.manifest, evaluation), privacy, seedOf)
  const { clip, noiseMultiplier } = privacy
  const noiseOf = (round: number, start: Float32Array) => ({
    clip,
    noiseMultiplier,
    seed: seedOf(round, start),
  })
  return {
    ...createManifestTraining(trainer, run.manifest, evaluation, noiseOf),
    samplingRate: samplingRate(training.batchSize, samples),
  }
}

/**
 * Training of a member in a process of its own, which can protect only whole updates. Throws NodeError
 * E_PRIVACY_UNSUPPORTED.
 */
export function createProcessTraining(
  trainer: Trainer,
  init: Omit<MemberTrainingInit, 'samples'>,
): LocalTraining {
  if (init.run.manifest.differentialPrivacy?.on === 'sample') {
    throw new NodeError(
      'E_PRIVACY_UNSUPPORTED',
      'this run clips the gradient of every sample (differentialPrivacy.on: sample), and a trainer process shows the node no gradients; ' +
        'train in the engine, or make a run that clips updates (on: update)',
    )
  }
  return createMemberTraining(trainer, { ...init, samples: 0 })
}
