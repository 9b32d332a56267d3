/**
 * Convolution 3×3 with stride 1 in the form F(2×2, 3×3) of Winograd (Lavin and Gray, CVPR 2016): each tile of 2×2
 * outputs comes from 16 products per pair of channel and filter instead of 36. With d a tile of 4×4 inputs and g the
 * kernel, outputs are Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A; the sums over channels are 16 products of matrices.
 */

import { LEAKY_RELU, RELU } from './activation-code'
import { panelWidth } from './gemm-pack'
import { FINISH_LEAKY, FINISH_RELU, storeFour, storeRow } from './gemm-store'
import { tiles16, tiles4, tiles8 } from './gemm-tile'

/** Fields as `src/engine/wasm/stages/winograd.ts` writes them; addresses in bytes. */
@unmanaged
export class WinogradTask {
  samples: i32
  height: i32
  width: i32
  channels: i32
  toHeight: i32
  toWidth: i32
  filters: i32
  top: i32
  left: i32
  from: usize
  /** [3, 3, channels, filters] */
  kernel: usize
  /** 0: none. */
  bias: usize
  to: usize
  activation: i32
  /** Tiles in work at a time, an even number. */
  atOnce: i32
  /**
   * Scratch: a sample among zeros, (2·tilesY + 2) × (2·tilesX + 2) × channels; G g Gᵀ, 16 × channels × filters (rounded
   * up to 16); Bᵀ d B, 16 × atOnce × channels (rounded up to 2); their products, 16 × atOnce × filters (rounded up).
   */
  frame: usize
  kernels: usize
  tiles: usize
  products: usize
}

export function winograd(address: usize): void {
  const task = changetype<WinogradTask>(address)
  transformKernel(task)
  const tilesY = (task.toHeight + 1) >> 1
  const tilesX = (task.toWidth + 1) >> 1
  const row = <usize>((2 * tilesX + 2) * task.channels) << 2
  memory.fill(task.frame, 0, <usize>(2 * tilesY + 2) * row)
  const count = tilesY * tilesX
  for (let sample = 0; sample < task.samples; sample++) {
    copyImage(task, sample, row)
    for (let first = 0; first < count; first += task.atOnce) {
      const end = min(first + task.atOnce, count)
      for (let tile = first; tile < end; tile += 2) {
        const other = min(tile + 1, end - 1)
        transformTiles(
          task, placeOfTile(task, tile, tilesX, row), placeOfTile(task, other, tilesX, row), row,
          task.tiles + <usize>(tile - first) * (<usize>task.channels << 2),
        )
      }
      multiply(task, end - first)
      for (let tile = first; tile < end; tile++) transformProducts(task, sample, tile, tilesX, tile - first)
    }
  }
}

/** The kernel of the input gradient, [3, 3, filters, channels], its taps in reverse order. */
export function reverseKernel(kernel: usize, taps: i32, channels: i32, filters: i32, to: usize): void {
  for (let tap = taps - 1; tap >= 0; tap--) {
    for (let f = 0; f < filters; f++) {
      for (let c = 0; c < channels; c++) {
        store<f32>(to, load<f32>(kernel + (<usize>((tap * channels + c) * filters + f) << 2)))
        to += 4
      }
    }
  }
}

