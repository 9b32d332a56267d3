/**
 * Products of matrices, in the blocking of Goto and van de Geijn (ACM TOMS 2008): panels of B and blocks of A are
 * packed so that the innermost loop reads both in order; operands that lie in order already are read in place. Each
 * number of C is a sum over k in pieces of at most DEPTH, in ascending order, whatever the sizes of the other
 * dimensions are.
 */

import { packB, packedStep, packRowsOfA, padImage } from './gemm-pack'
import { A_BLOCK, COLUMNS, DEPTH, DIRECT, GemmTask, KEPT, ROWS, TILE_COLUMNS, TILE_ROWS } from './gemm-task'
import {
  ADD, BIAS_COLUMN, BIAS_ROW, FINISH_LEAKY, FINISH_RELU, TRANSPOSED, tile4, tile8,
} from './gemm-tile'
import { LEAKY_RELU, RELU } from './activation-code'

/** A piece of k: whole segments, or a part of one. */
let pieceSegments: i32 = 0
let pieceLength: i32 = 0
/** Its first k, and how far its first float of A is from that of k = 0. */
let pieceStart: i32 = 0
let pieceOffset: usize = 0

export function gemm(address: usize): void {
  const task = changetype<GemmTask>(address)
  const direct = task.bLayout == DIRECT
  const packs = !direct && task.bLayout != KEPT
  const shared = task.bItem == 0
  if (task.padRows > 0) memory.fill(task.padded, 0, task.paddedBytes)
  for (let from = 0; from < task.columns; from += task.blockColumns) {
    const to = min(from + task.blockColumns, task.columns)
    if (packs && shared) packB(task, task.b, from, to)
    let adds = task.accumulate != 0
    for (let item = 0; item < task.items; item++) {
      const b = task.b + <usize>item * task.bItem
      if (packs && !shared) packB(task, b, from, to)
      let a = task.a + <usize>item * task.aItem
      if (task.padRows > 0) {
        padImage(task, a)
        a = task.padded
      }
      const operand = direct ? b + (<usize>from << 2) : task.packedB
      multiply(task, a + task.aStart, operand, from, to, task.c + <usize>item * task.cItem, adds)
      if (task.cItem == 0) adds = true
    }
  }
}

/** One item; b is the first float of column `from`. */
function multiply(task: GemmTask, a: usize, b: usize, from: i32, to: i32, c: usize, adds: bool): void {
  const segmentsAtOnce = max(1, DEPTH / task.segmentLength)
  for (let segment = 0; segment < task.segments; segment += segmentsAtOnce) {
    for (let start = 0; start < task.segmentLength; start += DEPTH) {
      pieceSegments = min(segmentsAtOnce, task.segments - segment)
      pieceLength = min(DEPTH, task.segmentLength - start)
      pieceStart = segment * task.segmentLength + start
      const step: usize = task.aLayout == ROWS ? 4 : task.aStride
      pieceOffset = <usize>segment * task.segmentStride + <usize>start * step
      const last = segment + pieceSegments == task.segments && start + pieceLength == task.segmentLength
      multiplyPiece(task, a, b, from, to, c, modeOf(task, adds || pieceStart > 0, last))
    }
  }
}

function modeOf(task: GemmTask, adds: bool, last: bool): i32 {
  let mode = adds ? ADD : 0
  if (!adds && task.bias != 0) mode |= task.transposed ? BIAS_COLUMN : BIAS_ROW
  if (last && task.activation == RELU) mode |= FINISH_RELU
  if (last && task.activation == LEAKY_RELU) mode |= FINISH_LEAKY
  return task.transposed ? mode | TRANSPOSED : mode
}

function multiplyPiece(task: GemmTask, a: usize, b: usize, from: i32, to: i32, c: usize, mode: i32): void {
  if (task.aLayout == COLUMNS) {
    for (let group = 0; group < task.groups; group++) {
      const first = group * task.groupRows
      const rows = a + pieceOffset + <usize>group * task.aGroupStride
      multiplyBlock(task, rows, 16, first, first + task.groupRows, b, from, to, c, mode)
    }
    return
  }
  const rows = task.groups * task.groupRows
  const tileBytes = (pieceSegments * pieceLength) << 4
  const atOnce = max(TILE_ROWS, (A_BLOCK / tileBytes) * TILE_ROWS)
  for (let first = 0; first < rows; first += atOnce) {
    const end = min(first + atOnce, rows)
    packRowsOfA(task, a + pieceOffset, first, end, pieceSegments, pieceLength)
    multiplyBlock(task, task.packedA, tileBytes, first, end, b, from, to, c, mode)
  }
}

