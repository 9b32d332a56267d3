/** Exponential and error functions on four float32 at a time, from + − × ÷ and bit moves: the same bits everywhere. */

const LOG2_E: f32 = 1.44269504
const LN2_HIGH: f32 = 0.693359375
const LN2_LOW: f32 = -2.12194440e-4

@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x)
}

/** a·b + c, rounded twice. */
@inline
export function mulAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c)
}

/**
 * e^x within 2 units in the last place (Cephes' polynomial for x − n·ln 2); NaN stays, above 88.8 Infinity, below −104
 * zero. 2ⁿ is applied in two steps, so that the largest and the subnormal results are right.
 */
export function exp4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, splat(-104)), splat(89))
  const n = f32x4.nearest(f32x4.mul(bounded, splat(LOG2_E)))
  const r = f32x4.sub(f32x4.sub(bounded, f32x4.mul(n, splat(LN2_HIGH))), f32x4.mul(n, splat(LN2_LOW)))
  let p = splat(1.9875691500e-4)
  p = mulAdd(p, r, splat(1.3981999507e-3))
  p = mulAdd(p, r, splat(8.3334519073e-3))
  p = mulAdd(p, r, splat(4.1665795894e-2))
  p = mulAdd(p, r, splat(1.6666665459e-1))
  p = mulAdd(p, r, splat(5.0000001201e-1))
  p = f32x4.add(mulAdd(p, f32x4.mul(r, r), r), splat(1))
  const whole = i32x4.trunc_sat_f32x4_s(n)
  const half = i32x4.shr_s(whole, 1)
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(whole, half)))
}

@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23)
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(splat(1), f32x4.add(splat(1), exp4(f32x4.neg(x))))
}

/** tanh x: a rational function (the one of Eigen), within 8e-8 + 3 units in the last place; ±1 from 7.9053 on. */
export function tanh4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, splat(-7.90531111)), splat(7.90531111))
  const s = f32x4.mul(bounded, bounded)
  let p = splat(-2.76076847742355e-16)
  p = mulAdd(p, s, splat(2.00018790482477e-13))
  p = mulAdd(p, s, splat(-8.60467152213735e-11))
  p = mulAdd(p, s, splat(5.12229709037114e-8))
  p = mulAdd(p, s, splat(1.48572235717979e-5))
  p = mulAdd(p, s, splat(6.37261928875436e-4))
  p = mulAdd(p, s, splat(4.89352455891786e-3))
  let q = splat(1.19825839466702e-6)
  q = mulAdd(q, s, splat(1.18534705686654e-4))
  q = mulAdd(q, s, splat(2.2684346324390e-3))
  q = mulAdd(q, s, splat(4.89352518554385e-3))
  return f32x4.div(f32x4.mul(bounded, p), q)
}

/** erf x: a rational function (the one of Eigen and XLA), within 3e-7; ±1 from 4 on. */
export function erf4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, splat(-4)), splat(4))
  const s = f32x4.mul(bounded, bounded)
  let p = splat(-2.72614225801306e-10)
  p = mulAdd(p, s, splat(2.77068142495902e-8))
  p = mulAdd(p, s, splat(-2.10102402082508e-6))
  p = mulAdd(p, s, splat(-5.69250639462346e-5))
  p = mulAdd(p, s, splat(-7.34990630326855e-4))
  p = mulAdd(p, s, splat(-2.95459980854025e-3))
  p = mulAdd(p, s, splat(-1.60960333262415e-2))
  let q = splat(-1.45660718464996e-5)
  q = mulAdd(q, s, splat(-2.13374055278905e-4))
  q = mulAdd(q, s, splat(-1.68282697438203e-3))
  q = mulAdd(q, s, splat(-7.37332916720468e-3))
  q = mulAdd(q, s, splat(-1.42647390514189e-2))
  return f32x4.div(f32x4.mul(bounded, p), q)
}

/** The four lanes added: (0 + 2) + (1 + 3). */
@inline
export function sumOfLanes(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 2, 3))
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}
