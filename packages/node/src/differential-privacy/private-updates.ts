import type { DifferentialPrivacy } from '@tempered/protocol'
import { addNoise, SecretStream } from '@tempered/secagg'
import type { LocalTraining } from '../round/local-training.js'
import type { NoiseSeed } from './noise-seed.js'

/**
 * Training whose update, the trained model minus the model that it began with, is clipped and noised before anything else
 * sees it:
 *
 *   u ← u·min(1, C/‖u‖₂) + N(0, (σ·C/√m)²) per parameter
 *
 * Symbols: C the clip, σ the noise multiplier, m the number of nodes that share the noise. Works with every trainer.
 */
export function createPrivateUpdates(
  training: LocalTraining,
  { clip, noiseMultiplier, sharedAmong = 1 }: DifferentialPrivacy,
  seedOf: NoiseSeed,
): LocalTraining {
  const noise = { clip, noiseMultiplier: noiseMultiplier / Math.sqrt(sharedAmong) }
  return {
    ...training,
    samplingRate: 1,
    async train(round, parameters) {
      const start = parameters.slice()
      const result = await training.train(round, parameters)
      const stream = new SecretStream(seedOf(round, start, parameters), 'noise of an update')
      addNoise(start, parameters, noise, stream)
      return result
    },
  }
}
