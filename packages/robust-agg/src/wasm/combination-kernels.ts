/** Linear combinations; see fixed-kernels.ts for conventions of all kernels. */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { promoted } from './distance-kernels.js'
import { SPAN_PARAMETERS, spanParameters } from './span-parameters.js'

/** Rows that are read in parallel: more streams than this overwhelm the processor's prefetching. */
const GROUP = 8
/** Values of a strip: its float64 sums stay in the first-level cache while the groups of rows are added. */
export const STRIP = 512

interface Flavour {
  /** The sums start from the anchor, and each term is c·(row − anchor) instead of c·row. */
  readonly anchored: boolean
  /** The results remain float64. */
  readonly wide: boolean
}

/** Stores pairs of float64 as float32 at an address in a local, plus a constant. */
function storeRounded(code: FunctionCode, sums: readonly number[], target: number, offset: number): void {
  for (let q = 0; q < sums.length; q += 2) {
    code.get(target)
    for (const sum of [sums[q], sums[q + 1]]) code.get(sum).simd(simd.demote)
    code.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
    code.vector(simd.store, 8 * q + offset)
  }
}

/** Adds the terms of rows `row` up to `stop` to the sums; afterwards `row` and `c` point behind them. */
function addTerms(
  code: FunctionCode,
  sums: readonly number[],
  origin: readonly number[],
  locals: { row: number; c: number; stop: number; offset: number; x: number; factor: number },
): void {
  const { row, c, stop, offset, x, factor } = locals
  code.loop(() => {
    code.get(row).memory(wasm.i32Load, 0).get(offset).op(wasm.i32Add).set(x)
    code.get(c).vector(simd.splatLoad64, 0).set(factor)
    sums.forEach((sum, q) => {
      code.get(sum).get(factor)
      promoted(code, x, 8 * q)
      if (origin.length > 0) code.get(origin[q]).simd(simd.subF64)
      code.simd(simd.mulF64).simd(simd.addF64).set(sum)
    })
    code.advance(row, 4).advance(c, 8)
    code.get(row).get(stop).op(wasm.i32LtU)
  })
}

/**
 * A span kernel: out = Σ_j c_j·row_j, or anchor + Σ_j c_j·(row_j − anchor), terms in order. Wide results are the
 * whole span in float64 at `out`; otherwise the sums of a strip are kept at `scratch` between groups of rows.
 */
export function combination({ anchored, wide }: Flavour): FunctionCode {
  const code = new FunctionCode(SPAN_PARAMETERS)
  const { anchor, rows, shift, coefficients, count, length, out, scratch } = spanParameters
  const [row, c, x, last, stop] = Array.from({ length: 5 }, () => code.local(I32))
  const [group, factors, offset, end, strip, at, target, last16] = Array.from({ length: 8 }, () =>
    code.local(I32),
  )
  // Eight values at a time if no anchor needs registers too, otherwise four.
  const width = anchored ? 4 : 8
  const sums = Array.from({ length: width }, () => code.local(V128))
  const origin = Array.from({ length: anchored ? width : 0 }, () => code.local(V128))
  const factor = code.local(V128)
  const bytes = 8 * width
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(end)
  code.get(wide ? out : scratch).set(strip)
  const block = (): void => {
    if (anchored) {
      code.get(anchor).get(offset).get(shift).op(wasm.i32Sub).op(wasm.i32Add).set(x)
      origin.forEach((value, q) => {
        promoted(code, x, 8 * q).set(value)
      })
    }
    code
      .get(group)
      .get(rows)
      .op(wasm.i32Eq)
      .either(
        () => {
          // −0 is the neutral element of addition.
          sums.forEach((sum, q) => {
            if (anchored) code.get(origin[q]).set(sum)
            else code.f64(-0).simd(simd.splatF64).set(sum)
          })
        },
        () => {
          sums.forEach((sum, q) => {
            code
              .get(at)
              .vector(simd.load, 16 * q)
              .set(sum)
          })
        },
      )
    code.get(group).set(row).get(factors).set(c)
    addTerms(code, sums, origin, { row, c, stop, offset, x, factor })
    const keep = (): void => {
      sums.forEach((sum, q) => {
        code
          .get(at)
          .get(sum)
          .vector(simd.store, 16 * q)
      })
    }
    if (wide) keep()
    else {
      code
        .get(stop)
        .get(last)
        .op(wasm.i32LtU)
        .either(keep, () => {
          storeRounded(code, sums, target, 0)
        })
      code.advance(target, bytes)
    }
    code.advance(at, 2 * bytes).advance(offset, bytes)
  }
  return code.loop(() => {
    // The strip ends at last16 or at the end of the span.
    code
      .get(shift)
      .i32(4 * STRIP)
      .op(wasm.i32Add)
      .tee(last16)
    code.get(end).get(last16).get(end).op(wasm.i32LtU).op(wasm.select).set(last16)
    code.get(rows).set(group).get(coefficients).set(factors)
    code.loop(() => {
      code
        .get(group)
        .i32(4 * GROUP)
        .op(wasm.i32Add)
        .tee(stop)
      code.get(last).get(stop).get(last).op(wasm.i32LtU).op(wasm.select).set(stop)
      code.get(shift).set(offset).get(strip).set(at).get(out).set(target)
      code.loop(() => {
        block()
        code.get(offset).get(last16).op(wasm.i32LtU)
      })
      code.advance(factors, 8 * GROUP)
      code.get(stop).tee(group).get(last).op(wasm.i32LtU)
    })
    if (wide) code.advance(strip, 8 * STRIP)
    else code.advance(out, 4 * STRIP)
    if (anchored) code.advance(anchor, 4 * STRIP)
    code.get(last16).tee(shift).get(end).op(wasm.i32LtU)
  })
}

