/**
 * What a curious member makes of another one's round, without and with privacy. All members begin a round with the same model and
 * train on images of their own. The attacker sees one of three things:
 *
 * - `update`: the victim's trained model, as announced in runs without privacy;
 * - `shares`: with privacy, what t members that work together hold of the victim: their t shares and the opened distances;
 * - `sum`: with privacy, the opened sum, of which they subtract their own models.
 *
 * Distances are open to every member. What they say by themselves is measured too: how many labels the nearest two members share.
 *
 * From each view it computes a gradient (mean-gradient.ts), labels (label-recovery.ts) and images (input-recovery.ts).
 */

import { dealingPlan, pairsOf, requireAgreement } from '@tempered/secagg'
import {
  classNamesOf,
  imageTask,
  initialTaskParameters,
  inputsOf,
  type OpenTask,
  openPredictor,
  type Samples,
  type TrainerService,
} from '@tempered/train'
import { denseGradient, firstDense, lastDense } from './dense-gradient.js'
import { countsOf, dealImages, decoysFor, type ImageDeal, type Images, imageOf } from './image-deal.js'
import { recoverInputs } from './input-recovery.js'
import { recoverLabelCounts, wholeCounts } from './label-recovery.js'
import { blindLabelAccuracy, labelAccuracy, type MatchScore, matchScore } from './match-score.js'
import { type LocalTraining, meanGradient } from './mean-gradient.js'
import { type PrivateRound, playPrivateRound } from './private-round.js'
import { product, standardised } from './similarity.js'

/** Models whose first and last layers the attack can read. */
export const INVERTIBLE = ['softmax', 'mlp'] as const
export type InvertibleModel = (typeof INVERTIBLE)[number]

/** What is seen of the victim. */
export const VIEWS = ['update', 'shares', 'sum'] as const
export type View = (typeof VIEWS)[number]

export interface InversionInit {
  readonly images: Images
  readonly service: Pick<TrainerService, 'open'>
  readonly model: InvertibleModel
  /** Each member has steps·batchSize images and trains on each of them once. */
  readonly training: LocalTraining
  /** Classes that each member has images of. Default: all. */
  readonly classesEach?: number | undefined
  /** Minibatch steps on the images of all members together that the model has behind it; 0 for initial parameters. */
  readonly warmUp: number
  /** n. */
  readonly members: number
  /** t, and the number of members that work together. */
  readonly threshold: number
  /** R of the private round. */
  readonly range: number
  readonly seed: number
}

/** How well labels and images were recovered. */
export interface Recovery extends MatchScore {
  /** Share of labels that are right. */
  readonly labels: number
  /** The same of a blind guess. */
  readonly labelChance: number
}

export interface Inversion {
  readonly model: InvertibleModel
  readonly steps: number
  readonly batchSize: number
  readonly warmUp: number
  readonly seed: number
  /** About the victim, by what is seen. */
  readonly victim: Readonly<Record<View, Recovery>>
  /** About all members but those that work together, from the sum: whose an image is, the sum does not say. */
  readonly group: Recovery
  readonly nearestPair: NearestPair
  /** Members whose model was beyond the range and was shortened. */
  readonly shortened: number
  /** Images of the victim, and beside each the reconstruction that is most like it, by what is seen. */
  readonly pictures: readonly InversionPicture[]
}

/** What the opened distances say about who has the same labels. */
export interface NearestPair {
  /** Share of labels that the two members at the smallest opened distance have in common, whichever images they belong to. */
  readonly labels: number
  /** The mean of it over all pairs: that of a pair drawn at random. */
  readonly labelChance: number
}

export interface InversionPicture {
  readonly image: Uint8Array
  /** Undefined where nothing was reconstructed. */
  readonly closest: Readonly<Record<View, Float64Array | undefined>>
}

/** Columns of a picture. */
const MOST_PICTURES = 16
const VICTIM = 0

