import type { DataAttack } from '@tempered/robust-agg/attacks'
import type { Rng } from '@tempered/robust-agg/rng'
import { type Dataset, hasLabels, inMemory, labelsOf, type Samples } from '@tempered/train'
import { LabError } from '../errors.js'

/** Number of samples poisoned at a time, so that the float copies stay small. */
const CHUNK = 1000

/**
 * The training set after a data attack: changed labels, and changed images where the attack changes them (in [0, 1] for
 * the attack, clamped and stored as bytes again). The honest set is not modified.
 */
export function poisonTrainingSet(attack: DataAttack, train: Dataset, rng: Rng): Samples {
  const { count, shape } = train
  const problem = dataProblem(attack, train)
  if (problem !== undefined) throw new LabError('E_CONFIG', problem)
  if (!attack.touchesImages) {
    const targets = attack.poisonLabels(labelsOf(train), train.classes)
    return { count, shape, inputs: train.inputs, targets }
  }
  const original = train.inputs as Uint8Array
  const [height, width, channels] = shape as readonly [number, number, number]
  const pixels = height * width * channels
  const labels = labelsOf(train).slice()
  let images = original
  for (let begin = 0; begin < labels.length; begin += CHUNK) {
    const end = Math.min(begin + CHUNK, labels.length)
    const bytes = original.subarray(begin * pixels, end * pixels)
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
    if (images === original) images = original.slice()
    const target = images.subarray(begin * pixels, end * pixels)
    for (let k = 0; k < target.length; k++) {
      target[k] = Math.min(255, Math.max(0, Math.round(255 * poisoned.features[k]!)))
    }
  }
  return { count, shape, inputs: images, targets: labels }
}

/** Why an attack cannot poison a training set; undefined when it can. */
export function dataProblem(attack: DataAttack, train: Dataset): string | undefined {
  const needed = !hasLabels(train) ? 'class labels' : attack.touchesImages ? imagesNeeded(train) : undefined
  if (needed === undefined) return undefined
  return `attack '${attack.name}' needs data with ${needed}, which ${train.name} does not have`
}

function imagesNeeded({ inputs, shape }: Dataset): string | undefined {
  if (inputs instanceof Uint8Array && shape.length === 3) return undefined
  return inMemory(inputs) || inputs.type !== 'uint8'
    ? 'images'
    : 'images in memory (raise data.memory or TEMPERED_DATA_MEMORY)'
}
