/**
 * How the models of one round differ from its start, from what was known before, and from each other.
 *
 *   u_j = x_j − s                                 update
 *   distance_j = ‖u_j‖ / m,  m = median_k ‖u_k‖
 *   cosine_j   = cos(u_j, c_j),  c_j = Σ_{k≠j} min(1, m/‖u_k‖)·u_k
 *   r_j = u_j − P·u_j                             what an update adds to the models of the round before
 *   novelty_j  = ‖r_j‖ / median_k ‖r_k‖
 *   overlap_j  = max(median_{k≠j} |cos(r_j, r_k)|, |cos(r_j, c′_j)|),  c′_j as c_j, of the r_k
 *
 * Symbols: x_j the models of the round, the node's own among them; s the start of its round; P the projection on the
 * span of y_i − s, where the y_i are the models of the round before and the start of it. Without these P = 0. Updates
 * with ‖r_k‖ ≤ 10⁻³ of the median do not count as others of the overlap, nor do near copies of x_j.
 * Cost: O(n²·d).
 * Source: the clipped mean is one step of centred clipping from the start (Karimireddy, He, Jaggi, ICML 2021, arXiv
 * 2012.10333, section 4) with the median length as its radius: f of n updates can move it by no more than f·m. The
 * rest is this project's.
 */

