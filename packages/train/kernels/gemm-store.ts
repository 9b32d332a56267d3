/** How a tile's sums begin and end. */

/** Bits of `mode`. */
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

/** Four numbers of a row. */
@inline
export function storeFour(to: usize, x: v128, mode: i32): void {
  v128.store(to, finish(mode & ADD ? f32x4.add(v128.load(to), x) : x, mode))
}

/** The first `width` of four numbers of a row; at least four: all of them. */
export function storeRow(to: usize, x: v128, width: i32, mode: i32): void {
  if (width <= 0) return
  if (mode & ADD) x = f32x4.add(v128.load(to), x)
  x = finish(x, mode)
  if (width >= 4) {
    v128.store(to, x)
    return
  }
  v128.store32_lane(to, x, 0)
  if (width > 1) v128.store32_lane(to, x, 1, 4)
  if (width > 2) v128.store32_lane(to, x, 2, 8)
}

/** Four columns, of which `width` exist, of two rows: to be stored as rows `stride` apart. */
export function storeColumns(to: usize, stride: usize, x: v128, y: v128, rows: i32, width: i32, mode: i32): void {
  if (width <= 0) return
  const low = v128.shuffle<f32>(x, y, 0, 4, 1, 5)
  const high = v128.shuffle<f32>(x, y, 2, 6, 3, 7)
  storePair(to, low, rows, mode)
  if (width > 1) storePair(to + stride, v128.shuffle<f64>(low, low, 1, 1), rows, mode)
  if (width > 2) storePair(to + 2 * stride, high, rows, mode)
  if (width > 3) storePair(to + 3 * stride, v128.shuffle<f64>(high, high, 1, 1), rows, mode)
}

@inline
function storePair(to: usize, pair: v128, rows: i32, mode: i32): void {
  if (mode & ADD) pair = f32x4.add(v128.load64_zero(to), pair)
  pair = finish(pair, mode)
  if (rows > 1) v128.store64_lane(to, pair, 0)
  else v128.store32_lane(to, pair, 0)
}
