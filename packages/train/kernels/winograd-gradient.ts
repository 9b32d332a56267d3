/**
 * The gradient of a 3×3 kernel by the transforms of `winograd.ts`: with e the gradient of a tile of 2×2 outputs it is
 * Gᵀ[Σ (Bᵀ d B) ⊙ (A e Aᵀ)]G, the sum over tiles and samples. These sums are 16 products of matrices.
 */

import { panelWidth } from './gemm-pack'
import { ADD, storeRow } from './gemm-store'
import { tiles16, tiles4, tiles8 } from './gemm-tile'
import { copyImage, HALVES, placeOfTile, transformRows, WinogradTask } from './winograd'

/** Reads the image at `from` and the gradient of the outputs at `to`, and writes that of the kernel at `kernel`. */
export function winogradGradient(address: usize): void {
  const task = changetype<WinogradTask>(address)
  const tilesY = (task.toHeight + 1) >> 1
  const tilesX = (task.toWidth + 1) >> 1
  const row = <usize>((2 * tilesX + 2) * task.channels) << 2
  memory.fill(task.frame, 0, <usize>(2 * tilesY + 2) * row)
  const count = tilesY * tilesX
  for (let sample = 0; sample < task.samples; sample++) {
    copyImage(task, sample, row)
    for (let first = 0; first < count; first += task.atOnce) {
      const depth = min(task.atOnce, count - first)
      for (let k = 0; k < depth; k++) {
        transformInput(task, placeOfTile(task, first + k, tilesX, row), row, k, depth)
        transformGradient(task, sample, first + k, tilesX, k, depth)
      }
      accumulate(task, depth, sample == 0 && first == 0 ? 0 : ADD)
    }
  }
  transformSums(task)
}

/** Bᵀ d B of tile k as part of pairs of channels, tiles × 2. */
function transformInput(task: WinogradTask, from: usize, row: usize, k: i32, depth: i32): void {
  const column = <usize>task.channels << 2
  const set = <usize>(task.atOnce * ((task.channels + 1) & ~1)) << 2
  const pair = <usize>depth << 3
  const held = task.frame - HALVES
  for (let c = 0; c < task.channels; c += 4) {
    transformRows(from + (<usize>c << 2), row, column, held)
    const both = c + 2 < task.channels
    let place = task.tiles + <usize>(c >> 1) * pair + (<usize>k << 3)
    for (let y: usize = 0; y < 256; y += 64) {
      const x0 = v128.load(held + y)
      const x1 = v128.load(held + y, 16)
      const x2 = v128.load(held + y, 32)
      const x3 = v128.load(held + y, 48)
      splitPairs(place, f32x4.sub(x0, x2), pair, both)
      splitPairs(place + set, f32x4.add(x1, x2), pair, both)
      splitPairs(place + 2 * set, f32x4.sub(x2, x1), pair, both)
      splitPairs(place + 3 * set, f32x4.sub(x1, x3), pair, both)
      place += 4 * set
    }
  }
}

@inline
function splitPairs(to: usize, x: v128, pair: usize, both: bool): void {
  v128.store64_lane(to, x, 0)
  if (both) v128.store64_lane(to + pair, x, 1)
}

