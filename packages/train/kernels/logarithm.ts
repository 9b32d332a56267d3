/** e^x and log x in float64, as `detExp` and `detLog` of @tempered/robust-agg: within one unit in the last place. */

const LN2_HIGH: f64 = 0.6931471803691238
const LN2_LOW: f64 = 1.9082149292705877e-10
const LOG2_E: f64 = 1.4426950408889634
const SQRT_HALF: f64 = 0.7071067811865476

@inline
function powerOfTwo(k: i32): f64 {
  return reinterpret<f64>((<i64>(k + 1023)) << 52)
}

/** e^x for x ≤ 0; below −708 zero. */
export function expOfNegative(x: f64): f64 {
  if (x < -708) return 0
  const k = <i32>floor<f64>(x * LOG2_E + 0.5)
  const r = x - <f64>k * LN2_HIGH - <f64>k * LN2_LOW
  let sum: f64 = 1
  for (let i = 18; i >= 1; i--) sum = 1 + (sum * r) / <f64>i
  return sum * powerOfTwo(k)
}

/** log x for normal x > 0; NaN stays. */
export function log(x: f64): f64 {
  if (!(x < Infinity)) return x
  const bits = reinterpret<i64>(x)
  let k = <i32>((bits >> 52) & 0x7ff) - 1022
  let m = reinterpret<f64>((bits & 0x800fffffffffffff) | 0x3fe0000000000000)
  if (m < SQRT_HALF) {
    m *= 2
    k -= 1
  }
  const f = m - 1
  const s = f / (2 + f)
  const s2 = s * s
  let sum: f64 = 0
  for (let i = 23; i >= 3; i -= 2) sum = (sum + 1 / <f64>i) * s2
  const halfSquare = 0.5 * f * f
  return <f64>k * LN2_HIGH - (halfSquare - (s * (halfSquare + 2 * sum) + <f64>k * LN2_LOW) - f)
}
