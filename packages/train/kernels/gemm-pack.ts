import { COLUMNS, GemmTask, TILE_COLUMNS } from './gemm-task'

/** Four rows of `length` floats become columns of four at to, to + step, … */
function interleave(r0: usize, r1: usize, r2: usize, r3: usize, length: i32, to: usize, step: usize): void {
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

/** Address of row m of A; rows past the end are the last one, whose products are not stored. */
function rowOfA(task: GemmTask, base: usize, m: i32): usize {
  const row = min(m, task.groups * task.groupRows - 1)
  const group = row / task.groupRows
  return base + <usize>group * task.aGroupStride + <usize>(row - group * task.groupRows) * task.aStride
}

/** Rows [from, to) of A (by fours) and the given pieces of their segments, as tiles of k × 4. */
export function packRowsOfA(task: GemmTask, base: usize, from: i32, to: i32, segments: i32, length: i32): void {
  let out = task.packedA
  for (let m = from; m < to; m += 4) {
    let r0 = rowOfA(task, base, m)
    let r1 = rowOfA(task, base, m + 1)
    let r2 = rowOfA(task, base, m + 2)
    let r3 = rowOfA(task, base, m + 3)
    for (let s = 0; s < segments; s++) {
      interleave(r0, r1, r2, r3, length, out, 16)
      out += <usize>length << 4
      r0 += task.segmentStride
      r1 += task.segmentStride
      r2 += task.segmentStride
      r3 += task.segmentStride
    }
  }
}

/** Bytes between consecutive k of the panel that begins at this column of B. */
export function packedStep(remaining: i32): usize {
  return remaining > 4 ? 32 : 16
}

/** Columns [from, to) of B and all k as panels of k × 8, the last of k × 4 if that is enough. */
export function packB(task: GemmTask, base: usize, from: i32, to: i32): void {
  const depth = task.segments * task.segmentLength
  let out = task.packedB
  for (let n = from; n < to; n += TILE_COLUMNS) {
    const step = packedStep(to - n)
    if (task.bLayout == COLUMNS) {
      const last = task.columns - 1
      for (let half = 0; half < <i32>step; half += 16) {
        const first = n + (half >> 2)
        const r0 = base + <usize>min(first, last) * task.bStride
        const r1 = base + <usize>min(first + 1, last) * task.bStride
        const r2 = base + <usize>min(first + 2, last) * task.bStride
        const r3 = base + <usize>min(first + 3, last) * task.bStride
        interleave(r0, r1, r2, r3, depth, out + half, step)
      }
      out += <usize>depth * step
    } else {
      out = copyPanel(base + (<usize>n << 2), task.bStride, depth, step, out)
    }
  }
}

/** Columns past the end get what lies there; their products are not stored. */
function copyPanel(from: usize, stride: usize, depth: i32, step: usize, to: usize): usize {
  for (let k = 0; k < depth; k++) {
    v128.store(to, v128.load(from))
    if (step == 32) v128.store(to, v128.load(from, 16), 16)
    from += stride
    to += step
  }
  return to
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
