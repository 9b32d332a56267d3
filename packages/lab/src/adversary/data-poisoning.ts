import type { DataAttack } from '@tempered/robust-agg/attacks'
import type { Rng } from '@tempered/robust-agg/rng'
import type { DataSource } from '@tempered/train'

type TrainingSet = DataSource['train']

/** Number of samples poisoned at a time, so that the float copies stay small. */
const CHUNK = 1000

/**
 * The training set after a data attack: changed labels, and changed images where the attack touches them (in [0, 1] for
 * the attack, clamped and stored as bytes again). The honest set is not modified.
 */
export function poisonTrainingSet(
  attack: DataAttack,
  train: TrainingSet,
  rng: Rng,
): Pick<TrainingSet, 'images' | 'labels'> {
  const { height, width, channels } = train.shape
  const pixels = height * width * channels
  const labels = train.labels.slice()
  let images = train.images
  for (let begin = 0; begin < labels.length; begin += CHUNK) {
    const end = Math.min(begin + CHUNK, labels.length)
    const bytes = train.images.subarray(begin * pixels, end * pixels)
    // A loop, because `Float32Array.from` with a function takes a second for the digits.
    const features = new Float32Array(bytes.length)
    for (let k = 0; k < bytes.length; k++) features[k] = bytes[k]! / 255
    const batch = {
      features,
      labels: labels.subarray(begin, end),
      height,
      width,
      channels,
      classes: train.classes,
    }
    const poisoned = attack.poisonSamples(batch, rng)
    labels.set(poisoned.labels, begin)
    if (poisoned.features === features) continue
    if (images === train.images) images = train.images.slice()
    const target = images.subarray(begin * pixels, end * pixels)
    for (let k = 0; k < target.length; k++) {
      target[k] = Math.min(255, Math.max(0, Math.round(255 * poisoned.features[k]!)))
    }
  }
  return { images, labels }
}
