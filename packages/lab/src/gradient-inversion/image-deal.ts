/** Which images of a data set each member trains on, and which nobody does. */

import { createRng } from '@tempered/robust-agg/rng'
import { type DataSource, type Dataset, inputArray, labelsOf, type Samples, volume } from '@tempered/train'
import { LabError } from '../errors.js'

/** Decoys per target at most: a chance level of 1 %. */
const MOST_DECOYS = 99
/** Images of the attacker's own, from which it learns what the model says on average. */
const OWN_IMAGES = 200

/** All images of a source, training before test. */
export interface Images extends Samples {
  readonly inputs: Uint8Array
  readonly targets: Uint8Array | Int32Array
  readonly classes: number
}

export interface ImageDeal {
  /** Numbers of the images of each member. */
  readonly members: readonly Uint32Array[]
  /** Of the attacker's own images. */
  readonly own: Uint32Array
  /** Of images that nobody trains on. */
  readonly unused: Uint32Array
}

/** @throws LabError E_CONFIG for a source that is no images of bytes with labels */
export function imagesOf({ train, test }: DataSource): Images {
  const [first, second] = [train, test].map((part) => bytesOf(part))
  const labels = [train, test].map(labelsOf) as [Uint8Array, Uint8Array]
  const inputs = new Uint8Array(first!.length + second!.length)
  inputs.set(first!)
  inputs.set(second!, first!.length)
  const targets = new Int32Array(train.count + test.count)
  targets.set(labels[0])
  targets.set(labels[1], train.count)
  return { count: targets.length, shape: train.shape, inputs, targets, classes: train.classes }
}

function bytesOf(part: Dataset): Uint8Array {
  const inputs = inputArray(part)
  if (inputs instanceof Uint8Array && part.shape.length === 3) return inputs
  throw new LabError(
    'E_CONFIG',
    `data set '${part.name}' holds no images; the attack shows images, so use some`,
  )
}

export interface ImageDealInit {
  /** Number of members, at least 1. */
  readonly members: number
  /** Images per member, at least 1. */
  readonly each: number
  /** Classes that a member has images of, from 1; members take turns in a random order. Default: all. */
  readonly classesEach?: number | undefined
  readonly seed: number
}

/**
 * Deals images at random, the same for the same seed.
 *
 * @throws LabError E_CONFIG for more images than there are, or a number of classes out of range
 */
export function dealImages(
  { count, targets, classes }: Pick<Images, 'count' | 'targets' | 'classes'>,
  { members, each, classesEach = classes, seed }: ImageDealInit,
): ImageDeal {
  const needed = members * each + OWN_IMAGES
  if (!Number.isInteger(classesEach) || classesEach < 1 || classesEach > classes)
    throw new LabError(
      'E_CONFIG',
      `members can have images of 1 to ${classes} classes, not of ${classesEach}; choose a whole number in that range`,
    )
  if (needed >= count)
    throw new LabError(
      'E_CONFIG',
      `${members} members with ${each} images each and ${OWN_IMAGES} of the attacker need ${needed} images and some as decoys, but there are ${count}; use fewer members or steps, or smaller batches`,
    )
  const rng = createRng(seed, 'gradient inversion', 'images')
  const order = rng.shuffle(Uint32Array.from({ length: count }, (_, k) => k))
  const own = order.slice(0, OWN_IMAGES)
  const left = new Set(order.subarray(OWN_IMAGES))
  const turns = rng.shuffle(Array.from({ length: classes }, (_, c) => c))
  const places = rng.shuffle(Array.from({ length: members }, (_, member) => member))
  const parts = Array.from({ length: members }, (_, member) => {
    const chosen = new Set(
      Array.from({ length: classesEach }, (_, k) => turns[(places[member]! * classesEach + k) % classes]),
    )
    const part: number[] = []
    for (const image of left) {
      if (part.length === each) break
      if (chosen.has(targets[image]!)) part.push(image)
    }
    if (part.length < each)
      throw new LabError(
        'E_CONFIG',
        `member ${member} needs ${each} images of ${classesEach} classes, and ${part.length} are left; use fewer members or steps, smaller batches, or more classes`,
      )
    for (const image of part) left.delete(image)
    return Uint32Array.from(part)
  })
  return { members: parts, own, unused: Uint32Array.from(left) }
}

/**
 * As many decoys of each class for every target of the class, at most 99, in the order of `unused`. Where a class has fewer unused
 * images than targets, every class gets that share of its targets, rounded down.
 *
 * @throws LabError E_CONFIG when no decoy is left
 */
export function decoysFor(
  { targets: labels, classes }: Pick<Images, 'targets' | 'classes'>,
  targets: Uint32Array,
  unused: Uint32Array,
): Uint32Array {
  const wanted = countsOf(labels, targets, classes)
  const there = countsOf(labels, unused, classes)
  const most = Array.from(wanted, (count, c) => (count === 0 ? MOST_DECOYS : there[c]! / count))
  const ratio = Math.min(MOST_DECOYS, ...most)
  const each = ratio < 1 ? ratio : Math.floor(ratio)
  // Numbers such as 0.9·10 are a little less than whole.
  const left = wanted.map((count) => Math.floor(each * count + 1e-9))
  const decoys = unused.filter((image) => left[labels[image]!]! > 0 && left[labels[image]!]!-- > 0)
  if (decoys.length === 0)
    throw new LabError(
      'E_CONFIG',
      `no images are left as decoys for ${targets.length} images that were trained on; use fewer members or steps, smaller batches, or more classes`,
    )
  return decoys
}

/** Number of these images in each class. */
export function countsOf(labels: ArrayLike<number>, images: Uint32Array, classes: number): Uint32Array {
  const counts = new Uint32Array(classes)
  for (const image of images) counts[labels[image]!]! += 1
  return counts
}

/** The bytes of an image. */
export function imageOf({ inputs, shape }: Images, image: number): Uint8Array {
  const size = volume(shape)
  return inputs.subarray(image * size, (image + 1) * size)
}
