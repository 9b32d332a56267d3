/**
 * The first layer on inputs that are mostly zeros, such as digits on a black ground or categories: products with zeros
 * are left out. Weights are k × units here, so that those of one input lie one after the other. Sums run over the same
 * numbers in the same order and in the same pieces as in `gemm`, so they come out the same, bit by bit, for finite
 * weights.
 */

import { LEAKY_RELU, RELU } from './activation-code'
import { ADD, FINISH_LEAKY, FINISH_RELU, storeFour } from './gemm-store'
import { descend } from './optimiser'

/** Bytes of a pair: where the weights of an input (or the derivatives of a sample) begin, and its value. */
const PAIR: usize = 8
/** Numbers that are summed at a time: measured faster than 16, 20 and 24, and than 32, probably for want of registers. */
const WIDE: i32 = 28
/** Rows after which inputs with too few zeros are given up. */
const TRIAL: i32 = 4

/**
 * Writes the inputs that are not zero, as pairs, row by row, and where the pairs of each row and piece begin: rows ×
 * pieces + 1 numbers. Returns 0 when more than half of the inputs are not zero; then the pairs are not complete.
 */
export function compressRows(
  x: usize, rows: i32, inputs: i32, pieceLength: i32, weightStride: i32, starts: usize, pairs: usize,
): i32 {
  let count = 0
  let from = x
  for (let row = 0; row < rows; row++) {
    for (let first = 0; first < inputs; first += pieceLength) {
      store<i32>(starts, count)
      starts += 4
      const end = min(first + pieceLength, inputs)
      // There is room for half of the inputs.
      if ((count + end - first) * 2 > rows * inputs) return 0
      let k = first
      while (k + 4 <= end) {
        if (k + 16 <= end && isZero16(from)) {
          k += 16
          from += 64
          continue
        }
        if (v128.any_true(f32x4.ne(v128.load(from), f32x4.splat(0)))) {
          for (let lane = 0; lane < 4; lane++) count = append(load<f32>(from + (<usize>lane << 2)), (k + lane) * weightStride, pairs, count)
        }
        k += 4
        from += 16
      }
      for (; k < end; k++) {
        count = append(load<f32>(from), k * weightStride, pairs, count)
        from += 4
      }
    }
    if (row + 1 >= TRIAL && count * 2 > (row + 1) * inputs) return 0
  }
  store<i32>(starts, count)
  return 1
}

@inline
function isZero16(at: usize): bool {
  const low = v128.or(v128.load(at), v128.load(at, 16))
  const high = v128.or(v128.load(at, 32), v128.load(at, 48))
  return !v128.any_true(v128.or(low, high))
}

/** Without a branch, which nobody could predict: a pair that is a zero is written over by the next. */
@inline
function append(value: f32, place: i32, pairs: usize, count: i32): i32 {
  const to = pairs + <usize>count * PAIR
  store<i32>(to, place)
  store<f32>(to, value, 4)
  return count + <i32>(value != 0)
}

/** C = A·B + bias with the activation: rows × units; `kernel` is k × units, of which units is a multiple of 4. */
export function sparseProduct(
  starts: usize, pairs: usize, rows: i32, pieces: i32, kernel: usize, units: i32, bias: usize, c: usize, activation: i32,
): void {
  const stride = <usize>units << 2
  for (let unit = 0; unit < units; ) {
    const at = <usize>unit << 2
    const width = widthAt(units - unit)
    // The weights of a piece stay in the first-level cache for all rows.
    for (let piece = 0; piece < pieces; piece++) {
      let mode = piece > 0 ? ADD : 0
      if (piece + 1 == pieces && activation == RELU) mode |= FINISH_RELU
      if (piece + 1 == pieces && activation == LEAKY_RELU) mode |= FINISH_LEAKY
      const start = bias != 0 && piece == 0 ? bias + at : 0
      for (let row = 0; row < rows; row++) {
        const to = c + <usize>row * stride + at
        const begin = starts + (<usize>(row * pieces + piece) << 2)
        const first = pairs + <usize>load<i32>(begin) * PAIR
        const end = pairs + <usize>load<i32>(begin, 4) * PAIR
        if (width == WIDE) sumWide(first, end, kernel + at, start, to, mode)
        else if (width == 16) sum16(first, end, kernel + at, start, to, mode)
        else sum4(first, end, kernel + at, start, to, mode)
      }
    }
    unit += width
  }
}

