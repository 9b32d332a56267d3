/**
 * exp and log with the same bits everywhere. `Math.exp` and `Math.log` differ between engines and processors in the
 * last place; these functions use only + − × ÷ and bit moves on float64, which IEEE 754 defines exactly. Both are
 * within one unit in the last place of the correctly rounded value wherever tested (60-digit decimal arithmetic), and
 * within two of `Math` over their whole ranges.
 */

const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const INVERSE_LN2 = Math.LOG2E
const SQRT_HALF = Math.SQRT1_2

const view = new DataView(new ArrayBuffer(8))

/** 2^k for an integer k in [−1022, 1023]. */
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20)
  view.setUint32(4, 0)
  return view.getFloat64(0)
}

/** e^x. Any float64: NaN gives NaN, x > 709.78 gives Infinity, x < −745.13 gives 0. */
export function detExp(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY
  if (x < -745.1332191019412) return 0
  // x = k·ln2 + r with |r| ≤ ln2/2; then the Taylor series of e^r, smallest term first (Horner).
  const k = Math.floor(x * INVERSE_LN2 + 0.5)
  const r = x - k * LN2_HIGH - k * LN2_LOW
  let sum = 1
  for (let i = 18; i >= 1; i--) sum = 1 + (sum * r) / i
  if (k > 1023) return sum * 2 * powerOfTwo(k - 1)
  if (k < -1022) return sum * powerOfTwo(k + 600) * powerOfTwo(-600)
  return sum * powerOfTwo(k)
}

/** Natural logarithm. x > 0; 0 gives −Infinity, negative or NaN gives NaN, Infinity gives Infinity. */
export function detLog(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (x === Number.POSITIVE_INFINITY) return x
  let exponentShift = 0
  let scaled = x
  if (scaled < 2.2250738585072014e-308) {
    scaled *= 18014398509481984
    exponentShift = -54
  }
  view.setFloat64(0, scaled)
  const high = view.getUint32(0)
  let k = ((high >>> 20) & 0x7ff) - 1022
  view.setUint32(0, (high & 0x800fffff) | (1022 << 20))
  let m = view.getFloat64(0)
  if (m < SQRT_HALF) {
    m *= 2
    k -= 1
  }
  k += exponentShift
  // With f = m − 1 (exact), s = f/(2 + f) and |s| ≤ 0.1716: log m = 2·artanh(s) = f − f²/2 + s·(f²/2 + R), where
  // R = 2·(s²/3 + s⁴/5 + …). The leading term f carries no rounding error.
  const f = m - 1
  const s = f / (2 + f)
  const s2 = s * s
  let sum = 0
  for (let i = 23; i >= 3; i -= 2) sum = (sum + 1 / i) * s2
  const halfSquare = 0.5 * f * f
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + 2 * sum) + k * LN2_LOW) - f)
}
