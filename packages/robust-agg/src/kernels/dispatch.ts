/**
 * The kernels that rules call: WebAssembly SIMD if the machine supports it and the vectors are long enough to be
 * worth the call, plain TypeScript otherwise. Both give the same bits.
 */

import * as combine from './combine.js'
import * as coordinate from './coordinate.js'
import * as distance from './distance.js'
import * as finite from './finite.js'
import {
  MAX_MATRIX_ROWS,
  MAX_NETWORK_ROWS,
  MAX_ROWS,
  MAX_SHARED_ROWS,
  type SimdKernels,
  simdKernels,
} from './simd.js'

/** Below this length the copies cost more than they save. */
const SHORTEST = 256

let plainOnly = false

/** For tests and benchmarks: `plain` never uses WebAssembly, `auto` uses it when possible. */
export function selectKernels(kind: 'auto' | 'plain'): void {
  plainOnly = kind === 'plain'
}

/** True when long vectors are processed in WebAssembly. */
export function usesSimd(): boolean {
  return !plainOnly && simdKernels() !== null
}

function simdFor(length: number, rows: number, most = MAX_ROWS): SimdKernels | null {
  return plainOnly || length < SHORTEST || rows < 1 || rows + 2 > most ? null : simdKernels()
}

export function allFinite(x: Float32Array): boolean {
  const simd = simdFor(x.length, 1)
  return simd === null ? finite.allFinite(x) : simd.largestBits(x, false) < 0x7f800000
}

export function squaredNorm(x: Float32Array): number {
  return (simdFor(x.length, 1) ?? distance).squaredNorm(x)
}

export function squaredDistancesTo(
  anchor: Float32Array,
  vectors: readonly Float32Array[],
  out: Float64Array,
): Float64Array {
  return (simdFor(anchor.length, vectors.length) ?? distance).squaredDistancesTo(anchor, vectors, out)
}

export function squaredDistancesToCombination(
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float64Array,
): Float64Array {
  const simd = simdFor(vectors[0]?.length ?? 0, vectors.length)
  return (simd ?? distance).squaredDistancesToCombination(coefficients, vectors, out)
}

export function pairwiseSquaredDistances(vectors: readonly Float32Array[]): Float64Array {
  const simd = simdFor(vectors[0]?.length ?? 0, vectors.length, MAX_MATRIX_ROWS + 2)
  return (simd ?? distance).pairwiseSquaredDistances(vectors)
}

export function linearCombination(
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float32Array,
): void {
  const simd = simdFor(out.length, vectors.length)
  ;(simd ?? combine).linearCombination(coefficients, vectors, out)
}

export function anchoredCombination(
  anchor: Float32Array,
  coefficients: ArrayLike<number>,
  vectors: readonly Float32Array[],
  out: Float32Array,
): void {
  const simd = simdFor(out.length, vectors.length)
  ;(simd ?? combine).anchoredCombination(anchor, coefficients, vectors, out)
}

export function sharedCombinations(
  share: number,
  vectors: readonly Float32Array[],
  members: readonly (readonly number[])[],
  outs: readonly Float32Array[],
): void {
  const simd = simdFor(vectors[0]?.length ?? 0, vectors.length, MAX_SHARED_ROWS)
  ;(simd ?? combine).sharedCombinations(share, vectors, members, outs)
}

export function middleMean(vectors: readonly Float32Array[], skip: number, out: Float32Array): void {
  const simd = simdFor(out.length, vectors.length, MAX_NETWORK_ROWS + 2)
  ;(simd ?? coordinate).middleMean(vectors, skip, out)
}

export function closestMean(vectors: readonly Float32Array[], keep: number, out: Float32Array): void {
  const simd = simdFor(out.length, vectors.length, MAX_NETWORK_ROWS + 2)
  ;(simd ?? coordinate).closestMean(vectors, keep, out)
}
