/**
 * Models as vectors of field elements, and sums of them as models.
 *
 *   v = w − r, shortened to ‖v‖₂ ≤ R;  x_k = ⌊v_k·2^s + u_k⌋,  u_k uniform in [0, 1)
 *   (Σ_j a_j·x_j)/(2^s·Σ_j a_j) + r
 *
 * Symbols: w a model and r a reference, d float32 each; R the range; s the scale, a whole number; a_j ≥ 0 whole weights. Each
 * x_k has the mean v_k·2^s, and is less than 1 from it, so ‖x‖₂ ≤ U = R·2^s + √d. The scale is the largest with
 * U ≤ 2¹⁷/√k, where k secrets are shared at once.
 *
 * Nothing overflows: what passes the range test (dealing/range-test.ts) has ‖x‖₂ ≤ 5,760·√k·U, so squared distances are at
 * most (11,520·2¹⁷)² < 2.28·10¹⁸ < p, and sums are within ±(p − 1)/2 while Σ_j a_j ≤ 1,500: every opened value is the very
 * whole number that it stands for.
 * Source: stochastic rounding as in Gupta et al., "Deep Learning with Limited Numerical Precision", ICML 2015, section 3.1;
 * the bounds are this project's.
 */

import { SecaggError } from '../errors.js'
import { centred, elementOf } from '../field/field.js'
import type { SecretStream } from '../random/secret-stream.js'

/** √k·U is at most this. */
export const MOST_LENGTH = 131_072
/** Σ a_j is at most this. */
export const MOST_WEIGHT = 1_500

export interface FixedPoint {
  /** d. */
  readonly parameterCount: number
  /** R, above 0. */
  readonly range: number
  /** s. */
  readonly scale: number
  /** U. */
  readonly length: number
}

/**
 * The finest encoding of models of d parameters within a range. `packed`: secrets that are shared at once. Throws
 * SecaggError E_SHARING_PARAMS.
 */
export function fixedPoint(parameterCount: number, range: number, packed = 1): FixedPoint {
  const rounding = Math.sqrt(parameterCount)
  const most = MOST_LENGTH / Math.sqrt(packed)
  if (!Number.isInteger(parameterCount) || parameterCount < 1 || rounding > most / 2)
    throw new SecaggError('E_SHARING_PARAMS', `a model of ${parameterCount} parameters cannot be encoded`)
  if (!(range > 0 && range <= 1e12))
    throw new SecaggError('E_SHARING_PARAMS', `the range must be above 0 and at most 10¹², got ${range}`)
  let scale = 0
  while (range * 2 ** (scale + 1) + rounding <= most) scale += 1
  while (range * 2 ** scale + rounding > most) scale -= 1
  return { parameterCount, range, scale, length: range * 2 ** scale + rounding }
}

export interface Encoded {
  readonly elements: BigUint64Array
  /** By what v was multiplied to be within the range; 1 for none. */
  readonly shortened: number
}

/**
 * @param model - w, length d, finite
 * @param reference - r, length d, finite
 * @param rounding - where the u_k come from: it need not be secret
 * Throws SecaggError E_SHARE_SHAPE, E_RANGE.
 */
export function encodeModel(
  { parameterCount: d, range, scale }: FixedPoint,
  model: Float32Array,
  reference: Float32Array,
  rounding: SecretStream,
): Encoded {
  if (model.length !== d || reference.length !== d)
    throw new SecaggError('E_SHARE_SHAPE', `a model of ${model.length} parameters, where ${d} are declared`)
  let square = 0
  for (let k = 0; k < d; k++) square += (model[k] - reference[k]) ** 2
  if (!Number.isFinite(square))
    throw new SecaggError('E_RANGE', 'a model that is not finite cannot be shared')
  const length = Math.sqrt(square)
  const shortened = length > range ? range / length : 1
  const factor = shortened * 2 ** scale
  const elements = new BigUint64Array(d)
  const drawn = new Uint32Array(d)
  rounding.fill(new Uint8Array(drawn.buffer))
  for (let k = 0; k < d; k++) {
    const value = Math.floor((model[k] - reference[k]) * factor + drawn[k] / 2 ** 32)
    elements[k] = elementOf(BigInt(value))
  }
  return { elements, shortened }
}

/**
 * @param sum - Σ_j a_j·x_j, length d
 * @param weight - Σ_j a_j, from 1 to `MOST_WEIGHT`
 * @param out - length d
 */
export function decodeMean(
  { scale }: FixedPoint,
  sum: BigUint64Array,
  weight: number,
  reference: Float32Array,
  out: Float32Array,
): void {
  const unit = 2 ** scale * weight
  for (let k = 0; k < out.length; k++) out[k] = reference[k] + Number(centred(sum[k])) / unit
}
