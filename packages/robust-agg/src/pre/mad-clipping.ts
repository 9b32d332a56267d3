/**
 * Clipping of single coordinates to the median and a multiple of the median absolute deviation: the Hampel identifier,
 * with outliers moved to its bounds.
 *
 *   m[j] = median_k x_k[j],  s[j] = median_k |x_k[j] − m[j]|,  x_k[j] ← min(max(x_k[j], m[j] − c·s[j]), m[j] + c·s[j])
 *
 * Symbols: n models x_k, own included; j a coordinate; c > 0.
 * Breakdown precondition: an honest majority, n > 2f, for m and s to lie within the honest range and spread.
 * What it is for: where most models agree, as in coordinates that honest data never touch, s is next to 0 and nobody can
 * put anything there, however short the whole update is: triggers of backdoors live in such places, and rules that look
 * at lengths and distances do not see them. A large c leaves honest minorities their knowledge elsewhere.
 * Cost: two coordinate medians, O(d·n²) up to n = 64, and n vectors of length d, the outputs.
 * Source: Hampel, "The Influence Curve and its Role in Robust Estimation", JASA 1974, for median and MAD; as a step before
 * robust rules it is ours.
 * Deviations: s is not scaled by 1.4826 to the deviation of a normal distribution; c is in units of s itself.
 */

import { middleMean } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { PreDefinition } from './definition.js'

/** Coordinates that are worked on at a time, so that what is only needed in between stays small and near. */
const BLOCK = 8192

/** Coordinate median of all. */
function medianOf(vectors: readonly Float32Array[], out: Float32Array): void {
  middleMean(vectors, Math.floor((vectors.length - 1) / 2), out)
}

function deviation(x: Float32Array, centre: Float32Array, out: Float32Array): void {
  for (let j = 0; j < x.length; j++) out[j] = Math.abs(x[j] - centre[j])
}

/**
 * Cuts x into `out`, which may not be x itself; true when anything was cut. Deviations of huge values are infinite in
 * float32, and so may their median be: then nothing is.
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
    const reach = c * spread[j]
    const value = Math.min(Math.max(x[j], middle[j] - reach), middle[j] + reach)
    out[j] = value
    if (value !== x[j]) cut = true
  }
  return cut
}

/** Cuts every model into the vector of `outs` at its place, and tells which of them were cut. */
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
    ],
    cost: 'O(d·n²) up to n = 64, n vectors',
    source: 'ours, with the identifier of Hampel, JASA 1974',
    affine: false,
  },
  build: ({ c }) => ({
    mix: ({ models }) => {
      const outputs = models.map((x) => new Float32Array(x.length))
      return {
        models: outputs,
        outputOf: models.map((_, k) => k),
        coefficients: models.map((_, o) => Float64Array.from(models, (_x, k) => (k === o ? 1 : 0))),
        clipped: clampAll(models, c, outputs),
      }
    },
    outputs: (models) => models,
    neededModels: () => 1,
    tolerated: (models) => Math.floor((models - 1) / 2),
  }),
}
