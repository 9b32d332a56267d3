/**
 * Clipping of single coordinates to the median and a multiple of the median absolute deviation: the Hampel
 * identifier, with outliers moved to its bounds.
 *
 *   m[j] = median_k x_k[j],  s[j] = median_k |x_k[j] − m[j]|,  x_k[j] ← min(max(x_k[j], m[j] − c·s[j]), m[j] + c·s[j])
 *
 * Symbols: n models x_k, including the node's own, and their clipped y_k; p where the round's training began
 * (`RoundInput.previous`); j a coordinate; c > 0.
 * Breakdown precondition: an honest majority, n > 2f, for m and s to lie within the honest range and spread.
 * Purpose: where most models agree, as in coordinates that honest data never changes, s is close to 0 and no sender
 * can change them, however short its whole update is. Backdoor triggers use such coordinates, and rules that look at
 * lengths and distances do not see them. A large c keeps what honest minorities have learnt in other coordinates.
 * Where most models would lose much of their step, as where each node has another label, they do not agree on
 * coordinates, and the bounds would cut off what the only holder of a label has learnt. So with more than a share μ of
 * models whose cut ‖x_k − y_k‖ is longer than a third of their step ‖x_k − p‖, nothing is clipped and the step reports
 * itself unfit. With h ≤ 0.8 and logit adjustment honest models lost at most a quarter, with h = 1 most lost half.
 * Colluders at the median of the others make s smaller, and with it more models lose much: enough of them can switch
 * this step off, and then only the steps behind it protect from a backdoor.
 * Cost: two coordinate medians, O(d·n²) up to n = 64, 2n distances, and n vectors of length d, the outputs.
 * Source: Hampel, "The Influence Curve and its Role in Robust Estimation", JASA 1974, for median and MAD; its use
 * before robust rules is ours.
 * Deviations: s is not scaled by 1.4826 to the deviation of a normal distribution; c is in units of s itself.
 */

import { middleMean, squaredDistancesTo } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { PreDefinition } from './definition.js'
import { identityRows, unmixed } from './unmixed.js'

/** A model that loses more than this share of its step loses much of it. */
const MUCH = 1 / 3
/** Coordinates per block, so that intermediate values stay in the cache. */
const BLOCK = 8192

/** Coordinate median of all. */
function medianOf(vectors: readonly Float32Array[], out: Float32Array): void {
  middleMean(vectors, Math.floor((vectors.length - 1) / 2), out)
}

function deviation(x: Float32Array, centre: Float32Array, out: Float32Array): void {
  for (let j = 0; j < x.length; j++) out[j] = Math.abs(x[j] - centre[j])
}

/**
 * Writes clipped x to `out`, which must not be x itself; true when any value was clipped. Deviations of huge values
 * are infinite in float32, and so may be their median; then nothing is clipped.
 */
function clamp(
  x: Float32Array,
  middle: Float32Array,
  spread: Float32Array,
  c: number,
  out: Float32Array,
): boolean {
  let cut = false
  for (let j = 0; j < x.length; j++) {
    const value = x[j]
    const reach = c * spread[j]
    const least = middle[j] - reach
    const most = middle[j] + reach
    if (value < least) {
      out[j] = least
      cut = true
    } else if (value > most) {
      out[j] = most
      cut = true
    } else out[j] = value
  }
  return cut
}

/** Writes every clipped model to the vector of `outs` at its index, and returns which models were clipped. */
function clampAll(models: readonly Float32Array[], c: number, outs: readonly Float32Array[]): boolean[] {
  const { length } = models[0]
  const clipped = models.map(() => false)
  const fresh = (): Float32Array => new Float32Array(Math.min(BLOCK, length))
  const [middles, spreads, deviations] = [fresh(), fresh(), models.map(fresh)]
  for (let start = 0; start < length; start += BLOCK) {
    const end = Math.min(start + BLOCK, length)
    const parts = models.map((x) => x.subarray(start, end))
    const [middle, spread, ...far] = [middles, spreads, ...deviations].map((x) => x.subarray(0, end - start))
    medianOf(parts, middle)
    for (const [k, part] of parts.entries()) deviation(part, middle, far[k])
    medianOf(far, spread)
    for (const [k, part] of parts.entries())
      if (clamp(part, middle, spread, c, outs[k].subarray(start, end))) clipped[k] = true
  }
  return clipped
}

/** How many models lose much of their step from `previous` by becoming `outputs`. */
function losers(
  models: readonly Float32Array[],
  outputs: readonly Float32Array[],
  previous: Float32Array,
): number {
  const steps = squaredDistancesTo(previous, models, new Float64Array(models.length))
  const lost = new Float64Array(1)
  return models.filter((x, k) => {
    squaredDistancesTo(x, [outputs[k]], lost)
    return Math.sqrt(lost[0]) > MUCH * Math.sqrt(steps[k])
  }).length
}

export const madClipping: PreDefinition = {
  info: {
    name: 'mad-clipping',
    formula: 'each coordinate cut to median ± c·MAD, the median absolute deviation',
    params: [
      parameter({
        name: 'c',
        default: 10,
        min: 0,
        max: 1e6,
        aboveMin: true,
        meaning: 'how many median absolute deviations a value may be from the median',
      }),
      parameter({
        name: 'most',
        default: 0.5,
        min: 0,
        max: 1,
        meaning:
          'with more than this share μ of models that would lose a third of their step, nothing is clipped',
      }),
    ],
    cost: 'O(d·n²) up to n = 64, n vectors',
    source: 'ours, with the identifier of Hampel, JASA 1974',
    affine: false,
  },
  build: ({ c, most }) => ({
    mix: ({ models, previous, scratch }) => {
      const outputs = models.map(() => scratch.vector())
      const clipped = clampAll(models, c, outputs)
      const unfit = losers(models, outputs, previous) > most * models.length
      if (unfit) return unmixed(models)
      return {
        models: outputs,
        outputOf: models.map((_, k) => k),
        coefficients: identityRows(models.length),
        clipped,
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: (models) => Math.floor((models - 1) / 2),
  }),
}
