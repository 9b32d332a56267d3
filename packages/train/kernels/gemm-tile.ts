/**
 * Register tiles of two rows and 16, 8 or 4 columns. Sums run over k in ascending order.
 *
 * The shape follows from what V8 makes of it: it moves all loads of a basic block to its beginning, so an exit after
 * each k keeps their number, and with it the spilling of accumulators, down; broadcasts use the same units of the
 * processor as additions and multiplications, plain loads do not, so wide and low is faster than square.
 */

import { BIAS_COLUMN, BIAS_ROW, storeColumns, storeFour, storeRow, TRANSPOSED } from './gemm-store'

/**
 * `rows` rows of C from c on, in pairs. a: k × 2 for each pair; b: k × 16; c: rows cStride apart (with TRANSPOSED
 * columns); bias: the first number of these rows or columns; `width`: how many of the columns exist.
 */
export function tiles16(
  rows: i32, a: usize, b: usize, depth: i32, c: usize, cStride: usize, bias: usize, width: i32, mode: i32,
): void {
  for (; rows > 0; rows -= 2) {
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0)
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0)
    if (mode & BIAS_ROW) {
      c00 = c10 = v128.load(bias)
      c01 = c11 = v128.load(bias, 16)
      c02 = c12 = v128.load(bias, 32)
      c03 = c13 = v128.load(bias, 48)
    } else if (mode & BIAS_COLUMN) {
      c00 = c01 = c02 = c03 = v128.load32_splat(bias)
      c10 = c11 = c12 = c13 = v128.load32_splat(bias, 4)
      bias += 8
    }
    let p = b
    let rest = depth
    while (true) {
      {
        const b0 = v128.load(p), b1 = v128.load(p, 16), b2 = v128.load(p, 32), b3 = v128.load(p, 48)
        const a0 = v128.load32_splat(a), a1 = v128.load32_splat(a, 4)
        c00 = f32x4.add(c00, f32x4.mul(a0, b0))
        c01 = f32x4.add(c01, f32x4.mul(a0, b1))
        c02 = f32x4.add(c02, f32x4.mul(a0, b2))
        c03 = f32x4.add(c03, f32x4.mul(a0, b3))
        c10 = f32x4.add(c10, f32x4.mul(a1, b0))
        c11 = f32x4.add(c11, f32x4.mul(a1, b1))
        c12 = f32x4.add(c12, f32x4.mul(a1, b2))
        c13 = f32x4.add(c13, f32x4.mul(a1, b3))
      }
      if (rest == 1) { a += 8; break }
      {
        const b0 = v128.load(p, 64), b1 = v128.load(p, 80), b2 = v128.load(p, 96), b3 = v128.load(p, 112)
        const a0 = v128.load32_splat(a, 8), a1 = v128.load32_splat(a, 12)
        c00 = f32x4.add(c00, f32x4.mul(a0, b0))
        c01 = f32x4.add(c01, f32x4.mul(a0, b1))
        c02 = f32x4.add(c02, f32x4.mul(a0, b2))
        c03 = f32x4.add(c03, f32x4.mul(a0, b3))
        c10 = f32x4.add(c10, f32x4.mul(a1, b0))
        c11 = f32x4.add(c11, f32x4.mul(a1, b1))
        c12 = f32x4.add(c12, f32x4.mul(a1, b2))
        c13 = f32x4.add(c13, f32x4.mul(a1, b3))
      }
      if (rest == 2) { a += 16; break }
      {
        const b0 = v128.load(p, 128), b1 = v128.load(p, 144), b2 = v128.load(p, 160), b3 = v128.load(p, 176)
        const a0 = v128.load32_splat(a, 16), a1 = v128.load32_splat(a, 20)
        c00 = f32x4.add(c00, f32x4.mul(a0, b0))
        c01 = f32x4.add(c01, f32x4.mul(a0, b1))
        c02 = f32x4.add(c02, f32x4.mul(a0, b2))
        c03 = f32x4.add(c03, f32x4.mul(a0, b3))
        c10 = f32x4.add(c10, f32x4.mul(a1, b0))
        c11 = f32x4.add(c11, f32x4.mul(a1, b1))
        c12 = f32x4.add(c12, f32x4.mul(a1, b2))
        c13 = f32x4.add(c13, f32x4.mul(a1, b3))
      }
      if (rest == 3) { a += 24; break }
      {
        const b0 = v128.load(p, 192), b1 = v128.load(p, 208), b2 = v128.load(p, 224), b3 = v128.load(p, 240)
        const a0 = v128.load32_splat(a, 24), a1 = v128.load32_splat(a, 28)
        c00 = f32x4.add(c00, f32x4.mul(a0, b0))
        c01 = f32x4.add(c01, f32x4.mul(a0, b1))
        c02 = f32x4.add(c02, f32x4.mul(a0, b2))
        c03 = f32x4.add(c03, f32x4.mul(a0, b3))
        c10 = f32x4.add(c10, f32x4.mul(a1, b0))
        c11 = f32x4.add(c11, f32x4.mul(a1, b1))
        c12 = f32x4.add(c12, f32x4.mul(a1, b2))
        c13 = f32x4.add(c13, f32x4.mul(a1, b3))
      }
      a += 32
      p += 256
      rest -= 4
      if (rest == 0) break
    }
    if (mode & TRANSPOSED) {
      storeColumns(c, cStride, c00, c10, rows, width, mode)
      storeColumns(c + 4 * cStride, cStride, c01, c11, rows, width - 4, mode)
      storeColumns(c + 8 * cStride, cStride, c02, c12, rows, width - 8, mode)
      storeColumns(c + 12 * cStride, cStride, c03, c13, rows, width - 12, mode)
      c += 8
      continue
    }
    if (width >= 16 && rows > 1) {
      storeFour(c, c00, mode)
      storeFour(c + 16, c01, mode)
      storeFour(c + 32, c02, mode)
      storeFour(c + 48, c03, mode)
      c += cStride
      storeFour(c, c10, mode)
      storeFour(c + 16, c11, mode)
      storeFour(c + 32, c12, mode)
      storeFour(c + 48, c13, mode)
      c += cStride
      continue
    }
    storeRow(c, c00, width, mode)
    storeRow(c + 16, c01, width - 4, mode)
    storeRow(c + 32, c02, width - 8, mode)
    storeRow(c + 48, c03, width - 12, mode)
    c += cStride
    if (rows == 1) return
    storeRow(c, c10, width, mode)
    storeRow(c + 16, c11, width - 4, mode)
    storeRow(c + 32, c12, width - 8, mode)
    storeRow(c + 48, c13, width - 12, mode)
    c += cStride
  }
}

