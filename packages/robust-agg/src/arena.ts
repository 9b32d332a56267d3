/**
 * Vectors in the memory that the kernels work on. They are ordinary Float32Arrays over a SharedArrayBuffer: file, socket,
 * hash and zlib functions of Node take them, and the kernels read them in place instead of copying them in.
 */

import { wasmRuntime } from './wasm/runtime.js'

export interface VectorArena {
  /** A vector of zeros; null when the memory, 4 GiB at most, is full. */
  allocate(length: number): Float32Array | null
  /** Gives a vector back, whole, for the next `allocate` of about its length. Whoever still holds it must not use it. */
  release(vector: Float32Array): void
}

/** The arena of this thread; null where the machine has no WebAssembly SIMD. There is one, however often it is asked for. */
export function vectorArena(): VectorArena | null {
  const runtime = wasmRuntime()
  return runtime === null ? null : { allocate: runtime.allocate, release: runtime.release }
}