/** A e Aᵀ of tile k as row k of the panels. */
function transformGradient(task: WinogradTask, sample: i32, tile: i32, tilesX: i32, k: i32, depth: i32): void {
  const v = tile / tilesX
  const u = tile - v * tilesX
  const stride = <usize>task.filters << 2
  const set = <usize>(task.atOnce * ((task.filters + 15) & ~15)) << 2
  const from = task.to + <usize>((sample * task.toHeight + 2 * v) * task.toWidth + 2 * u) * stride
  const low = from + <usize>task.toWidth * stride
  const below = 2 * v + 1 < task.toHeight
  const right = 2 * u + 1 < task.toWidth
  const zero = f32x4.splat(0)
  for (let n = 0; n < task.filters; n += 16) {
    const width = panelWidth(task.filters - n)
    const panel = task.products + (<usize>(n * depth + k * width) << 2)
    for (let part = 0; part < width && n + part < task.filters; part += 4) {
      const at = <usize>(n + part) << 2
      const e00 = v128.load(from + at)
      const e01 = right ? v128.load(from + stride + at) : zero
      const e10 = below ? v128.load(low + at) : zero
      const e11 = below && right ? v128.load(low + stride + at) : zero
      const to = panel + (<usize>part << 2)
      storeGradientRow(to, set, e00, e01)
      storeGradientRow(to + 4 * set, set, f32x4.add(e00, e10), f32x4.add(e01, e11))
      storeGradientRow(to + 8 * set, set, f32x4.sub(e00, e10), f32x4.sub(e01, e11))
      storeGradientRow(to + 12 * set, set, f32x4.neg(e10), f32x4.neg(e11))
    }
  }
}

@inline
function storeGradientRow(to: usize, set: usize, x: v128, y: v128): void {
  v128.store(to, x)
  v128.store(to + set, f32x4.add(x, y))
  v128.store(to + 2 * set, f32x4.sub(x, y))
  v128.store(to + 3 * set, f32x4.neg(y))
}

/** Adds the products of these tiles: 16 × channels × filters. */
function accumulate(task: WinogradTask, depth: i32, mode: i32): void {
  const inputs = <usize>(task.atOnce * ((task.channels + 1) & ~1)) << 2
  const gradients = <usize>(task.atOnce * ((task.filters + 15) & ~15)) << 2
  const stride = <usize>task.filters << 2
  for (let position: usize = 0; position < 16; position++) {
    const a = task.tiles + position * inputs
    const c = task.kernels + position * (<usize>task.channels * stride)
    for (let n = 0; n < task.filters; n += 16) {
      const width = panelWidth(task.filters - n)
      const b = task.products + position * gradients + (<usize>(n * depth) << 2)
      const place = c + (<usize>n << 2)
      const columns = task.filters - n
      if (width == 16) tiles16(task.channels, a, b, depth, place, stride, 0, columns, mode)
      else if (width == 8) tiles8(task.channels, a, b, depth, place, stride, 0, columns, mode)
      else tiles4(task.channels, a, b, depth, place, stride, 0, columns, mode)
    }
  }
}

/** Gᵀ s G of the sums of each pair of channel and filter. */
function transformSums(task: WinogradTask): void {
  const length = task.channels * task.filters
  const set = <usize>length << 2
  const half = f32x4.splat(0.5)
  const held = task.frame - HALVES
  for (let k = 0; k < length; k += 4) {
    const from = task.kernels + (<usize>k << 2)
    for (let x: usize = 0; x < 4; x++) {
      const s0 = v128.load(from + x * set)
      const s1 = v128.load(from + (4 + x) * set)
      const s2 = v128.load(from + (8 + x) * set)
      const s3 = v128.load(from + (12 + x) * set)
      const middle = f32x4.mul(f32x4.add(s1, s2), half)
      v128.store(held + 16 * x, f32x4.add(s0, middle))
      v128.store(held + 16 * x, f32x4.mul(f32x4.sub(s1, s2), half), 64)
      v128.store(held + 16 * x, f32x4.add(middle, s3), 128)
    }
    let to = task.kernel + (<usize>k << 2)
    for (let y: usize = 0; y < 192; y += 64) {
      const s1 = v128.load(held + y, 16)
      const s2 = v128.load(held + y, 32)
      const middle = f32x4.mul(f32x4.add(s1, s2), half)
      storeRow(to, f32x4.add(v128.load(held + y), middle), length - k, 0)
      storeRow(to + set, f32x4.mul(f32x4.sub(s1, s2), half), length - k, 0)
      storeRow(to + 2 * set, f32x4.add(middle, v128.load(held + y, 48)), length - k, 0)
      to += 3 * set
    }
  }
}
