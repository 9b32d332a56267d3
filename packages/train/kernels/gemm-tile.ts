/**
 * One register tile: four rows, eight (or four) columns. Sums run over k in ascending order. The loop has no unrolled
 * steps on purpose: V8 moves all loads of a step to its beginning, and a second step spills the accumulators.
 */

/** How a tile begins and ends; bits of `mode`. */
export const ADD: i32 = 1
export const BIAS_ROW: i32 = 2
export const BIAS_COLUMN: i32 = 4
export const FINISH_RELU: i32 = 8
export const FINISH_LEAKY: i32 = 16
export const TRANSPOSED: i32 = 32

export const LEAKY_SLOPE: f32 = 0.01

@inline
function finish(x: v128, mode: i32): v128 {
  if (mode & FINISH_RELU) return f32x4.pmax(x, f32x4.splat(0))
  if (mode & FINISH_LEAKY) {
    return v128.bitselect(f32x4.mul(x, f32x4.splat(LEAKY_SLOPE)), x, f32x4.lt(x, f32x4.splat(0)))
  }
  return x
}

/**
 * a: four floats at each k; they are aStep bytes apart, and aSkip more after each of `segments` segments of `length`.
 * b: eight floats at each k, bStep apart. c: rows cStride apart (with TRANSPOSED columns). bias: its first number.
 */
export function tile8(
  a: usize, aStep: usize, aSkip: usize, segments: i32, length: i32,
  b: usize, bStep: usize, c: usize, cStride: usize, bias: usize, mode: i32,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0)
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0)
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0)
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0)
  if (mode & BIAS_ROW) {
    c00 = c10 = c20 = c30 = v128.load(bias)
    c01 = c11 = c21 = c31 = v128.load(bias, 16)
  } else if (mode & BIAS_COLUMN) {
    c00 = c01 = v128.load32_splat(bias)
    c10 = c11 = v128.load32_splat(bias, 4)
    c20 = c21 = v128.load32_splat(bias, 8)
    c30 = c31 = v128.load32_splat(bias, 12)
  }
  for (; segments > 0; segments--) {
    let rest = length
    do {
      const b0 = v128.load(b)
      const b1 = v128.load(b, 16)
      const a0 = v128.load32_splat(a)
      c00 = f32x4.add(c00, f32x4.mul(a0, b0))
      c01 = f32x4.add(c01, f32x4.mul(a0, b1))
      const a1 = v128.load32_splat(a, 4)
      c10 = f32x4.add(c10, f32x4.mul(a1, b0))
      c11 = f32x4.add(c11, f32x4.mul(a1, b1))
      const a2 = v128.load32_splat(a, 8)
      c20 = f32x4.add(c20, f32x4.mul(a2, b0))
      c21 = f32x4.add(c21, f32x4.mul(a2, b1))
      const a3 = v128.load32_splat(a, 12)
      c30 = f32x4.add(c30, f32x4.mul(a3, b0))
      c31 = f32x4.add(c31, f32x4.mul(a3, b1))
      a += aStep
      b += bStep
    } while (--rest > 0)
    a += aSkip
  }
  if (mode & TRANSPOSED) {
    storeTransposed(c, cStride, c00, c10, c20, c30, mode)
    storeTransposed(c + 4 * cStride, cStride, c01, c11, c21, c31, mode)
    return
  }
  storeRow8(c, c00, c01, mode)
  storeRow8(c + cStride, c10, c11, mode)
  storeRow8(c + 2 * cStride, c20, c21, mode)
  storeRow8(c + 3 * cStride, c30, c31, mode)
}

/** As tile8, for four columns. */
export function tile4(
  a: usize, aStep: usize, aSkip: usize, segments: i32, length: i32,
  b: usize, bStep: usize, c: usize, cStride: usize, bias: usize, mode: i32,
): void {
  let c0 = f32x4.splat(0), c1 = f32x4.splat(0), c2 = f32x4.splat(0), c3 = f32x4.splat(0)
  if (mode & BIAS_ROW) {
    c0 = c1 = c2 = c3 = v128.load(bias)
  } else if (mode & BIAS_COLUMN) {
    c0 = v128.load32_splat(bias)
    c1 = v128.load32_splat(bias, 4)
    c2 = v128.load32_splat(bias, 8)
    c3 = v128.load32_splat(bias, 12)
  }
  for (; segments > 0; segments--) {
    let rest = length
    do {
      const b0 = v128.load(b)
      c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a), b0))
      c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(a, 4), b0))
      c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(a, 8), b0))
      c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(a, 12), b0))
      a += aStep
      b += bStep
    } while (--rest > 0)
    a += aSkip
  }
  if (mode & TRANSPOSED) {
    storeTransposed(c, cStride, c0, c1, c2, c3, mode)
    return
  }
  storeRow4(c, c0, mode)
  storeRow4(c + cStride, c1, mode)
  storeRow4(c + 2 * cStride, c2, mode)
  storeRow4(c + 3 * cStride, c3, mode)
}

@inline
function storeRow4(to: usize, x: v128, mode: i32): void {
  if (mode & ADD) x = f32x4.add(v128.load(to), x)
  v128.store(to, finish(x, mode))
}

@inline
function storeRow8(to: usize, x: v128, y: v128, mode: i32): void {
  storeRow4(to, x, mode)
  storeRow4(to + 16, y, mode)
}

/** Four rows of four columns as four columns of four rows. */
function storeTransposed(to: usize, stride: usize, x0: v128, x1: v128, x2: v128, x3: v128, mode: i32): void {
  const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5)
  const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7)
  const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5)
  const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7)
  storeRow4(to, v128.shuffle<f64>(low01, low23, 0, 2), mode)
  storeRow4(to + stride, v128.shuffle<f64>(low01, low23, 1, 3), mode)
  storeRow4(to + 2 * stride, v128.shuffle<f64>(high01, high23, 0, 2), mode)
  storeRow4(to + 3 * stride, v128.shuffle<f64>(high01, high23, 1, 3), mode)
}
