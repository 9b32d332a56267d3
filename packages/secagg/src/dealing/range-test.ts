/**
 * A test that a shared vector is short, so that its distances do not wrap around p: without it a liar could choose a vector
 * of huge numbers whose square is 0 modulo p.
 *
 *   z_r = ⟨s_r, x⟩ + y_r for r < 64;  |z_r| ≤ B = 2·64·β, β = 5·U
 *
 * Symbols: s_r random vectors of −1, 0, 1 with probabilities 1/4, 1/2, 1/4 that follow from the dealing, so that its author
 * cannot choose x by them; y_r masks that the dealer shares beside x, uniform in [−(B + β), B + β]; U, k as in fixed-point.ts.
 *
 * Nothing leaks: |⟨s_r, x⟩| ≤ β but for a chance of 2·e⁻²⁵ per row (it is sub-Gaussian with variance U²/2), and a dealer whose
 * z_r are not all within ±B draws other masks before anybody sees the first ones, so z_r is uniform in [−B, B] whatever x is.
 * It needs e^(k/2) attempts on average.
 *
 * What passes is short, but for a chance of 2⁻⁶⁴ per dealing that is tried. (1) If some |x_k| > 2·B (of the residue of least
 * size), then of the values of z_r for s_r[k] ∈ {−1, 0, 1} and all else fixed, that for 0 and those for ±1 cannot both be
 * within ±B, so z_r is with a chance of at most 1/2. (2) Otherwise nothing wraps, as d·2·B < p/2, and by Berry–Esseen with the
 * constant 0.56 the chance is at most (2/√π + 1.12·2√2)·B/‖x‖₂ ≤ 4.3·B/‖x‖₂, which is below 1/2 for ‖x‖₂ ≥ 9·B. So ‖x‖₂ <
 * 9·B = 5,760·U for what passes; with k secrets at once the test is of each piece of d/k elements.
 * Sources: (1) as in Gentry, Halevi, Lyubashevsky, "Practical Non-interactive Publicly Verifiable Secret Sharing with Thousands
 * of Parties", EUROCRYPT 2022, section 2.4; the constant of Shevtsova, Doklady Mathematics 82 (2010); rejection of masks as in
 * Lyubashevsky, "Fiat–Shamir with Aborts", ASIACRYPT 2009.
 */

import type { FixedPoint } from '../encoding/fixed-point.js'
import { centred } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import type { SecretStream } from '../random/secret-stream.js'

/** Rows of the test. */
export const RANGE_ROWS = 64

export interface RangeBounds {
  /** β: the largest projection of an honest vector. */
  readonly projection: bigint
  /** B: the largest value that passes. */
  readonly opened: bigint
}

export function rangeBounds({ length }: Pick<FixedPoint, 'length'>): RangeBounds {
  const projection = BigInt(Math.ceil(5 * length))
  return { projection, opened: 2n * BigInt(RANGE_ROWS) * projection }
}

/** ⟨s_r, x⟩ for all rows. `signs`: the stream that all of the dealing's holders draw the s_r from. */
export function projections(x: BigUint64Array, signs: SecretStream, kernels: FieldKernels): bigint[] {
  return kernels.project(x, RANGE_ROWS, (into) => signs.fill(into))
}

/** Whether an opened value passes. */
export function isShort(element: bigint, { opened }: RangeBounds): boolean {
  const value = centred(element)
  return value <= opened && value >= -opened
}
