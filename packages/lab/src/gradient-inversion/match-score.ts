/**
 * Whether reconstructions show what they are meant to show. Each is compared, by correlation of pixels, with the images that were
 * trained on (the targets) and with decoys: images of the same data set and the same classes that nobody trained on. An attack that
 * knows nothing finds a target as nearest image as often as targets are among the candidates: that is its chance level.
 */

import { LabError } from '../errors.js'
import { product, standardised } from './similarity.js'

/** Correlation from which an image counts as recovered. */
export const RECOVERED = 0.9

export interface Candidates {
  /** Images, standardised. */
  readonly targets: readonly Float64Array[]
  readonly decoys: readonly Float64Array[]
}

export interface MatchScore {
  /** Number of reconstructions. */
  readonly reconstructions: number
  /** Share of reconstructions whose nearest candidate is a target, in [0, 1]; null without reconstructions. */
  readonly matched: number | null
  /** The same for reconstructions that know nothing: targets / candidates. */
  readonly chance: number
  /** Share of targets that some reconstruction correlates with by 0.9 or more. */
  readonly recovered: number
  /** The same share of decoys: recoveries that would be no proof. */
  readonly decoysRecovered: number
}

/**
 * @param reconstructions - images, each as long as the candidates, in any unit
 * @throws LabError E_USAGE without targets or decoys, or for images of different size
 */
export function matchScore(
  reconstructions: readonly ArrayLike<number>[],
  { targets, decoys }: Candidates,
): MatchScore {
  if (targets.length === 0 || decoys.length === 0)
    throw new LabError(
      'E_USAGE',
      `${targets.length} targets and ${decoys.length} decoys give no score; at least one of each is needed`,
    )
  const candidates = [...targets, ...decoys]
  const best = new Float64Array(candidates.length).fill(-1)
  let matches = 0
  for (const image of reconstructions) {
    const shape = standardised(image)
    let nearest = -1
    let highest = Number.NEGATIVE_INFINITY
    for (const [k, candidate] of candidates.entries()) {
      if (candidate.length !== shape.length)
        throw new LabError(
          'E_USAGE',
          `an image of ${shape.length} pixels cannot be compared with one of ${candidate.length}; pass images of one size`,
        )
      const correlation = product(shape, candidate)
      if (correlation > best[k]!) best[k] = correlation
      if (correlation <= highest) continue
      highest = correlation
      nearest = k
    }
    if (nearest < targets.length) matches += 1
  }
  const recovered = (from: number, to: number): number =>
    best.subarray(from, to).filter((correlation) => correlation >= RECOVERED).length / (to - from)
  return {
    reconstructions: reconstructions.length,
    matched: reconstructions.length === 0 ? null : matches / reconstructions.length,
    chance: targets.length / candidates.length,
    recovered: recovered(0, targets.length),
    decoysRecovered: recovered(targets.length, candidates.length),
  }
}

/**
 * Share of labels that are right, whichever sample they belong to: Σ_c min(guessed_c, true_c)/B.
 *
 * @param guessed - samples of each class, as many in total as `counts`
 * @throws LabError E_USAGE for lengths that differ
 */
export function labelAccuracy(guessed: ArrayLike<number>, counts: ArrayLike<number>): number {
  if (guessed.length !== counts.length)
    throw new LabError(
      'E_USAGE',
      `${guessed.length} guessed classes do not fit ${counts.length}; pass one count per class`,
    )
  const all = Array.from(counts)
  const right = all.reduce((sum, count, c) => sum + Math.min(count, guessed[c] as number), 0)
  return right / all.reduce((sum, count) => sum + count, 0)
}

/**
 * What `labelAccuracy` gives on average to a guess without knowledge: every class equally often, and what is left over to classes
 * drawn at random.
 */
export function blindLabelAccuracy(counts: ArrayLike<number>): number {
  const all = Array.from(counts)
  const samples = all.reduce((sum, count) => sum + count, 0)
  const least = Math.floor(samples / all.length)
  const extra = (samples % all.length) / all.length
  const right = all.reduce(
    (sum, count) => sum + (1 - extra) * Math.min(least, count) + extra * Math.min(least + 1, count),
    0,
  )
  return right / samples
}
