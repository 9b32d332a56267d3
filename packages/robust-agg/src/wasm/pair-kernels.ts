/** Squared distances between all rows; see fixed-kernels.ts for conventions of all kernels. */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { chunked, spanParameters } from './span-parameters.js'

/**
 * Rows that are compared with another row at once: twelve sums, the row and a difference fill the vector registers.
 */
const TILE = 3
/** Vectors of four in a block of sixteen lanes. */
const LANES = 4

/**
 * tile(row, others, shift, length, out): out[t] += Σ (row − others_t)² for this number of others, one chunk of at
 * most 2,048, each summed in sixteen float32 lanes. `row` is a complete address, `others` the address of a table;
 * length ≥ 16.
 */
export function tile(others: number): FunctionCode {
  const code = new FunctionCode(5)
  const [row, table, shift, length, out] = [0, 1, 2, 3, 4]
  const end = code.local(I32)
  const pointers = Array.from({ length: others }, () => code.local(I32))
  const sums = Array.from({ length: others }, () => Array.from({ length: LANES }, () => code.local(V128)))
  const [mine, step] = [code.local(V128), code.local(V128)]
  code.get(length).i32(2).op(wasm.i32Shl).get(row).op(wasm.i32Add).set(end)
  pointers.forEach((pointer, t) => {
    code
      .get(table)
      .memory(wasm.i32Load, 4 * t)
      .get(shift)
      .op(wasm.i32Add)
      .set(pointer)
    for (const sum of sums[t]) code.i32(0).simd(simd.splatI32).set(sum)
  })
  code.loop(() => {
    for (let q = 0; q < LANES; q++) {
      code
        .get(row)
        .vector(simd.load, 16 * q)
        .set(mine)
      pointers.forEach((pointer, t) => {
        code
          .get(mine)
          .get(pointer)
          .vector(simd.load, 16 * q)
        code.simd(simd.subF32).tee(step).get(step).simd(simd.mulF32)
        code.get(sums[t][q]).simd(simd.addF32).set(sums[t][q])
      })
    }
    for (const pointer of pointers) code.advance(pointer, 64)
    code.advance(row, 64)
    code.get(row).get(end).op(wasm.i32LtU)
  })
  // out[t] += (((0 + s0) + s1) + s2) + s3, s = (l0 + l1) + (l2 + l3) of each four lanes
  sums.forEach((lanes, t) => {
    const lane = (sum: number, at: number): FunctionCode =>
      code.get(sum).lane(simd.laneF32, at).op(wasm.promoteF32)
    code
      .get(out)
      .get(out)
      .memory(wasm.f64Load, 8 * t)
    lanes.forEach((sum, q) => {
      lane(sum, 0)
      lane(sum, 1).op(wasm.f64Add)
      lane(sum, 2)
      lane(sum, 3).op(wasm.f64Add).op(wasm.f64Add)
      if (q > 0) code.op(wasm.f64Add)
    })
    code.op(wasm.f64Add).memory(wasm.f64Store, 8 * t)
  })
  return code
}

/**
 * A span kernel: out[i·count + j] += Σ (row_i − row_j)² for i < j. Calls the tiles of one and of three at the given
 * indices. A tile of three stays in the first-level cache while the rows before it are read.
 */
export function pairDistances(tileOfOne: number, tileOfThree: number): FunctionCode {
  const { rows, shift, count, out } = spanParameters
  return chunked((code, chunk) => {
    const [i, j, stop] = [code.local(I32), code.local(I32), code.local(I32)]
    const address = (index: number): FunctionCode =>
      code.get(index).i32(2).op(wasm.i32Shl).get(rows).op(wasm.i32Add)
    /** Compares one row with a tile that begins at row `first`. */
    const callTile = (index: number, first: number, place: number): void => {
      address(index).memory(wasm.i32Load, 0).get(shift).op(wasm.i32Add)
      address(first).get(shift).get(chunk)
      code.get(index).get(count).op(wasm.i32Mul).get(first).op(wasm.i32Add)
      code.i32(3).op(wasm.i32Shl).get(out).op(wasm.i32Add).call(place)
    }
    /** Compares rows from `i` up to `stop` with the tile at j. */
    const passBy = (place: number): void => {
      code.get(i).get(stop).op(wasm.i32LtU)
      code.when(() => {
        code.loop(() => {
          callTile(i, j, place)
          code.advance(i, 1)
          code.get(i).get(stop).op(wasm.i32LtU)
        })
      })
    }
    code.i32(0).set(j)
    code.loop(() => {
      code.i32(0).set(i)
      code.get(j).set(stop)
      code.get(j).i32(TILE).op(wasm.i32Add).get(count).op(wasm.i32GtU)
      code.either(
        () => {
          passBy(tileOfOne)
          code.advance(j, 1)
        },
        () => {
          passBy(tileOfThree)
          for (const [a, b] of [
            [0, 1],
            [0, 2],
            [1, 2],
          ]) {
            code.get(j).i32(a).op(wasm.i32Add).set(i)
            code.get(j).i32(b).op(wasm.i32Add).set(stop)
            callTile(i, stop, tileOfOne)
          }
          code.advance(j, TILE)
        },
      )
      code.get(j).get(count).op(wasm.i32LtU)
    })
  })
}
