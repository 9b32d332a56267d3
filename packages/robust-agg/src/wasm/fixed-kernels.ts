/**
 * Kernels whose code does not depend on the number of rows. They follow the plain TypeScript of src/kernels/ exactly:
 * two float64 lanes hold lanes 2q and 2q + 1 of its eight, and no instruction is fused.
 *
 * All lengths are multiples of 16 values (the caller pads with zeros), all addresses are in bytes. `rows` is the
 * address of a table of row addresses; `shift` is added to each.
 */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { combination, shares } from './combination-kernels.js'
import { anchorDistances, combinationDistances, distances, promote, squares } from './distance-kernels.js'
import { pairDistances, tile } from './pair-kernels.js'

/** largest(from, length): the largest |x| as float32 bits; 0x7f800000 and above are infinity and NaN. */
function largest(): FunctionCode {
  return scan(null)
}

/** flush(from, length): as largest, and writes +0 over every |x| < 2⁻³⁸ and −0. */
function flush(): FunctionCode {
  // Float32 bits of 2⁻³⁸, minus one: greater values are kept.
  return scan(((127 - 38) << 23) - 1)
}

function scan(smallest: number | null): FunctionCode {
  const code = new FunctionCode(2, true)
  const [from, length] = [0, 1]
  const end = code.local(I32)
  const [most, size, mask, floor, value] = Array.from({ length: 5 }, () => code.local(V128))
  const result = code.local(I32)
  code.get(length).i32(2).op(wasm.i32Shl).get(from).op(wasm.i32Add).set(end)
  code.i32(0x7fffffff).simd(simd.splatI32).set(mask)
  if (smallest !== null) code.i32(smallest).simd(simd.splatI32).set(floor)
  code.loop(() => {
    for (let q = 0; q < 4; q++) {
      code
        .get(from)
        .vector(simd.load, 16 * q)
        .tee(value)
        .get(mask)
        .simd(simd.and)
        .tee(size)
      code.get(most).simd(simd.maxU).set(most)
      if (smallest !== null) {
        code.get(from).get(value).get(size).get(floor).simd(simd.gtI32).simd(simd.and)
        code.vector(simd.store, 16 * q)
      }
    }
    code.advance(from, 64)
    code.get(from).get(end).op(wasm.i32LtU)
  })
  for (let lane = 0; lane < 4; lane++) {
    const next = (): FunctionCode => code.get(most).lane(simd.laneI32, lane)
    next().get(result)
    next().get(result).op(wasm.i32GtU).op(wasm.select).set(result)
  }
  return code.get(result)
}

/** All of them, in the order of their module. */
export function fixedKernels(): Record<string, FunctionCode> {
  const called = { promote: promote(), distances: distances(), tileOfOne: tile(1), tileOfThree: tile(3) }
  const wide = combination({ anchored: false, wide: true })
  const [promoteAt, distancesAt, tileOfOne, tileOfThree, wideAt] = [0, 1, 2, 3, 4]
  return {
    ...called,
    wide,
    combine: combination({ anchored: false, wide: false }),
    anchored: combination({ anchored: true, wide: false }),
    shares: shares(),
    anchorDistances: anchorDistances(promoteAt, distancesAt),
    squares: squares(distancesAt),
    combinationDistances: combinationDistances(wideAt, distancesAt),
    pairDistances: pairDistances(tileOfOne, tileOfThree),
    largest: largest(),
    flush: flush(),
  }
}
