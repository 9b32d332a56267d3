/** Linear combinations; see fixed-kernels.ts for what holds for all kernels. */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { promoted } from './distance-kernels.js'

/** Stores eight float64 (in pairs) as float32 or float64 at the address in `to`, plus a constant. */
function storePairs(
  code: FunctionCode,
  sums: readonly number[],
  to: number,
  at: number,
  wide: boolean,
): void {
  sums.forEach((sum, q) => {
    if (wide)
      code
        .get(to)
        .get(sum)
        .vector(simd.store, 16 * q + 2 * at)
    else if (q % 2 === 0) {
      code
        .get(to)
        .get(sum)
        .simd(simd.demote)
        .get(sums[q + 1])
        .simd(simd.demote)
      code.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]).vector(simd.store, 8 * q + at)
    }
  })
}

/**
 * combine(rows, shift, coefficients, count, length, out): out = Σ_j c_j·row_j, terms in order, sixteen values at a time;
 * the coefficients are float64. count ≥ 1.
 */
export function combine(wide: boolean): FunctionCode {
  const code = new FunctionCode(6)
  const [rows, shift, coefficients, count, length, out] = [0, 1, 2, 3, 4, 5]
  const [row, c, x, last, offset, end] = Array.from({ length: 6 }, () => code.local(I32))
  const sums = Array.from({ length: 8 }, () => code.local(V128))
  const factor = code.local(V128)
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  code.get(shift).set(offset)
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(end)
  const begin = (): void => {
    code.get(row).memory(wasm.i32Load, 0).get(offset).op(wasm.i32Add).set(x)
    code.get(c).vector(simd.splatLoad64, 0).set(factor)
  }
  const term = (q: number): void => {
    code.get(factor)
    promoted(code, x, 8 * q).simd(simd.mulF64)
  }
  return code.loop(() => {
    code.get(rows).set(row).get(coefficients).set(c)
    begin()
    sums.forEach((sum, q) => {
      term(q)
      code.set(sum)
    })
    code.advance(row, 4).advance(c, 8)
    // A block that is left at once when there is only one row.
    code
      .op(wasm.block)
      .op(wasm.emptyType)
      .get(row)
      .get(last)
      .op(wasm.i32LtU)
      .op(wasm.i32Eqz)
      .op(wasm.brIf)
      .op(0)
    code.loop(() => {
      begin()
      sums.forEach((sum, q) => {
        code.get(sum)
        term(q)
        code.simd(simd.addF64).set(sum)
      })
      code.advance(row, 4).advance(c, 8)
      code.get(row).get(last).op(wasm.i32LtU)
    })
    code.op(wasm.end)
    storePairs(code, sums, out, 0, wide)
    code.advance(out, wide ? 128 : 64).advance(offset, 64)
    code.get(offset).get(end).op(wasm.i32LtU)
  })
}

/**
 * anchored(anchor, rows, shift, coefficients, count, length, out): out = anchor + Σ_j c_j·(row_j − anchor), eight
 * values at a time. count ≥ 1; the anchor's address is complete, without the shift.
 */
export function anchored(): FunctionCode {
  const code = new FunctionCode(7)
  const [anchor, rows, shift, coefficients, count, length, out] = [0, 1, 2, 3, 4, 5, 6]
  const [row, c, x, last, offset, end] = Array.from({ length: 6 }, () => code.local(I32))
  const sums = Array.from({ length: 4 }, () => code.local(V128))
  const origin = Array.from({ length: 4 }, () => code.local(V128))
  const factor = code.local(V128)
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  code.get(shift).set(offset)
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(end)
  return code.loop(() => {
    code.get(rows).set(row).get(coefficients).set(c)
    sums.forEach((sum, q) => {
      promoted(code, anchor, 8 * q)
        .tee(origin[q])
        .set(sum)
    })
    code.loop(() => {
      code.get(row).memory(wasm.i32Load, 0).get(offset).op(wasm.i32Add).set(x)
      code.get(c).vector(simd.splatLoad64, 0).set(factor)
      sums.forEach((sum, q) => {
        code.get(sum).get(factor)
        promoted(code, x, 8 * q)
          .get(origin[q])
          .simd(simd.subF64)
        code.simd(simd.mulF64).simd(simd.addF64).set(sum)
      })
      code.advance(row, 4).advance(c, 8)
      code.get(row).get(last).op(wasm.i32LtU)
    })
    storePairs(code, sums, out, 0, false)
    code.advance(out, 32).advance(offset, 32).advance(anchor, 32)
    code.get(offset).get(end).op(wasm.i32LtU)
  })
}