/** Writes G g Gᵀ as panels of the right operand, one set for each of the 16 positions. */
function transformKernel(task: WinogradTask): void {
  const tap = <usize>(task.channels * task.filters) << 2
  const set = <usize>(task.channels * ((task.filters + 15) & ~15)) << 2
  const half = f32x4.splat(0.5)
  for (let n = 0; n < task.filters; n += 16) {
    const width = panelWidth(task.filters - n)
    for (let c = 0; c < task.channels; c++) {
      for (let part = 0; part < width; part += 4) {
        const from = task.kernel + (<usize>(c * task.filters + n + part) << 2)
        const to = task.kernels + (<usize>(n * task.channels + c * width + part) << 2)
        for (let x = 0; x < 3; x++) {
          // Columns of G g, into the first three positions of each row.
          const g0 = v128.load(from + <usize>x * tap)
          const g1 = v128.load(from + <usize>(3 + x) * tap)
          const g2 = v128.load(from + <usize>(6 + x) * tap)
          const ends = f32x4.add(g0, g2)
          v128.store(to + <usize>x * set, g0)
          v128.store(to + <usize>(4 + x) * set, f32x4.mul(f32x4.add(ends, g1), half))
          v128.store(to + <usize>(8 + x) * set, f32x4.mul(f32x4.sub(ends, g1), half))
          v128.store(to + <usize>(12 + x) * set, g2)
        }
        for (let y: usize = 0; y < 16; y += 4) {
          const g0 = v128.load(to + y * set)
          const g1 = v128.load(to + (y + 1) * set)
          const g2 = v128.load(to + (y + 2) * set)
          const ends = f32x4.add(g0, g2)
          v128.store(to + (y + 1) * set, f32x4.mul(f32x4.add(ends, g1), half))
          v128.store(to + (y + 2) * set, f32x4.mul(f32x4.sub(ends, g1), half))
          v128.store(to + (y + 3) * set, g2)
        }
      }
    }
  }
}

export function copyImage(task: WinogradTask, sample: i32, row: usize): void {
  const bytes = <usize>(task.width * task.channels) << 2
  let from = task.from + <usize>(sample * task.height) * bytes
  let to = task.frame + <usize>task.top * row + (<usize>(task.left * task.channels) << 2)
  for (let y = 0; y < task.height; y++) {
    memory.copy(to, from, bytes)
    from += bytes
    to += row
  }
}

@inline
export function placeOfTile(task: WinogradTask, tile: i32, tilesX: i32, row: usize): usize {
  const v = tile / tilesX
  return task.frame + <usize>(2 * v) * row + (<usize>(2 * (tile - v * tilesX) * task.channels) << 2)
}

/** Where one vector of Bᵀ d is kept between the two halves of the transform: 2 tiles × 16 vectors below the frame. */
export const HALVES: usize = 512

/** Bᵀ d of one tile's four channels, into 16 vectors. */
@inline
export function transformRows(from: usize, row: usize, column: usize, to: usize): void {
  for (let x: usize = 0; x < 4; x++) {
    const place = from + x * column
    const d0 = v128.load(place)
    const d1 = v128.load(place + row)
    const d2 = v128.load(place + 2 * row)
    const d3 = v128.load(place + 3 * row)
    v128.store(to + 16 * x, f32x4.sub(d0, d2))
    v128.store(to + 16 * x, f32x4.add(d1, d2), 64)
    v128.store(to + 16 * x, f32x4.sub(d2, d1), 128)
    v128.store(to + 16 * x, f32x4.sub(d1, d3), 192)
  }
}

/** The first `count` of four pairs. */
@inline
function storePairs(to: usize, x: v128, y: v128, count: i32): void {
  const low = v128.shuffle<f32>(x, y, 0, 4, 1, 5)
  if (count == 1) {
    v128.store64_lane(to, low, 0)
    return
  }
  v128.store(to, low)
  const high = v128.shuffle<f32>(x, y, 2, 6, 3, 7)
  if (count >= 4) v128.store(to, high, 16)
  else if (count == 3) v128.store64_lane(to, high, 0, 16)
}

/** Bᵀ d B of two tiles as pairs: one set of channels × 2 for each of the 16 positions. */
function transformTiles(task: WinogradTask, first: usize, second: usize, row: usize, to: usize): void {
  const column = <usize>task.channels << 2
  const set = <usize>(task.atOnce * task.channels) << 2
  const held = task.frame - HALVES
  for (let c = 0; c < task.channels; c += 4) {
    const at = <usize>c << 2
    transformRows(first + at, row, column, held)
    transformRows(second + at, row, column, held + 256)
    const count = task.channels - c
    let place = to + 2 * at
    for (let y: usize = 0; y < 256; y += 64) {
      const x0 = v128.load(held + y), y0 = v128.load(held + y, 256)
      const x1 = v128.load(held + y, 16), y1 = v128.load(held + y, 272)
      const x2 = v128.load(held + y, 32), y2 = v128.load(held + y, 288)
      const x3 = v128.load(held + y, 48), y3 = v128.load(held + y, 304)
      storePairs(place, f32x4.sub(x0, x2), f32x4.sub(y0, y2), count)
      storePairs(place + set, f32x4.add(x1, x2), f32x4.add(y1, y2), count)
      storePairs(place + 2 * set, f32x4.sub(x2, x1), f32x4.sub(y2, y1), count)
      storePairs(place + 3 * set, f32x4.sub(x1, x3), f32x4.sub(y1, y3), count)
      place += 4 * set
    }
  }
}