/** Rows [first, end) of C; their operands lie at a, tileStep bytes apart for each four. */
function multiplyBlock(
  task: GemmTask, a: usize, tileStep: usize, first: i32, end: i32,
  b: usize, from: i32, to: i32, c: usize, mode: i32,
): void {
  const depth = task.segments * task.segmentLength
  const even = task.cGroupStride == <usize>task.groupRows * task.cStride
  const direct = task.bLayout == DIRECT
  for (let n = from; n < to; n += TILE_COLUMNS) {
    const columns = min(TILE_COLUMNS, to - n)
    const step = direct ? task.bStride : packedStep(to - n)
    const panel = direct
      ? b + (<usize>(n - from) << 2)
      : b + <usize>(n - from) * <usize>(depth << 2)
    const operand = panel + <usize>pieceStart * step
    let rows = a
    for (let m = first; m < end; m += TILE_ROWS) {
      const height = min(TILE_ROWS, end - m)
      const bias = task.bias + (<usize>(mode & BIAS_ROW ? n : m) << 2)
      const whole = height == TILE_ROWS && (columns == TILE_COLUMNS || columns == 4)
      if (whole && (even || task.transposed)) {
        const place = task.transposed
          ? c + (<usize>m << 2) + <usize>n * task.cStride
          : c + <usize>m * task.cStride + (<usize>n << 2)
        runTile(task, rows, columns, operand, step, place, task.cStride, bias, mode)
      } else if (whole && m / task.groupRows == (m + 3) / task.groupRows) {
        runTile(task, rows, columns, operand, step, placeOfC(task, c, m, n), task.cStride, bias, mode)
      } else {
        runEdge(task, rows, height, columns, operand, step, c, m, n, bias, mode)
      }
      rows += tileStep
    }
  }
}

@inline
function runTile(
  task: GemmTask, a: usize, columns: i32, b: usize, bStep: usize, c: usize, cStride: usize, bias: usize, mode: i32,
): void {
  const packed = task.aLayout == ROWS
  const aStep = packed ? <usize>16 : task.aStride
  const segments = packed ? 1 : pieceSegments
  const length = packed ? pieceSegments * pieceLength : pieceLength
  const skip = packed ? <usize>0 : task.segmentStride - <usize>pieceLength * aStep
  if (columns > 4) tile8(a, aStep, skip, segments, length, b, bStep, c, cStride, bias, mode)
  else tile4(a, aStep, skip, segments, length, b, bStep, c, cStride, bias, mode)
}

function placeOfC(task: GemmTask, c: usize, m: i32, n: i32): usize {
  if (task.transposed) return c + (<usize>m << 2) + <usize>n * task.cStride
  if (m < task.groupRows) return c + <usize>m * task.cStride + (<usize>n << 2)
  const group = m / task.groupRows
  return c + <usize>group * task.cGroupStride + <usize>(m - group * task.groupRows) * task.cStride + (<usize>n << 2)
}

/** A tile of which only some rows and columns exist, or whose rows are not equally far apart: by way of the scratch tile. */
function runEdge(
  task: GemmTask, a: usize, height: i32, columns: i32, b: usize, bStep: usize,
  c: usize, m: i32, n: i32, bias: usize, mode: i32,
): void {
  const tile = task.packedA + A_BLOCK
  const stride: usize = mode & TRANSPOSED ? 16 : 32
  if (mode & ADD) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < columns; j++) {
        const inside = mode & TRANSPOSED ? <usize>(j * 4 + i) : <usize>(i * 8 + j)
        store<f32>(tile + (inside << 2), load<f32>(placeOfC(task, c, m + i, n + j)))
      }
    }
  }
  runTile(task, a, columns, b, bStep, tile, stride, bias, mode)
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < columns; j++) {
      const inside = mode & TRANSPOSED ? <usize>(j * 4 + i) : <usize>(i * 8 + j)
      store<f32>(placeOfC(task, c, m + i, n + j), load<f32>(tile + (inside << 2)))
    }
  }
}
