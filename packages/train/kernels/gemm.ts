/**
 * Products of matrices, in the blocking of Goto and van de Geijn (ACM TOMS 2008): panels of B and blocks of rows of A
 * are packed so that the innermost loop reads both in order. Each number of C is a sum over k in pieces of at most
 * DEPTH, in ascending order, whatever the sizes of the other dimensions are.
 */

import { LEAKY_RELU, RELU } from './activation-code'
import { packA, packB, padImage, PANEL, panelWidth } from './gemm-pack'
import { ADD, BIAS_COLUMN, BIAS_ROW, FINISH_LEAKY, FINISH_RELU, TRANSPOSED } from './gemm-store'
import { A_BLOCK, DEPTH, GemmTask, KEPT, ROWS } from './gemm-task'
import { tiles16, tiles4, tiles8 } from './gemm-tile'

/** A piece of k: whole segments, or a part of one. */
let pieceSegments: i32 = 0
let pieceLength: i32 = 0
/** Its first k. */
let pieceStart: i32 = 0

export function gemm(address: usize): void {
  const task = changetype<GemmTask>(address)
  const packs = task.bLayout != KEPT
  const shared = task.bItem == 0
  if (task.padRows > 0) memory.fill(task.padded, 0, task.paddedBytes)
  for (let from = 0; from < task.columns; from += task.blockColumns) {
    const to = min(from + task.blockColumns, task.columns)
    if (packs && shared) packB(task, task.b, from, to)
    let adds = task.accumulate != 0
    for (let item = 0; item < task.items; item++) {
      if (packs && !shared) packB(task, task.b + <usize>item * task.bItem, from, to)
      let a = task.a + <usize>item * task.aItem
      if (task.padRows > 0) {
        padImage(task, a)
        a = task.padded
      }
      multiply(task, a + task.aStart, from, to, task.c + <usize>item * task.cItem, adds)
      if (task.cItem == 0) adds = true
    }
  }
}

/** One item, for columns [from, to) of C. */
function multiply(task: GemmTask, a: usize, from: i32, to: i32, c: usize, adds: bool): void {
  const atOnce = max(1, DEPTH / task.segmentLength)
  // Pieces of one segment of about the same length, a multiple of four.
  const pieces = (task.segmentLength + DEPTH - 1) / DEPTH
  const longest = ((task.segmentLength + pieces - 1) / pieces + 3) & ~3
  for (let segment = 0; segment < task.segments; segment += atOnce) {
    for (let start = 0; start < task.segmentLength; start += longest) {
      pieceSegments = min(atOnce, task.segments - segment)
      pieceLength = min(longest, task.segmentLength - start)
      pieceStart = segment * task.segmentLength + start
      const step: usize = task.aLayout == ROWS ? 4 : task.aStride
      const piece = a + <usize>segment * task.segmentStride + <usize>start * step
      const last = segment + pieceSegments == task.segments && start + pieceLength == task.segmentLength
      multiplyPiece(task, piece, from, to, c, modeOf(task, adds || pieceStart > 0, last))
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

/** Rows of C that are equally far apart, at most so many that their rows of A fit into the block, at a time. */
function multiplyPiece(task: GemmTask, a: usize, from: i32, to: i32, c: usize, mode: i32): void {
  const even = task.cGroupStride == <usize>task.groupRows * task.cStride
  const runs = even ? 1 : task.groups
  const rows = even ? task.groups * task.groupRows : task.groupRows
  const atOnce = (A_BLOCK / (pieceSegments * pieceLength)) >> 3 << 1
  for (let run = 0; run < runs; run++) {
    const place = c + <usize>run * task.cGroupStride
    for (let first = 0; first < rows; first += atOnce) {
      const end = min(first + atOnce, rows)
      packA(task, a, run * rows + first, run * rows + end, pieceSegments, pieceLength)
      multiplyBlock(task, first, end - first, from, to, place, mode)
    }
  }
}

/** The packed rows of A, `count` from `first` on, with all panels. */
function multiplyBlock(task: GemmTask, first: i32, count: i32, from: i32, to: i32, c: usize, mode: i32): void {
  const depth = pieceSegments * pieceLength
  let panel = task.packedB
  for (let n = from; n < to; n += PANEL) {
    const width = panelWidth(to - n)
    const b = panel + (<usize>(pieceStart * width) << 2)
    const bias = task.bias + (<usize>(mode & BIAS_ROW ? n : first) << 2)
    const across: usize = mode & TRANSPOSED ? 4 : task.cStride
    const along: usize = mode & TRANSPOSED ? task.cStride : 4
    const place = c + <usize>first * across + <usize>n * along
    if (width == 16) tiles16(count, task.packedA, b, depth, place, task.cStride, bias, to - n, mode)
    else if (width == 8) tiles8(count, task.packedA, b, depth, place, task.cStride, bias, to - n, mode)
    else tiles4(count, task.packedA, b, depth, place, task.cStride, bias, to - n, mode)
    panel += <usize>(task.segments * task.segmentLength * width) << 2
  }
}