/**
 * Plays one round and attacks it; the same for the same arguments.
 *
 * @throws LabError E_CONFIG when there are too few images; SecaggError E_SHARING_PARAMS for a threshold that does not fit the
 * members; TrainError E_TRAIN_REQUEST
 */
export async function invertRound(init: InversionInit): Promise<Inversion> {
  const { images, model, training, members, threshold, range, seed, warmUp, classesEach } = init
  const { steps, batchSize } = training
  const each = steps * batchSize
  const task = imageTask(model, images)
  const { parameterCount } = task
  // Before anything is trained, so that a wrong threshold is reported at once.
  const plan = dealingPlan({ members, threshold, parameterCount, range })
  requireAgreement(plan.scheme)
  const deal = dealImages(images, { members, each, classesEach, seed })
  const initial = initialTaskParameters(task, seed)
  const all = Uint32Array.from(deal.members.flatMap((part) => [...part]))
  const start =
    warmUp === 0 ? initial : await trained(init, task, 'warm-up', all, initial, { ...WARM_UP, steps: warmUp })
  const models: Float32Array[] = []
  for (const [member, indices] of deal.members.entries())
    models.push(await trained(init, task, member, indices, start, training))
  const round = playPrivateRound({ models, reference: initial, plan, seed })
  const colluders = Array.from({ length: threshold }, (_, k) => members - 1 - k)
  const honest = members - threshold
  const seen: Record<View, ArrayLike<number>> = {
    update: models[VICTIM] as Float32Array,
    shares: fromShares(round, start, colluders),
    sum: fromSum(round, models, colluders),
  }
  const attack = createAttack(task, init, start, deal)
  const found = {
    update: await attack(seen.update, each),
    shares: await attack(seen.shares, each),
    sum: await attack(seen.sum, honest * each),
  }
  const targets = deal.members[VICTIM] as Uint32Array
  const score = scoring(images, deal)
  return {
    model,
    steps,
    batchSize,
    warmUp,
    seed,
    victim: {
      update: score(targets, found.update),
      shares: score(targets, found.shares),
      sum: score(targets, { ...found.sum, counts: wholeCounts([...found.sum.counts], each) }),
    },
    group: score(all.slice(0, honest * each), found.sum),
    nearestPair: nearestPairOf(images, deal, round),
    shortened: round.shortened.length,
    pictures: picturesOf(images, targets, found),
  }
}

/** As runs train by default. */
const WARM_UP = { batchSize: 32, learningRate: 0.05, momentum: 0.9 } as const

async function trained(
  { images, service, seed }: InversionInit,
  { task, parameterCount }: OpenTask,
  nodeId: string | number,
  indices: Uint32Array,
  start: Float32Array,
  { steps, batchSize, learningRate, momentum }: LocalTraining,
): Promise<Float32Array> {
  const trainer = await service.open({ task, train: { ...images, indices }, test: images, nodeId, seed })
  try {
    trainer.setParameters(start)
    await trainer.train({ round: 0, steps, batchSize, learningRate, momentum })
    return trainer.getParameters(new Float32Array(parameterCount))
  } finally {
    trainer.dispose()
  }
}

/** The colluders' shares as a model: as long a way from the start as the victim's is from theirs, which distances say. */
function fromShares(round: PrivateRound, start: Float32Array, colluders: readonly number[]): Float64Array {
  const guessed = round.interpolated(VICTIM, colluders)
  const length = Math.sqrt(product(guessed, guessed))
  const scale = round.distance(VICTIM, colluders[0] as number) / length
  return guessed.map((value, k) => (start[k] as number) + scale * value)
}

/** The mean model of the others. */
function fromSum(
  { mean }: PrivateRound,
  models: readonly Float32Array[],
  colluders: readonly number[],
): Float64Array {
  const others = models.length - colluders.length
  return Float64Array.from(mean, (value, k) => {
    const own = colluders.reduce((sum, member) => sum + (models[member]![k] as number), 0)
    return (value * models.length - own) / others
  })
}

