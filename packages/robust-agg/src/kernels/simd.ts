/**
 * The kernels of distance.ts, combine.ts, coordinate.ts and finite.ts in WebAssembly SIMD: the same bits, faster.
 *
 * Work goes window by window. Within a window a vector of the arena is read in place; any other is copied into the stage
 * first, padded with zeros to a multiple of 16 values, which adds +0 to sums that are never −0 and is dropped elsewhere.
 * Nothing here depends on where a vector lies.
 */

import { fixedKernels } from '../wasm/fixed-kernels.js'
import { closestMeanCode, middleMeanCode } from '../wasm/networks.js'
import {
  layout,
  MAX_MATRIX_ROWS,
  MAX_ROWS,
  type Runtime,
  type WasmFunctions,
  wasmRuntime,
} from '../wasm/runtime.js'
import { CHUNK_LENGTH, completeMatrix } from './distance.js'
import { padded, Stage } from './stage.js'

/** Rows for which a sorting network is written out. */
export const MAX_NETWORK_ROWS = 96
export interface SimdKernels {
  squaredNorm(x: Float32Array): number
  squaredDistancesTo(anchor: Float32Array, vectors: readonly Float32Array[], out: Float64Array): Float64Array
  squaredDistancesToCombination(
    coefficients: ArrayLike<number>,
    vectors: readonly Float32Array[],
    out: Float64Array,
  ): Float64Array
  pairwiseSquaredDistances(vectors: readonly Float32Array[]): Float64Array
  linearCombination(c: ArrayLike<number>, vectors: readonly Float32Array[], out: Float32Array): void
  anchoredCombination(
    anchor: Float32Array,
    c: ArrayLike<number>,
    vectors: readonly Float32Array[],
    out: Float32Array,
  ): void
  middleMean(vectors: readonly Float32Array[], skip: number, out: Float32Array): void
  closestMean(vectors: readonly Float32Array[], keep: number, out: Float32Array): void
  /** The float32 bits of the largest |x|; with `flush`, in place, +0 for |x| < 2⁻³⁸ and −0. */
  largestBits(x: Float32Array, flush: boolean): number
}

export { MAX_MATRIX_ROWS, MAX_ROWS }

function windows(d: number, length: number, body: (from: number, to: number) => void): void {
  for (let from = 0; from < d; from += length) body(from, Math.min(from + length, d))
}

/** Calls the body with each chunk of a window: byte shift, and values padded. */
function chunks(from: number, to: number, body: (shift: number, length: number) => void): void {
  for (let at = from; at < to; at += CHUNK_LENGTH) {
    body(4 * (at - from), padded(Math.min(CHUNK_LENGTH, to - at)))
  }
}

