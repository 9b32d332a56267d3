/** The kernels of distance.ts, combine.ts, coordinate.ts and finite.ts in WebAssembly SIMD: the same bits, faster. */

import { SHARE_STRIP } from '../wasm/combination-kernels.js'
import { fixedKernels } from '../wasm/fixed-kernels.js'
import { closestMeanCode, middleMeanCode } from '../wasm/networks.js'
import {
  type CompiledModule,
  layout,
  MAX_MATRIX_ROWS,
  MAX_ROWS,
  type Runtime,
  wasmRuntime,
} from '../wasm/runtime.js'
import { completeMatrix } from './distance.js'
import { SpanPasses } from './span-passes.js'

/** The largest number of rows for which a sorting network is generated. */
export const MAX_NETWORK_ROWS = 96
/** The largest number of rows of which a strip fits into a thread's scratch memory. */
export const MAX_SHARED_ROWS = Math.floor(layout.scratchBytes / 8 / SHARE_STRIP)

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
  sharedCombinations(
    share: number,
    vectors: readonly Float32Array[],
    members: readonly (readonly number[])[],
    outs: readonly Float32Array[],
  ): void
  middleMean(vectors: readonly Float32Array[], skip: number, out: Float32Array): void
  closestMean(vectors: readonly Float32Array[], keep: number, out: Float32Array): void
  /** The float32 bits of the largest |x|; with `flush`, in place, +0 for |x| < 2⁻³⁸ and −0. */
  largestBits(x: Float32Array, flush: boolean): number
}

export { MAX_MATRIX_ROWS, MAX_ROWS }

function build(runtime: Runtime): SimdKernels {
  const code = runtime.compile(fixedKernels())
  const passes = new SpanPasses(runtime)
  const networks = new Map<string, CompiledModule>()
  const setCoefficients = (c: ArrayLike<number>, count: number): void => {
    for (let j = 0; j < count; j++) runtime.float64[layout.coefficients / 8 + j] = c[j]
  }
  const networkFor = (key: string, write: () => ReturnType<typeof middleMeanCode>): CompiledModule => {
    const made = networks.get(key) ?? runtime.compile({ network: write() })
    networks.set(key, made)
    return made
  }
  const squaredDistancesTo: SimdKernels['squaredDistancesTo'] = (anchor, vectors, out) => {
    const pass = { code, kernel: 'anchorDistances', vectors, anchor, sums: vectors.length }
    out.set(passes.sum(pass, anchor.length))
    return out
  }
  return {
    squaredNorm: (x) => passes.sum({ code, kernel: 'squares', vectors: [x], sums: 1 }, x.length)[0],
    squaredDistancesTo,
    squaredDistancesToCombination: (coefficients, vectors, out) => {
      setCoefficients(coefficients, vectors.length)
      const pass = { code, kernel: 'combinationDistances', vectors, sums: vectors.length }
      out.set(passes.sum(pass, vectors[0].length))
      return out
    },
    pairwiseSquaredDistances: (vectors) => {
      const n = vectors.length
      const matrix = passes.sum({ code, kernel: 'pairDistances', vectors, sums: n * n }, vectors[0].length)
      return completeMatrix(matrix, vectors, squaredDistancesTo)
    },
    linearCombination: (c, vectors, out) => {
      setCoefficients(c, vectors.length)
      passes.map({ code, kernel: 'combine', vectors, out })
    },
    anchoredCombination: (anchor, c, vectors, out) => {
      setCoefficients(c, vectors.length)
      passes.map({ code, kernel: 'anchored', vectors, anchor, out })
    },
    sharedCombinations: (share, vectors, members, outs) => {
      setCoefficients([share], 1)
      passes.mapMany(code, 'shares', vectors, outs, (targets) => {
        let at = layout.lists / 4
        members.forEach((list, o) => {
          runtime.int32.set([targets[o], list.length, ...list.map((k) => 8 * SHARE_STRIP * k)], at)
          at += 2 + list.length
        })
        runtime.int32[at] = 0
      })
    },
    middleMean: (vectors, skip, out) => {
      const n = vectors.length
      const network = networkFor(`middle ${n} ${skip}`, () => middleMeanCode(n, skip))
      passes.map({ code: network, kernel: 'network', vectors, out })
    },
    closestMean: (vectors, keep, out) => {
      const n = vectors.length
      const network = networkFor(`closest ${n} ${keep}`, () => closestMeanCode(n, keep))
      passes.map({ code: network, kernel: 'network', vectors, out })
    },
    largestBits: (x, flush) => {
      const scan = flush ? code.functions.flush : code.functions.largest
      let most = 0
      passes.each(x, flush, (at, length) => {
        most = Math.max(most, scan(at, length) >>> 0)
      })
      return most
    },
  }
}

let kernels: SimdKernels | null | undefined

/** The kernels, made on first use; null when the machine has no WebAssembly SIMD. */
export function simdKernels(): SimdKernels | null {
  if (kernels === undefined) {
    const runtime = wasmRuntime()
    kernels = runtime === null ? null : build(runtime)
  }
  return kernels
}