import { pairwiseSquaredDistances, squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { productsBeyond } from './known-span.js'

/** Updates below this share of the median length do not count as others: they have too little to have in common. */
const LEAST_OTHER = 1e-3

/**
 * Differences below this share of a model's length are those of rounding: float32 parameters are within 2⁻²⁴ = 6·10⁻⁸
 * of what was computed, and models that were combined, or aggregated in another order, have a few of these errors.
 */
const ROUNDING = 1e-6

/**
 * Rounding says nothing where all steps are small, as with a tiny learning rate: an update counts as none only where the
 * median of the others is this many times longer than the rounding of the start.
 */
const TELLING = 300

/** Models as far apart as this share of what is usual are copies: see `nearCopies`. */
const NEAR_COPY = 0.05

/** Others that it takes to say that an update has nothing in common with them. */
const FEWEST_OTHERS = 3

export interface RoundModels {
  /** s: the parameters with which the node's round began, length d. */
  readonly start: Float32Array
  /** The node's own model. */
  readonly own: Float32Array
  /** The models that arrived, finite. */
  readonly neighbours: readonly Float32Array[]
  /** y_i: models of the round before, the node's own and its start among them; empty where they are not known. */
  readonly before: readonly Float32Array[]
}

/** One model compared with the others of the round. */
export interface ModelComparison {
  /** ‖u_j‖/m; null when m is 0. */
  readonly distance: number | null
  /** Null when the median is 0, without `before`, and where the span takes up a tenth of the space or more. */
  readonly novelty: number | null
  readonly cosine: number
  /** Null with fewer than three others. */
  readonly overlap: number | null
  /** Median of the overlaps of the others; null where none has one. */
  readonly usualOverlap: number | null
  /** True when the model is the start itself, up to rounding, and the median of the others is far from it. */
  readonly isStart: boolean
  /** True when r_j is 0 up to rounding, there is a span to explain it, and the median of the others is far from 0. */
  readonly isKnown: boolean
  /** The neighbours whose models nearly equal it, ascending; −1 for the node's own. */
  readonly copies: readonly number[]
  /** Those of `before` that nearly equal it, ascending. */
  readonly resent: readonly number[]
}

export interface RoundComparison {
  readonly own: ModelComparison
  /** In the order of the neighbours, which is also that of all sums. */
  readonly neighbours: readonly ModelComparison[]
}

export function compareModels({ start, own, neighbours, before }: RoundModels): RoundComparison {
  const models = [own, ...neighbours]
  const n = models.length
  const squares = squaredDistancesTo(start, models, new Float64Array(n))
  const products = new Float64Array(n * n)
  for (const [j, model] of models.entries()) {
    const row = dotProducts(model, models.slice(j), start)
    for (const [k, product] of row.entries()) products[j * n + j + k] = products[(j + k) * n + j] = product
  }
  const lengths = Array.from(squares, Math.sqrt)
  const usual = medianOf(lengths)
  const spans = before.length > 0 && 10 * before.length < start.length
  const beyond = spans ? productsBeyond(start, before, models, products) : products
  const added = Array.from({ length: n }, (_, j) => Math.sqrt(Math.max(0, beyond[j * n + j])))
  const usuallyAdded = medianOf(added)
  const apart = pairwiseSquaredDistances([...models, ...before])
  const near = nearCopies(lengths, apart, n + before.length)
  const copiesOf = models.map((_, j) => near(j))
  const overlaps = copiesOf.map((copies, j) => overlapOf(j, added, beyond, usuallyAdded, copies))
  // By the start, which nobody chooses: a model may be as long as its author likes.
  const telling = TELLING * ROUNDING * Math.sqrt(squaredNorm(start))
  const compared = models.map((model, j): ModelComparison => {
    const copies = copiesOf[j]
    const rounding = ROUNDING * Math.sqrt(squaredNorm(model))
    const others = overlaps.flatMap((overlap, k) => (k === j || overlap === null ? [] : [overlap]))
    return {
      distance: usual > 0 ? lengths[j] / usual : null,
      novelty: spans && usuallyAdded > 0 ? added[j] / usuallyAdded : null,
      cosine: cosineToOthers(
        j,
        models.flatMap((_, k) => (k === j ? [] : [k])),
        lengths,
        products,
        usual,
      ),
      overlap: overlaps[j],
      usualOverlap: others.length === 0 ? null : medianOf(others),
      isStart: isNothing(j, lengths, rounding, telling),
      isKnown: spans && isNothing(j, added, rounding, telling),
      copies: copies.flatMap((k) => (k < n ? [k - 1] : [])),
      resent: copies.flatMap((k) => (k < n ? [] : [k - n])),
    }
  })
  return { own: compared[0], neighbours: compared.slice(1) }
}

/** Whether a length is that of rounding, and those of most others are not nearly. */
function isNothing(j: number, lengths: readonly number[], rounding: number, telling: number): boolean {
  if (lengths[j] > rounding) return false
  const others = lengths.filter((_, k) => k !== j)
  return others.length > 0 && medianOf(others) >= telling
}

/** cos(u_j, Σ_k min(1, m/‖u_k‖)·u_k) over these k, from the inner products of the u. */
function cosineToOthers(
  j: number,
  others: readonly number[],
  lengths: readonly number[],
  products: Float64Array,
  usual: number,
): number {
  const n = lengths.length
  const weightOf = (k: number): number => (lengths[k] > usual ? usual / lengths[k] : 1)
  let dot = 0
  let square = 0
  for (const k of others) {
    dot += weightOf(k) * products[j * n + k]
    for (const l of others) square += weightOf(k) * weightOf(l) * products[k * n + l]
  }
  // No −0, which an entry cannot tell from 0.
  return cosine(dot, products[j * n + j], Math.max(0, square)) + 0
}

function overlapOf(
  j: number,
  added: readonly number[],
  products: Float64Array,
  usual: number,
  copies: readonly number[],
): number | null {
  const n = added.length
  const others: number[] = []
  for (let k = 0; k < n; k++)
    if (k !== j && added[k] > LEAST_OTHER * usual && !copies.includes(k)) others.push(k)
  if (others.length < FEWEST_OTHERS || added[j] === 0) return null
  const sizes = others.map((k) =>
    Math.abs(cosine(products[j * n + k], products[j * n + j], products[k * n + k])),
  )
  return Math.max(medianOf(sizes), Math.abs(cosineToOthers(j, others, added, products, usual)))
}

/**
 * A function that finds the models k that nearly equal model j: their distance is at most 5 % of the length of both
 * updates, and of the median distance of each to the other models of the round. Updates with a cosine of c and of one
 * length are √(2 − 2c) of it apart, so 5 % is a cosine of 0.99875. Independent training on independent samples stays
 * far below: docs/contribution.md has the nearest honest pairs that were measured. The distances to others matter where
 * the node's start is far from that of its neighbours: these then look alike from afar. So does the
 * length of the node's own update, the one step of training that it knows for certain.
 */
function nearCopies(lengths: readonly number[], apart: Float64Array, all: number) {
  const n = lengths.length
  /** Median distance of model a to the models of the round but b. */
  const around = (a: number, b: number): number => {
    const distances: number[] = []
    for (let k = 0; k < n; k++) if (k !== a && k !== b) distances.push(Math.sqrt(apart[a * all + k]))
    return distances.length === 0 ? Number.POSITIVE_INFINITY : medianOf(distances)
  }
  return (j: number): number[] => {
    const copies: number[] = []
    if (lengths[j] === 0) return copies
    for (let k = 0; k < all; k++) {
      if (k === j) continue
      const distance = Math.sqrt(apart[j * all + k])
      if (distance > NEAR_COPY * Math.min(lengths[0], lengths[j], lengths[k] ?? lengths[j])) continue
      if (distance === 0 || distance <= NEAR_COPY * Math.min(around(j, k), around(k, j))) copies.push(k)
    }
    return copies
  }
}

/** The middle value, or the mean of the middle two; at least one value. */
function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