function build(runtime: Runtime): SimdKernels {
  const fixed = runtime.compile(fixedKernels())
  const stage = new Stage(runtime)
  const { float64 } = runtime
  const networks = new Map<string, WasmFunctions>()
  const results = layout.results / 8
  const setCoefficients = (c: ArrayLike<number>, count: number): void => {
    for (let j = 0; j < count; j++) float64[layout.coefficients / 8 + j] = c[j]
  }
  const byColumn = (key: string, code: () => WasmFunctions) => {
    let functions = networks.get(key)
    if (functions === undefined) {
      functions = code()
      networks.set(key, functions)
    }
    const { run } = functions
    return (vectors: readonly Float32Array[], out: Float32Array): void => {
      const rows = vectors.length
      windows(out.length, stage.windowFor(rows + 1, true), (from, to) => {
        stage.bind(vectors, from, to)
        const at = stage.target(out, from, to, rows)
        run(0, padded(to - from), at)
        stage.collect(at, out, from, to, rows)
      })
    }
  }
  const squaredDistancesTo: SimdKernels['squaredDistancesTo'] = (anchor, vectors, out) => {
    const count = vectors.length
    float64.fill(0, results, results + count)
    windows(anchor.length, stage.windowFor(count + 1, false), (from, to) => {
      stage.bind(vectors, from, to)
      const mine = stage.place(anchor, from, to, count)
      chunks(from, to, (shift, length) => {
        fixed.promote(mine + shift, layout.anchor, length)
        fixed.distances(layout.anchor, layout.table, shift, count, length, layout.results)
      })
    })
    out.set(float64.subarray(results, results + count))
    return out
  }
  return {
    squaredNorm: (x) => {
      float64[results] = 0
      windows(x.length, stage.windowFor(1, false), (from, to) => {
        stage.bind([x], from, to)
        chunks(from, to, (shift, length) => {
          fixed.distances(layout.zeros, layout.table, shift, 1, length, layout.results)
        })
      })
      return float64[results]
    },
    squaredDistancesTo,
    squaredDistancesToCombination: (coefficients, vectors, out) => {
      const count = vectors.length
      float64.fill(0, results, results + count)
      setCoefficients(coefficients, count)
      windows(vectors[0].length, stage.windowFor(count, true), (from, to) => {
        stage.bind(vectors, from, to)
        chunks(from, to, (shift, length) => {
          fixed.combineWide(layout.table, shift, layout.coefficients, count, length, layout.anchor)
          fixed.distances(layout.anchor, layout.table, shift, count, length, layout.results)
        })
      })
      out.set(float64.subarray(results, results + count))
      return out
    },
    pairwiseSquaredDistances: (vectors) => {
      const n = vectors.length
      float64.fill(0, results, results + n * n)
      windows(vectors[0].length, stage.windowFor(n, false), (from, to) => {
        stage.bind(vectors, from, to)
        chunks(from, to, (shift, length) => {
          for (let i = 0; i + 1 < n; i++) {
            const mine = runtime.int32[layout.table / 4 + i] + shift
            const row = layout.results + 8 * (i * n + i + 1)
            fixed.pairs(mine, layout.table + 4 * (i + 1), shift, n - i - 1, length, row)
          }
        })
      })
      const matrix = Float64Array.from(float64.subarray(results, results + n * n))
      return completeMatrix(matrix, vectors, squaredDistancesTo)
    },
    linearCombination: (c, vectors, out) => {
      const count = vectors.length
      setCoefficients(c, count)
      windows(out.length, stage.windowFor(count + 1, true), (from, to) => {
        stage.bind(vectors, from, to)
        const at = stage.target(out, from, to, count)
        fixed.combine(layout.table, 0, layout.coefficients, count, padded(to - from), at)
        stage.collect(at, out, from, to, count)
      })
    },
    anchoredCombination: (anchor, c, vectors, out) => {
      const count = vectors.length
      setCoefficients(c, count)
      windows(out.length, stage.windowFor(count + 2, true), (from, to) => {
        stage.bind(vectors, from, to)
        const mine = stage.place(anchor, from, to, count)
        const at = stage.target(out, from, to, count + 1)
        fixed.anchored(mine, layout.table, 0, layout.coefficients, count, padded(to - from), at)
        stage.collect(at, out, from, to, count + 1)
      })
    },
    middleMean: (vectors, skip, out) => {
      const n = vectors.length
      byColumn(`middle ${n} ${skip}`, () => runtime.compile({ run: middleMeanCode(n, skip) }))(vectors, out)
    },
    closestMean: (vectors, keep, out) => {
      const n = vectors.length
      byColumn(`closest ${n} ${keep}`, () => runtime.compile({ run: closestMeanCode(n, keep) }))(vectors, out)
    },
    largestBits: (x, flush) => {
      const scan = flush ? fixed.flush : fixed.largest
      let most = 0
      windows(x.length, stage.windowFor(1, false), (from, to) => {
        const at = stage.place(x, from, to, 0)
        most = Math.max(most, scan(at, padded(to - from)) >>> 0)
        if (flush) stage.collect(at, x, from, to, 0)
      })
      return most
    },
  }
}

let kernels: SimdKernels | null | undefined

/** The kernels, made on first use; null where the machine has no WebAssembly SIMD. */
export function simdKernels(): SimdKernels | null {
  if (kernels === undefined) {
    const runtime = wasmRuntime()
    kernels = runtime === null ? null : build(runtime)
  }
  return kernels
}