/** The pairs by input instead of by row; `starts`: inputs + 1 numbers. */
export function transposePairs(
  rowStarts: usize, rowPairs: usize, rows: i32, pieces: i32, weightStride: i32, rowStride: i32, inputs: i32, starts: usize, pairs: usize,
): void {
  const reciprocal = <u64>((1 << 32) / <i64>weightStride) + 1
  // One number on: the counter of an input goes from the beginning of its pairs to their end.
  const counters = starts + 4
  memory.fill(starts, 0, <usize>(inputs + 1) << 2)
  const all = load<i32>(rowStarts + (<usize>(rows * pieces) << 2))
  for (let p = rowPairs, end = rowPairs + <usize>all * PAIR; p < end; p += PAIR) {
    const counter = counters + (inputOf(load<u32>(p), reciprocal) << 2)
    store<i32>(counter, load<i32>(counter) + 1)
  }
  let sum = 0
  for (let counter = counters, end = counters + (<usize>inputs << 2); counter < end; counter += 4) {
    const count = load<i32>(counter)
    store<i32>(counter, sum)
    sum += count
  }
  for (let row = 0; row < rows; row++) {
    const first = load<i32>(rowStarts + (<usize>(row * pieces) << 2))
    const last = load<i32>(rowStarts + (<usize>((row + 1) * pieces) << 2))
    const place = row * rowStride
    for (let p = rowPairs + <usize>first * PAIR, end = rowPairs + <usize>last * PAIR; p < end; p += PAIR) {
      const counter = counters + (inputOf(load<u32>(p), reciprocal) << 2)
      const to = pairs + <usize>load<i32>(counter) * PAIR
      store<i32>(counter, load<i32>(counter) + 1)
      store<i32>(to, place)
      store<f32>(to, load<f32>(p, 4), 4)
    }
  }
}

/** Which input's weights begin here: a division by their stride, exact for its multiples below 2³². */
@inline
function inputOf(place: u32, reciprocal: u64): usize {
  return <usize>((<u64>place * reciprocal) >> 32)
}

/** The derivative by the kernel, k × units, from those by the product, rows × units. */
export function sparseGradient(
  starts: usize, pairs: usize, inputs: i32, dz: usize, units: i32, to: usize,
): void {
  const stride = <usize>units << 2
  for (let k = 0; k < inputs; k++) {
    gradientOf(starts, pairs, k, dz, units, to + <usize>k * stride)
  }
}

/**
 * Steps of gradient descent by that derivative, whose rows are formed in `row` and used at once: `weights` and
 * `velocities` are k × units. See `descend`.
 */
export function sparseDescend(
  starts: usize, pairs: usize, inputs: i32, dz: usize, units: i32, row: usize,
  weights: usize, velocities: usize, rate: f32, momentum: f32, decay: f32,
): void {
  const stride = <usize>units << 2
  for (let k = 0; k < inputs; k++) {
    gradientOf(starts, pairs, k, dz, units, row)
    const at = <usize>k * stride
    descend(weights + at, velocities + at, row, units, rate, momentum, decay)
  }
}

@inline
function gradientOf(starts: usize, pairs: usize, k: i32, dz: usize, units: i32, to: usize): void {
  const first = pairs + <usize>load<i32>(starts + (<usize>k << 2)) * PAIR
  const end = pairs + <usize>load<i32>(starts + (<usize>k << 2), 4) * PAIR
  for (let unit = 0; unit < units; ) {
    const at = <usize>unit << 2
    const width = widthAt(units - unit)
    if (width == WIDE) sumWide(first, end, dz + at, 0, to + at, 0)
    else if (width == 16) sum16(first, end, dz + at, 0, to + at, 0)
    else sum4(first, end, dz + at, 0, to + at, 0)
    unit += width
  }
}

/** How many units of those that are left are summed at a time. */
@inline
function widthAt(left: i32): i32 {
  return left == WIDE || left >= WIDE + 16 ? WIDE : left >= 16 ? 16 : 4
}

/** The sum of value × WIDE numbers at base + place, over pairs; it begins with as many at `start`, or with 0. */
@inline
function sumWide(pair: usize, end: usize, base: usize, start: usize, to: usize, mode: i32): void {
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let c2 = f32x4.splat(0)
  let c3 = f32x4.splat(0)
  let c4 = f32x4.splat(0)
  let c5 = f32x4.splat(0)
  let c6 = f32x4.splat(0)
  if (start != 0) {
    c0 = v128.load(start, 0)
    c1 = v128.load(start, 16)
    c2 = v128.load(start, 32)
    c3 = v128.load(start, 48)
    c4 = v128.load(start, 64)
    c5 = v128.load(start, 80)
    c6 = v128.load(start, 96)
  }
  for (; pair < end; pair += 2 * PAIR) {
    const b = base + <usize>load<u32>(pair)
    const a = v128.load32_splat(pair, 4)
    c0 = f32x4.add(c0, f32x4.mul(a, v128.load(b)))
    c1 = f32x4.add(c1, f32x4.mul(a, v128.load(b, 16)))
    c2 = f32x4.add(c2, f32x4.mul(a, v128.load(b, 32)))
    c3 = f32x4.add(c3, f32x4.mul(a, v128.load(b, 48)))
    c4 = f32x4.add(c4, f32x4.mul(a, v128.load(b, 64)))
    c5 = f32x4.add(c5, f32x4.mul(a, v128.load(b, 80)))
    c6 = f32x4.add(c6, f32x4.mul(a, v128.load(b, 96)))
    if (pair + PAIR == end) break
    const b1 = base + <usize>load<u32>(pair, 8)
    const a1 = v128.load32_splat(pair, 12)
    c0 = f32x4.add(c0, f32x4.mul(a1, v128.load(b1)))
    c1 = f32x4.add(c1, f32x4.mul(a1, v128.load(b1, 16)))
    c2 = f32x4.add(c2, f32x4.mul(a1, v128.load(b1, 32)))
    c3 = f32x4.add(c3, f32x4.mul(a1, v128.load(b1, 48)))
    c4 = f32x4.add(c4, f32x4.mul(a1, v128.load(b1, 64)))
    c5 = f32x4.add(c5, f32x4.mul(a1, v128.load(b1, 80)))
    c6 = f32x4.add(c6, f32x4.mul(a1, v128.load(b1, 96)))
  }
  storeFour(to + 0, c0, mode)
  storeFour(to + 16, c1, mode)
  storeFour(to + 32, c2, mode)
  storeFour(to + 48, c3, mode)
  storeFour(to + 64, c4, mode)
  storeFour(to + 80, c5, mode)
  storeFour(to + 96, c6, mode)
}