function nearestPairOf(
  { targets, classes }: Images,
  { members }: ImageDeal,
  { distance }: PrivateRound,
): NearestPair {
  const counts = members.map((part) => countsOf(targets, part, classes))
  const pairs = pairsOf([...members.keys()])
  const [nearest] = [...pairs].sort((one, other) => distance(...one) - distance(...other))
  const common = ([a, b]: readonly [number, number]): number => labelAccuracy(counts[a]!, counts[b]!)
  return {
    labels: common(nearest as readonly [number, number]),
    labelChance: pairs.reduce((sum, pair) => sum + common(pair), 0) / pairs.length,
  }
}

interface Found {
  readonly counts: Uint32Array
  readonly inputs: readonly Float64Array[]
}

/** The attack on a model that was trained on so many samples. */
function createAttack(
  task: OpenTask,
  { images, training }: InversionInit,
  start: Float32Array,
  deal: ImageDeal,
) {
  const model = task.model as NonNullable<OpenTask['model']>
  const [first, last] = [firstDense(model), lastDense(model)]
  const own = samplesAt(images, deal.own)
  return async (seen: ArrayLike<number>, samples: number): Promise<Found> => {
    const gradient = meanGradient(start, seen, training)
    // In one step the probabilities are those of the start; over many they move from there to those of the trained model.
    const ends = training.steps === 1 ? [start] : [start, Float32Array.from(seen)]
    const said = await Promise.all(ends.map((parameters) => meanProbabilities(task, parameters, own)))
    const probabilities = said[0]!.map((value, c) => (value + said.at(-1)![c]!) / 2)
    const counts = recoverLabelCounts(denseGradient(model, last, gradient).bias, samples, probabilities)
    const present = [...counts.keys()].filter((c) => counts[c]! > 0)
    const found = recoverInputs(
      denseGradient(model, first, gradient),
      samples,
      first === last ? present : undefined,
    )
    return { counts, inputs: found.map(({ input }) => input) }
  }
}

/** p̄: the mean over samples, one number per class. */
async function meanProbabilities(
  task: OpenTask,
  parameters: Float32Array,
  samples: Samples,
): Promise<number[]> {
  const predictor = await openPredictor(task, parameters, 'simd')
  const said = await predictor.predict(samples)
  return classNamesOf(task.task).map((name) =>
    said.reduce((sum, one) => sum + ('label' in one ? one.probabilities[name]! / samples.count : 0), 0),
  )
}

function samplesAt({ shape, inputs, targets }: Images, numbers: Uint32Array): Samples {
  return {
    count: numbers.length,
    shape,
    inputs: inputsOf({ inputs, shape }, numbers),
    targets: targets.slice(0, 0),
  }
}

function scoring(images: Images, { unused }: ImageDeal) {
  const shapeOf = (image: number): Float64Array => standardised(imageOf(images, image))
  return (targets: Uint32Array, { counts, inputs }: Found): Recovery => {
    const labels = countsOf(images.targets, targets, images.classes)
    const decoys = decoysFor(images, targets, unused)
    return {
      ...matchScore(inputs, {
        targets: Array.from(targets, shapeOf),
        decoys: Array.from(decoys, shapeOf),
      }),
      labels: labelAccuracy(counts, labels),
      labelChance: blindLabelAccuracy(labels),
    }
  }
}

function picturesOf(
  images: Images,
  targets: Uint32Array,
  found: Readonly<Record<View, Found>>,
): InversionPicture[] {
  return Array.from(targets.subarray(0, MOST_PICTURES), (target) => {
    const image = imageOf(images, target)
    const shape = standardised(image)
    const closest = (view: View): Float64Array | undefined => {
      let best: Float64Array | undefined
      let highest = Number.NEGATIVE_INFINITY
      for (const input of found[view].inputs) {
        const correlation = product(shape, standardised(input))
        if (correlation <= highest) continue
        highest = correlation
        best = input
      }
      return best
    }
    return {
      image,
      closest: { update: closest('update'), shares: closest('shares'), sum: closest('sum') },
    }
  })
}
