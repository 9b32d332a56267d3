/**
 * Attacks on the samples: noise on the features, and a backdoor trigger.
 *
 *   feature-noise: x ← clip(x + N(0, s²), 0, 1)
 *   backdoor: on a share of the samples a patch of `size` × `size` pixels in the lower right corner is set to 1, and
 *             the label to `target`; send the trained model through `model-replacement`
 *
 * Symbols: s > 0 standard deviation; share ∈ [0, 1] of the samples, drawn from the rng.
 * Cost: O(samples·features).
 * Source: backdoor: Gu, Dolan-Gavitt, Garg, "BadNets", 2017, arXiv 1708.06733 (patch and target label).
 * Deviations: none.
 */

import { RobustAggError } from '../errors.js'
import { parameter } from '../parameters.js'
import type { DataAttackDefinition, SampleBatch } from './types.js'

export const featureNoise: DataAttackDefinition = {
  info: {
    name: 'feature-noise',
    kind: 'data',
    knowledge: 'own',
    formula: 'x ← clip(x + N(0, s²), 0, 1)',
    params: [
      parameter({
        name: 'stdDev',
        default: 1,
        min: 0,
        max: 1e6,
        aboveMin: true,
        meaning: 'standard deviation s',
      }),
    ],
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'a common baseline',
  },
  build: ({ stdDev }) => ({
    samples: (batch, rng) => ({
      ...batch,
      labels: batch.labels.slice(),
      features: batch.features.map((value) => Math.max(0, Math.min(1, value + stdDev * rng.normal()))),
    }),
  }),
}

/** Sets the patch in sample i of the features, in place. */
function stamp(batch: SampleBatch, features: Float32Array, i: number, size: number): void {
  const { height, width, channels } = batch
  const at = i * height * width * channels
  for (let row = Math.max(0, height - size); row < height; row++) {
    const from = at + (row * width + Math.max(0, width - size)) * channels
    features.fill(1, from, at + (row + 1) * width * channels)
  }
}

/** Every sample with the trigger and its true label: the success of the attack is measured on these. */
export function withTrigger(batch: SampleBatch, size: number): SampleBatch {
  const features = batch.features.slice()
  for (let i = 0; i < batch.labels.length; i++) stamp(batch, features, i, size)
  return { ...batch, features, labels: batch.labels.slice() }
}

export const backdoor: DataAttackDefinition = {
  info: {
    name: 'backdoor',
    kind: 'data',
    knowledge: 'own',
    formula: 'a patch of ones in the lower right corner, label ← target, on a share of the samples',
    params: [
      parameter({
        name: 'target',
        default: 0,
        min: 0,
        max: 255,
        integer: true,
        meaning: 'label of triggered samples',
      }),
      parameter({
        name: 'size',
        default: 3,
        min: 1,
        max: 1024,
        integer: true,
        meaning: 'side of the patch in pixels',
      }),
      parameter({ name: 'share', default: 0.5, min: 0, max: 1, meaning: 'share of the samples' }),
    ],
    needs: [],
    uses: [],
    withoutHonest: null,
    source: 'Gu et al. 2017, arXiv 1708.06733; Bagdasaryan et al., AISTATS 2020, arXiv 1807.00459',
  },
  build: ({ target, size, share }) => ({
    samples: (batch, rng) => {
      if (target >= batch.classes) {
        const message = `attack 'backdoor': target ${target} is not below ${batch.classes}, the number of classes.`
        throw new RobustAggError('E_LABEL_RANGE', message, {
          index: -1,
          label: target,
          classes: batch.classes,
        })
      }
      const features = batch.features.slice()
      const labels = batch.labels.slice()
      const order = rng.shuffle(Array.from({ length: labels.length }, (_, i) => i))
      for (const i of order.slice(0, Math.round(share * labels.length))) {
        stamp(batch, features, i, size)
        labels[i] = target
      }
      return { ...batch, features, labels }
    },
  }),
}
