/** Activations over `length` floats, and their derivatives. Buffers end on multiples of 16 bytes: whole vectors only. */

import { GELU, LEAKY_RELU, RELU, SIGMOID, SILU, TANH } from './activation-code'
import { erf4, exp4, mulAdd, sigmoid4, splat, tanh4 } from './exponential'
import { LEAKY_SLOPE } from './gemm-store'

const SQRT_HALF: f32 = 0.70710678
const INVERSE_SQRT_TWO_PI: f32 = 0.39894228

/** Φ(x), the distribution function of the standard normal. */
@inline
function normal4(x: v128): v128 {
  return mulAdd(erf4(f32x4.mul(x, splat(SQRT_HALF))), splat(0.5), splat(0.5))
}

@inline
function leaky4(x: v128): v128 {
  return v128.bitselect(f32x4.mul(x, splat(LEAKY_SLOPE)), x, f32x4.lt(x, splat(0)))
}

/** to = activation(from); they may be the same. GELU is x·Φ(x), not its approximation by tanh. */
export function activate(code: i32, from: usize, to: usize, length: i32): void {
  const end = from + (<usize>length << 2)
  for (; from < end; from += 16, to += 16) {
    const x = v128.load(from)
    let y = x
    if (code == RELU) y = f32x4.pmax(x, splat(0))
    else if (code == LEAKY_RELU) y = leaky4(x)
    else if (code == TANH) y = tanh4(x)
    else if (code == SIGMOID) y = sigmoid4(x)
    else if (code == SILU) y = f32x4.mul(x, sigmoid4(x))
    else if (code == GELU) y = f32x4.mul(x, normal4(x))
    v128.store(to, y)
  }
}

/**
 * to = upper × derivative. `from` holds what the derivative is computed from: the activation's input for GELU and SiLU,
 * its output for the others. `to` may be `upper`.
 */
export function activationGradient(code: i32, from: usize, upper: usize, to: usize, length: i32): void {
  const end = from + (<usize>length << 2)
  for (; from < end; from += 16, upper += 16, to += 16) {
    v128.store(to, derivative(code, v128.load(from), v128.load(upper)))
  }
}

@inline
function derivative(code: i32, x: v128, upper: v128): v128 {
  if (code == RELU) return v128.and(upper, f32x4.gt(x, splat(0)))
  if (code == LEAKY_RELU) {
    return v128.bitselect(f32x4.mul(upper, splat(LEAKY_SLOPE)), upper, f32x4.lt(x, splat(0)))
  }
  if (code == TANH) return f32x4.mul(upper, f32x4.sub(splat(1), f32x4.mul(x, x)))
  if (code == SIGMOID) return f32x4.mul(upper, f32x4.mul(x, f32x4.sub(splat(1), x)))
  if (code == SILU) {
    const s = sigmoid4(x)
    return f32x4.mul(upper, f32x4.mul(s, mulAdd(x, f32x4.sub(splat(1), s), splat(1))))
  }
  if (code == GELU) {
    const density = f32x4.mul(exp4(f32x4.mul(f32x4.mul(x, x), splat(-0.5))), splat(INVERSE_SQRT_TWO_PI))
    return f32x4.mul(upper, mulAdd(x, density, normal4(x)))
  }
  return upper
}

/** to = x + y; it may be one of them. */
export function sum(x: usize, y: usize, to: usize, length: i32): void {
  const end = x + (<usize>length << 2)
  for (; x < end; x += 16, y += 16, to += 16) v128.store(to, f32x4.add(v128.load(x), v128.load(y)))
}

/** e^x; for tests of its error. */
export function exponential(from: usize, to: usize, length: i32): void {
  const end = from + (<usize>length << 2)
  for (; from < end; from += 16, to += 16) v128.store(to, exp4(v128.load(from)))
}
