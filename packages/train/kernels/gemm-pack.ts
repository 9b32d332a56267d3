import { COLUMNS, GemmTask, ROWS } from './gemm-task'

/** Columns of a full panel of B. */
export const PANEL: i32 = 16
/** Numbers of a column that are transposed at a time. */
const TRANSPOSED_PIECE: i32 = 128

/** Columns of the panel that holds so many of the rest; those past the end get what lies there. */
@inline
export function panelWidth(rest: i32): i32 {
  return rest > 8 ? 16 : rest > 4 ? 8 : 4
}

/** Four rows of `length` floats become columns of four at to, to + step, … */
function interleaveFour(r0: usize, r1: usize, r2: usize, r3: usize, length: i32, to: usize, step: usize): void {
  let rest = length
  for (; rest >= 4; rest -= 4) {
    const x0 = v128.load(r0)
    const x1 = v128.load(r1)
    const x2 = v128.load(r2)
    const x3 = v128.load(r3)
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5)
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7)
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5)
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2))
    v128.store(to + step, v128.shuffle<f64>(low01, low23, 1, 3))
    v128.store(to + 2 * step, v128.shuffle<f64>(high01, high23, 0, 2))
    v128.store(to + 3 * step, v128.shuffle<f64>(high01, high23, 1, 3))
    r0 += 16
    r1 += 16
    r2 += 16
    r3 += 16
    to += 4 * step
  }
  for (; rest > 0; rest--) {
    store<f32>(to, load<f32>(r0))
    store<f32>(to, load<f32>(r1), 4)
    store<f32>(to, load<f32>(r2), 8)
    store<f32>(to, load<f32>(r3), 12)
    r0 += 4
    r1 += 4
    r2 += 4
    r3 += 4
    to += step
  }
}

/** Two rows of `length` contiguous floats become pairs. */
@inline
function pairRows(r0: usize, r1: usize, length: i32, to: usize): void {
  let rest = length
  for (; rest >= 4; rest -= 4) {
    const x = v128.load(r0)
    const y = v128.load(r1)
    v128.store(to, v128.shuffle<f32>(x, y, 0, 4, 1, 5))
    v128.store(to, v128.shuffle<f32>(x, y, 2, 6, 3, 7), 16)
    r0 += 16
    r1 += 16
    to += 32
  }
  for (; rest > 0; rest--) {
    store<f32>(to, load<f32>(r0))
    store<f32>(to, load<f32>(r1), 4)
    r0 += 4
    r1 += 4
    to += 8
  }
}

/** The same for rows whose numbers are `stride` bytes apart. */
@inline
function pairColumns(r0: usize, r1: usize, stride: usize, length: i32, to: usize): void {
  if (r1 == r0 + 4) {
    for (let k = 0; k < length; k++) {
      store<u64>(to, load<u64>(r0))
      r0 += stride
      to += 8
    }
    return
  }
  for (let k = 0; k < length; k++) {
    store<f32>(to, load<f32>(r0))
    store<f32>(to, load<f32>(r1), 4)
    r0 += stride
    r1 += stride
    to += 8
  }
}

/** Address of row m of A; rows past the end are the last one, whose products are not stored. */
@inline
function rowOfA(task: GemmTask, base: usize, m: i32): usize {
  const row = min(m, task.groups * task.groupRows - 1)
  const group = row / task.groupRows
  const stride: usize = task.aLayout == ROWS ? task.aStride : 4
  return base + <usize>group * task.aGroupStride + <usize>(row - group * task.groupRows) * stride
}

/** Rows [from, to) of A as pairs, k × 2, of the first `length` numbers of each of `segments` segments from `base`. */
export function packA(task: GemmTask, base: usize, from: i32, to: i32, segments: i32, length: i32): void {
  let out = task.packedA
  for (let m = from; m < to; m += 2) {
    let r0 = rowOfA(task, base, m)
    let r1 = rowOfA(task, base, m + 1)
    for (let s = 0; s < segments; s++) {
      if (task.aLayout == ROWS) pairRows(r0, r1, length, out)
      else pairColumns(r0, r1, task.aStride, length, out)
      out += <usize>length << 3
      r0 += task.segmentStride
      r1 += task.segmentStride
    }
  }
}

/** Columns [from, to) of B and all k as panels of k × 16, the last one narrower if that is enough. */
export function packB(task: GemmTask, base: usize, from: i32, to: i32): void {
  const depth = task.segments * task.segmentLength
  let out = task.packedB
  for (let n = from; n < to; n += PANEL) {
    const width = panelWidth(to - n)
    if (task.bLayout == COLUMNS) packTransposed(task, base, n, width, depth, out)
    else copyPanel(base + (<usize>n << 2), task.bStride, depth, width, out)
    out += <usize>(depth * width) << 2
  }
}

/** In pieces of k that stay in the first-level cache until all parts of the panel are written. */
function packTransposed(task: GemmTask, base: usize, n: i32, width: i32, depth: i32, to: usize): void {
  const last = task.columns - 1
  for (let start = 0; start < depth; start += TRANSPOSED_PIECE) {
    const from = base + (<usize>start << 2)
    const piece = to + (<usize>(start * width) << 2)
    for (let part = 0; part < width; part += 4) {
      const r0 = from + <usize>min(n + part, last) * task.bStride
      const r1 = from + <usize>min(n + part + 1, last) * task.bStride
      const r2 = from + <usize>min(n + part + 2, last) * task.bStride
      const r3 = from + <usize>min(n + part + 3, last) * task.bStride
      const length = min(TRANSPOSED_PIECE, depth - start)
      interleaveFour(r0, r1, r2, r3, length, piece + (<usize>part << 2), <usize>width << 2)
    }
  }
}

function copyPanel(from: usize, stride: usize, depth: i32, width: i32, to: usize): void {
  for (let k = 0; k < depth; k++) {
    v128.store(to, v128.load(from))
    if (width > 4) v128.store(to, v128.load(from, 16), 16)
    if (width > 8) {
      v128.store(to, v128.load(from, 32), 32)
      v128.store(to, v128.load(from, 48), 48)
    }
    from += stride
    to += <usize>width << 2
  }
}

/** Copies an image into the frame of zeros. */
export function padImage(task: GemmTask, from: usize): void {
  let to = task.padded + task.padStart
  for (let y = 0; y < task.padRows; y++) {
    copyFloats(to, from, task.padRowBytes)
    from += task.padRowBytes
    to += task.paddedRowBytes
  }
}

function copyFloats(to: usize, from: usize, bytes: usize): void {
  const end = to + bytes
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.load(from))
  for (; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from))
}
