/**
 * Order statistics of n rows, four coordinates at a time: a sorting network for exactly n, pruned to what is asked for,
 * written out as WebAssembly. Comparators work on integer keys x ^ ((x >> 31) >>> 1), which sort like the floats, −0
 * before +0.
 */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { layout } from './runtime.js'

/** The lesser of i and j goes to i and the greater to j; an output that nobody needs is not computed. */
export interface Comparator {
  readonly i: number
  readonly j: number
  readonly needsMin: boolean
  readonly needsMax: boolean
}

/** Batcher's odd-even merge sort for any n (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M). */
export function batcherPairs(n: number): [number, number][] {
  const pairs: [number, number][] = []
  let top = 1
  while (2 * top < n) top *= 2
  for (let p = n < 2 ? 0 : top; p > 0; p = Math.floor(p / 2)) {
    let [q, r, d] = [top, 0, p]
    for (;;) {
      for (let i = 0; i < n - d; i++) if ((i & p) === r) pairs.push([i, i + d])
      if (q === p) break
      d = q - p
      q /= 2
      r = p
    }
  }
  return pairs
}

/** The comparators that the ranks from ≤ rank ≤ to depend on, found backwards from the end. */
export function prunedNetwork(n: number, from: number, to: number): Comparator[] {
  const needed = Array.from({ length: n }, (_, rank) => rank >= from && rank <= to)
  const kept: Comparator[] = []
  for (const [i, j] of batcherPairs(n).reverse()) {
    const [needsMin, needsMax] = [needed[i], needed[j]]
    if (!needsMin && !needsMax) continue
    needed[i] = true
    needed[j] = true
    kept.push({ i, j, needsMin, needsMax })
  }
  return kept.reverse()
}

/** Key to float32 bits or back: x ^ ((x >> 31) >>> 1). `scratch` holds x meanwhile. */
function flipKey(code: FunctionCode, scratch: number): FunctionCode {
  return code.tee(scratch).get(scratch).i32(31).simd(simd.shrS).i32(1).simd(simd.shrU).simd(simd.xor)
}

const HIGH_TO_LOW = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]

/** Leaves the low or the high two float32 of a local as two float64. */
function half(code: FunctionCode, index: number, high: boolean): FunctionCode {
  code.get(index)
  if (high) code.get(index).shuffle(HIGH_TO_LOW)
  return code.simd(simd.promote)
}

interface Frame {
  readonly code: FunctionCode
  /** One local a row: sorted float32 bits where the network needed them. */
  readonly rows: readonly number[]
}

/**
 * kernel(shift, length, out): the loop around a network. Row addresses come from the layout's table; `decoded` ranks are
 * floats again when `finish` runs, which leaves the four results on the stack.
 */
function frame(n: number, decoded: readonly [number, number], finish: (frame: Frame) => void): FunctionCode {
  const code = new FunctionCode(3)
  const [shift, length, out] = [0, 1, 2]
  const end = code.local(I32)
  const scratch = code.local(V128)
  const rows = Array.from({ length: n }, () => code.local(V128))
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(end)
  return code.loop(() => {
    rows.forEach((row, j) => {
      code
        .i32(0)
        .memory(wasm.i32Load, layout.table + 4 * j)
        .get(shift)
        .op(wasm.i32Add)
        .vector(simd.load, 0)
      flipKey(code, scratch).set(row)
    })
    for (const { i, j, needsMin, needsMax } of prunedNetwork(n, decoded[0], decoded[1])) {
      if (needsMin) code.get(rows[i]).get(rows[j]).simd(simd.minS)
      if (needsMax) code.get(rows[i]).get(rows[j]).simd(simd.maxS).set(rows[j])
      if (needsMin) code.set(rows[i])
    }
    for (let rank = decoded[0]; rank <= decoded[1]; rank++) {
      code.get(rows[rank])
      flipKey(code, scratch).set(rows[rank])
    }
    code.get(out)
    finish({ code, rows })
    code.vector(simd.store, 0)
    code.advance(out, 16).advance(shift, 16)
    code.get(shift).get(end).op(wasm.i32LtU)
  })
}

/** Leaves four float32: the two float64 sums of either half, divided. */
function quotient(code: FunctionCode, low: number, high: number, divisor: number): void {
  for (const sum of [low, high]) {
    code.get(sum).f64(divisor).simd(simd.splatF64).simd(simd.divF64).simd(simd.demote)
  }
  code.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
}

/** `middleMean` of kernels/coordinate.ts for n rows. */
export function middleMeanCode(n: number, skip: number): FunctionCode {
  const last = n - skip - 1
  return frame(n, [skip, last], ({ code, rows }) => {
    if (last === skip) {
      code.get(rows[skip])
      return
    }
    const sums = [code.local(V128), code.local(V128)]
    sums.forEach((sum, high) => {
      half(code, rows[skip], high === 1).set(sum)
      for (let rank = skip + 1; rank <= last; rank++) {
        code.get(sum)
        half(code, rows[rank], high === 1)
          .simd(simd.addF64)
          .set(sum)
      }
    })
    quotient(code, sums[0], sums[1], n - 2 * skip)
  })
}

/**
 * `closestMean` of kernels/coordinate.ts for n rows. drop[a] tells that the window starts above rank a; it holds for
 * the ranks below the start and for no other, so rank i counts iff not drop[i] and (i < keep or drop[i − keep]).
 */
export function closestMeanCode(n: number, keep: number): FunctionCode {
  return frame(n, [0, n - 1], ({ code, rows }) => {
    const middle = (n - 1) >> 1
    const median = code.local(V128)
    const sums = [code.local(V128), code.local(V128)]
    const drop = Array.from({ length: n - keep }, () => code.local(V128))
    sums.forEach((sum, high) => {
      const at = (rank: number): FunctionCode => half(code, rows[rank], high === 1)
      at(middle)
      if (n % 2 === 0) {
        at(middle + 1).simd(simd.addF64)
        code.f64(2).simd(simd.splatF64).simd(simd.divF64)
      }
      code.set(median)
      drop.forEach((mask, a) => {
        at(a + keep)
          .get(median)
          .simd(simd.subF64)
        code.get(median)
        at(a).simd(simd.subF64).simd(simd.ltF64).set(mask)
      })
      code.f64(0).simd(simd.splatF64).set(sum)
      for (let rank = 0; rank < n; rank++) {
        at(rank)
        if (rank < drop.length) code.get(drop[rank]).simd(simd.andNot)
        if (rank >= keep) code.get(drop[rank - keep]).simd(simd.and)
        code.get(sum).simd(simd.addF64).set(sum)
      }
    })
    quotient(code, sums[0], sums[1], keep)
  })
}