/** The same for 16 numbers. */
@inline
function sum16(pair: usize, end: usize, base: usize, start: usize, to: usize, mode: i32): void {
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let c2 = f32x4.splat(0)
  let c3 = f32x4.splat(0)
  if (start != 0) {
    c0 = v128.load(start, 0)
    c1 = v128.load(start, 16)
    c2 = v128.load(start, 32)
    c3 = v128.load(start, 48)
  }
  for (; pair < end; pair += PAIR) {
    const b = base + <usize>load<u32>(pair)
    const a = v128.load32_splat(pair, 4)
    c0 = f32x4.add(c0, f32x4.mul(a, v128.load(b, 0)))
    c1 = f32x4.add(c1, f32x4.mul(a, v128.load(b, 16)))
    c2 = f32x4.add(c2, f32x4.mul(a, v128.load(b, 32)))
    c3 = f32x4.add(c3, f32x4.mul(a, v128.load(b, 48)))
  }
  storeFour(to + 0, c0, mode)
  storeFour(to + 16, c1, mode)
  storeFour(to + 32, c2, mode)
  storeFour(to + 48, c3, mode)
}

/** The same for four numbers. */
@inline
function sum4(pair: usize, end: usize, base: usize, start: usize, to: usize, mode: i32): void {
  let c = start == 0 ? f32x4.splat(0) : v128.load(start)
  for (; pair < end; pair += PAIR)
    c = f32x4.add(c, f32x4.mul(v128.load32_splat(pair, 4), v128.load(base + <usize>load<u32>(pair))))
  storeFour(to, c, mode)
}

/** B[column][row] = A[row][column], in blocks of 4 × 4; what is left at the ends one by one. */
export function transpose(from: usize, rows: i32, columns: i32, to: usize): void {
  const across = <usize>columns << 2
  const along = <usize>rows << 2
  for (let column = 0; column + 4 <= columns; column += 4) {
    let row = 0
    for (; row + 4 <= rows; row += 4) {
      const a = from + <usize>row * across + (<usize>column << 2)
      const b = to + <usize>column * along + (<usize>row << 2)
      const x = v128.load(a), y = v128.load(a + across), z = v128.load(a + 2 * across), w = v128.load(a + 3 * across)
      const xy = v128.shuffle<f32>(x, y, 0, 4, 1, 5), zw = v128.shuffle<f32>(z, w, 0, 4, 1, 5)
      const xyHigh = v128.shuffle<f32>(x, y, 2, 6, 3, 7), zwHigh = v128.shuffle<f32>(z, w, 2, 6, 3, 7)
      v128.store(b, v128.shuffle<f64>(xy, zw, 0, 2))
      v128.store(b + along, v128.shuffle<f64>(xy, zw, 1, 3))
      v128.store(b + 2 * along, v128.shuffle<f64>(xyHigh, zwHigh, 0, 2))
      v128.store(b + 3 * along, v128.shuffle<f64>(xyHigh, zwHigh, 1, 3))
    }
    for (; row < rows; row++)
      for (let k = 0; k < 4; k++) copyOne(from, row, column + k, across, to, along)
  }
  for (let column = columns & ~3; column < columns; column++)
    for (let row = 0; row < rows; row++) copyOne(from, row, column, across, to, along)
}

@inline
function copyOne(from: usize, row: i32, column: i32, across: usize, to: usize, along: usize): void {
  const value = load<f32>(from + <usize>row * across + (<usize>column << 2))
  store<f32>(to + <usize>column * along + (<usize>row << 2), value)
}