/** As tiles16, for k × 8. */
export function tiles8(
  rows: i32, a: usize, b: usize, depth: i32, c: usize, cStride: usize, bias: usize, width: i32, mode: i32,
): void {
  for (; rows > 0; rows -= 2) {
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0)
    if (mode & BIAS_ROW) {
      c00 = c10 = v128.load(bias)
      c01 = c11 = v128.load(bias, 16)
    } else if (mode & BIAS_COLUMN) {
      c00 = c01 = v128.load32_splat(bias)
      c10 = c11 = v128.load32_splat(bias, 4)
      bias += 8
    }
    let p = b
    let rest = depth
    do {
      const b0 = v128.load(p), b1 = v128.load(p, 16)
      const a0 = v128.load32_splat(a), a1 = v128.load32_splat(a, 4)
      c00 = f32x4.add(c00, f32x4.mul(a0, b0))
      c01 = f32x4.add(c01, f32x4.mul(a0, b1))
      c10 = f32x4.add(c10, f32x4.mul(a1, b0))
      c11 = f32x4.add(c11, f32x4.mul(a1, b1))
      a += 8
      p += 32
    } while (--rest > 0)
    if (mode & TRANSPOSED) {
      storeColumns(c, cStride, c00, c10, rows, width, mode)
      storeColumns(c + 4 * cStride, cStride, c01, c11, rows, width - 4, mode)
      c += 8
      continue
    }
    storeRow(c, c00, width, mode)
    storeRow(c + 16, c01, width - 4, mode)
    c += cStride
    if (rows == 1) return
    storeRow(c, c10, width, mode)
    storeRow(c + 16, c11, width - 4, mode)
    c += cStride
  }
}

/** As tiles16, for k × 4: two pairs at a time, since a single one would wait for its own sums. */
export function tiles4(
  rows: i32, a: usize, b: usize, depth: i32, c: usize, cStride: usize, bias: usize, width: i32, mode: i32,
): void {
  const pair = <usize>depth << 3
  for (; rows > 0; rows -= 4) {
    const other = a + (rows > 2 ? pair : 0)
    let c0 = f32x4.splat(0), c1 = f32x4.splat(0), c2 = f32x4.splat(0), c3 = f32x4.splat(0)
    if (mode & BIAS_ROW) {
      c0 = c1 = c2 = c3 = v128.load(bias)
    } else if (mode & BIAS_COLUMN) {
      c0 = v128.load32_splat(bias)
      c1 = v128.load32_splat(bias, 4)
      c2 = v128.load32_splat(bias, 8)
      c3 = v128.load32_splat(bias, 12)
      bias += 16
    }
    let p = b
    let q = other
    let rest = depth
    do {
      const b0 = v128.load(p)
      c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a), b0))
      c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(a, 4), b0))
      c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(q), b0))
      c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(q, 4), b0))
      a += 8
      q += 8
      p += 16
    } while (--rest > 0)
    a = q
    if (mode & TRANSPOSED) {
      storeColumns(c, cStride, c0, c1, rows, width, mode)
      if (rows > 2) storeColumns(c + 8, cStride, c2, c3, rows - 2, width, mode)
      c += 16
      continue
    }
    storeRow(c, c0, width, mode)
    if (rows > 1) storeRow(c + cStride, c1, width, mode)
    if (rows > 2) storeRow(c + 2 * cStride, c2, width, mode)
    if (rows > 3) storeRow(c + 3 * cStride, c3, width, mode)
    c += 4 * cStride
  }
}