function multiply(task: WinogradTask, count: i32): void {
  const kernels = <usize>(task.channels * ((task.filters + 15) & ~15)) << 2
  const tiles = <usize>(task.atOnce * task.channels) << 2
  const stride = <usize>task.filters << 2
  for (let position: usize = 0; position < 16; position++) {
    const a = task.tiles + position * tiles
    const c = task.products + position * (<usize>task.atOnce * stride)
    for (let n = 0; n < task.filters; n += 16) {
      const width = panelWidth(task.filters - n)
      const b = task.kernels + position * kernels + (<usize>(n * task.channels) << 2)
      const place = c + (<usize>n << 2)
      const columns = task.filters - n
      if (width == 16) tiles16(count, a, b, task.channels, place, stride, 0, columns, 0)
      else if (width == 8) tiles8(count, a, b, task.channels, place, stride, 0, columns, 0)
      else tiles4(count, a, b, task.channels, place, stride, 0, columns, 0)
    }
  }
}

/** Aᵀ m A of one tile, plus bias, through the activation; outputs outside the image are left out. */
function transformProducts(task: WinogradTask, sample: i32, tile: i32, tilesX: i32, index: i32): void {
  const v = tile / tilesX
  const u = tile - v * tilesX
  const stride = <usize>task.filters << 2
  const set = <usize>task.atOnce * stride
  const row = <usize>task.toWidth * stride
  const from = task.products + <usize>index * stride
  const to = task.to + <usize>((sample * task.toHeight + 2 * v) * task.toWidth + 2 * u) * stride
  const below = 2 * v + 1 < task.toHeight
  const right = 2 * u + 1 < task.toWidth
  const mode = task.activation == RELU ? FINISH_RELU : task.activation == LEAKY_RELU ? FINISH_LEAKY : 0
  for (let f = 0; f < task.filters; f += 4) {
    const at = <usize>f << 2
    const count = task.filters - f
    const bias = task.bias == 0 ? f32x4.splat(0) : v128.load(task.bias + at)
    let top0 = bias, top1 = bias, low0 = bias, low1 = bias
    for (let y: usize = 0; y < 4; y++) {
      // One row of m·A, which counts for one or both rows of outputs.
      const place = from + 4 * y * set + at
      const m1 = v128.load(place + set)
      const m2 = v128.load(place + 2 * set)
      const s0 = f32x4.add(f32x4.add(v128.load(place), m1), m2)
      const s1 = f32x4.sub(f32x4.sub(m1, m2), v128.load(place + 3 * set))
      if (y < 3) {
        top0 = f32x4.add(top0, s0)
        top1 = f32x4.add(top1, s1)
      }
      if (y == 1) {
        low0 = f32x4.add(low0, s0)
        low1 = f32x4.add(low1, s1)
      } else if (y > 1) {
        low0 = f32x4.sub(low0, s0)
        low1 = f32x4.sub(low1, s1)
      }
    }
    if (count >= 4 && below && right) {
      storeFour(to + at, top0, mode)
      storeFour(to + stride + at, top1, mode)
      storeFour(to + row + at, low0, mode)
      storeFour(to + row + stride + at, low1, mode)
      continue
    }
    storeRow(to + at, top0, count, mode)
    if (right) storeRow(to + stride + at, top1, count, mode)
    if (below) storeRow(to + row + at, low0, count, mode)
    if (below && right) storeRow(to + row + stride + at, low1, count, mode)
  }
}