/** Values of a strip of `shares`: the scaled rows of a strip fit into the first-level cache. */
export const SHARE_STRIP = 32

/**
 * A span kernel: several sums of rows, all rows multiplied by one factor. `coefficients` is the address of the
 * factor, a float64; `out` lists, for each result until an address 0, the result's address, its number of rows, and
 * for each of its rows k the offset k·8·SHARE_STRIP in the scratch memory. Terms in that order, at least one.
 */
export function shares(): FunctionCode {
  const code = new FunctionCode(SPAN_PARAMETERS)
  const { rows, shift, coefficients, count, length, out, scratch } = spanParameters
  const [row, x, at, last, end, list, stop, target, block, item] = Array.from({ length: 10 }, () =>
    code.local(I32),
  )
  const factor = code.local(V128)
  const sums = Array.from({ length: 8 }, () => code.local(V128))
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(end)
  code.get(coefficients).vector(simd.splatLoad64, 0).set(factor)
  return code.loop(() => {
    code.get(rows).set(row).get(scratch).set(at)
    code.loop(() => {
      code.get(row).memory(wasm.i32Load, 0).get(shift).op(wasm.i32Add).set(x)
      for (let q = 0; q < SHARE_STRIP / 2; q++) {
        code.get(at).get(factor)
        promoted(code, x, 8 * q)
          .simd(simd.mulF64)
          .vector(simd.store, 16 * q)
      }
      code.advance(at, 8 * SHARE_STRIP).advance(row, 4)
      code.get(row).get(last).op(wasm.i32LtU)
    })
    code.get(out).set(list)
    code.loop(() => {
      // stop: behind the result's list.
      code.get(list).i32(8).op(wasm.i32Add).tee(stop)
      code.get(list).memory(wasm.i32Load, 4).i32(2).op(wasm.i32Shl).op(wasm.i32Add).set(stop)
      code.get(list).memory(wasm.i32Load, 0).get(shift).op(wasm.i32Add).set(target)
      code.get(scratch).set(block)
      for (let part = 0; part < SHARE_STRIP / 16; part++) {
        code.get(list).i32(8).op(wasm.i32Add).set(item)
        for (const sum of sums) code.f64(-0).simd(simd.splatF64).set(sum)
        code.loop(() => {
          code.get(item).memory(wasm.i32Load, 0).get(block).op(wasm.i32Add).set(x)
          sums.forEach((sum, q) => {
            code
              .get(sum)
              .get(x)
              .vector(simd.load, 16 * q)
              .simd(simd.addF64)
              .set(sum)
          })
          code.advance(item, 4)
          code.get(item).get(stop).op(wasm.i32LtU)
        })
        storeRounded(code, sums, target, 64 * part)
        code.advance(block, 128)
      }
      code.get(stop).tee(list).memory(wasm.i32Load, 0)
    })
    code.advance(shift, 4 * SHARE_STRIP)
    code.get(shift).get(end).op(wasm.i32LtU)
  })
}
