/** Sums of squared differences; see fixed-kernels.ts for what holds for all kernels. */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'

/** Leaves two float64 on the stack: values 2q and 2q + 1 of the eight float32 at the address in `pointer`. */
export function promoted(code: FunctionCode, pointer: number, at: number): FunctionCode {
  return code.get(pointer).vector(simd.loadLow64, at).simd(simd.promote)
}

/** promote(from, to, length): float32 to float64. */
export function promote(): FunctionCode {
  const code = new FunctionCode(3)
  const [from, to, length] = [0, 1, 2]
  const end = code.local(I32)
  code.get(length).i32(2).op(wasm.i32Shl).get(from).op(wasm.i32Add).set(end)
  return code.loop(() => {
    for (let q = 0; q < 8; q++) {
      code.get(to)
      promoted(code, from, 8 * q).vector(simd.store, 16 * q)
    }
    code.advance(to, 128).advance(from, 64)
    code.get(from).get(end).op(wasm.i32LtU)
  })
}

/**
 * distances(anchor, rows, shift, count, length, out): out[j] += Σ (anchor − row_j)², one chunk of at most 2,048; the
 * anchor is float64. count ≥ 1, length ≥ 16.
 */
export function distances(): FunctionCode {
  const code = new FunctionCode(6)
  const [anchor, rows, shift, count, length, out] = [0, 1, 2, 3, 4, 5]
  const [a, x, end, last] = [code.local(I32), code.local(I32), code.local(I32), code.local(I32)]
  const sums = [code.local(V128), code.local(V128), code.local(V128), code.local(V128)]
  const step = code.local(V128)
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  return code.loop(() => {
    code.get(anchor).set(a)
    code.get(rows).memory(wasm.i32Load, 0).get(shift).op(wasm.i32Add).tee(x)
    code.get(length).i32(2).op(wasm.i32Shl).op(wasm.i32Add).set(end)
    for (const sum of sums) code.f64(0).simd(simd.splatF64).set(sum)
    code.loop(() => {
      for (let q = 0; q < 8; q++) {
        const sum = sums[q % 4]
        code.get(a).vector(simd.load, 16 * q)
        promoted(code, x, 8 * q)
          .simd(simd.subF64)
          .tee(step)
        code.get(step).simd(simd.mulF64).get(sum).simd(simd.addF64).set(sum)
      }
      code.advance(a, 128).advance(x, 64)
      code.get(x).get(end).op(wasm.i32LtU)
    })
    // out[j] += ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7))
    code.get(out).get(out).memory(wasm.f64Load, 0)
    const pair = (sum: number): void => {
      code.get(sum).lane(simd.laneF64, 0).get(sum).lane(simd.laneF64, 1).op(wasm.f64Add)
    }
    pair(sums[0])
    pair(sums[1])
    code.op(wasm.f64Add)
    pair(sums[2])
    pair(sums[3])
    code.op(wasm.f64Add).op(wasm.f64Add).op(wasm.f64Add).memory(wasm.f64Store, 0)
    code.advance(out, 8).advance(rows, 4)
    code.get(rows).get(last).op(wasm.i32LtU)
  })
}

/**
 * pairs(anchor, rows, shift, count, length, out): out[j] += Σ (anchor − row_j)², one chunk of at most 2,048, summed in
 * sixteen float32 lanes. count ≥ 1, length ≥ 16; the anchor's address is complete, without the shift.
 */
export function pairs(): FunctionCode {
  const code = new FunctionCode(6)
  const [anchor, rows, shift, count, length, out] = [0, 1, 2, 3, 4, 5]
  const [a, x, end, last] = [code.local(I32), code.local(I32), code.local(I32), code.local(I32)]
  const sums = [code.local(V128), code.local(V128), code.local(V128), code.local(V128)]
  const step = code.local(V128)
  code.get(count).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add).set(last)
  return code.loop(() => {
    code.get(anchor).set(a)
    code.get(rows).memory(wasm.i32Load, 0).get(shift).op(wasm.i32Add).tee(x)
    code.get(length).i32(2).op(wasm.i32Shl).op(wasm.i32Add).set(end)
    for (const sum of sums) code.i32(0).simd(simd.splatI32).set(sum)
    code.loop(() => {
      sums.forEach((sum, q) => {
        code
          .get(a)
          .vector(simd.load, 16 * q)
          .get(x)
          .vector(simd.load, 16 * q)
          .simd(simd.subF32)
          .tee(step)
        code.get(step).simd(simd.mulF32).get(sum).simd(simd.addF32).set(sum)
      })
      code.advance(a, 64).advance(x, 64)
      code.get(x).get(end).op(wasm.i32LtU)
    })
    // out[j] += (((0 + s0) + s1) + s2) + s3, s = (l0 + l1) + (l2 + l3) of each four lanes
    code.get(out).get(out).memory(wasm.f64Load, 0)
    const lane = (sum: number, at: number): FunctionCode =>
      code.get(sum).lane(simd.laneF32, at).op(wasm.promoteF32)
    sums.forEach((sum, q) => {
      lane(sum, 0)
      lane(sum, 1).op(wasm.f64Add)
      lane(sum, 2)
      lane(sum, 3).op(wasm.f64Add).op(wasm.f64Add)
      if (q > 0) code.op(wasm.f64Add)
    })
    code.op(wasm.f64Add).memory(wasm.f64Store, 0)
    code.advance(out, 8).advance(rows, 4)
    code.get(rows).get(last).op(wasm.i32LtU)
  })
}
