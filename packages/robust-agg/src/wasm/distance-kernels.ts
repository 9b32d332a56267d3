/** Sums of squared differences; see fixed-kernels.ts for conventions of all kernels. */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { layout } from './runtime.js'
import { chunked, spanParameters } from './span-parameters.js'

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

/** A span kernel: out[j] += Σ (anchor − row_j)². Calls `promote` and `distances` at the given indices. */
export function anchorDistances(promoteAt: number, distancesAt: number): FunctionCode {
  const { anchor, rows, shift, count, out, scratch } = spanParameters
  return chunked((code, chunk) => {
    code.get(anchor).get(scratch).get(chunk).call(promoteAt)
    code.get(scratch).get(rows).get(shift).get(count).get(chunk).get(out).call(distancesAt)
  })
}

/** A span kernel: out[j] += Σ row_j². Calls `distances`. */
export function squares(distancesAt: number): FunctionCode {
  const { rows, shift, count, out } = spanParameters
  return chunked((code, chunk) => {
    code.i32(layout.zeros).get(rows).get(shift).get(count).get(chunk).get(out).call(distancesAt)
  })
}

/** A span kernel: out[j] += Σ (Σ_k c_k·row_k − row_j)². Calls the wide combination and `distances`. */
export function combinationDistances(wideAt: number, distancesAt: number): FunctionCode {
  const { anchor, rows, shift, coefficients, count, out, scratch } = spanParameters
  return chunked((code, chunk) => {
    code.get(anchor).get(rows).get(shift).get(coefficients).get(count).get(chunk).get(scratch).get(scratch)
    code.call(wideAt)
    code.get(scratch).get(rows).get(shift).get(count).get(chunk).get(out).call(distancesAt)
  })
}
