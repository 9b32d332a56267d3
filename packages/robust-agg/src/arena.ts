/**
 * Vectors in the memory that the kernels work on. They are ordinary Float32Arrays over a SharedArrayBuffer: Node's
 * file, socket, hash and zlib functions accept them, and the kernels read them in place without a copy.
 */

import { wasmRuntime } from './wasm/runtime.js'

export interface VectorArena {
  /** A vector of zeros; null when the memory (at most 4 GiB) is full. */
  allocate(length: number): Float32Array | null
  /**
   * Returns a whole vector, to be reused by the next `allocate` of about its length. It must not be used any more.
   */
  release(vector: Float32Array): void
}

/** The arena of this thread; null when the machine has no WebAssembly SIMD. Every call returns the same one. */
export function vectorArena(): VectorArena | null {
  const runtime = wasmRuntime()
  return runtime === null ? null : { allocate: runtime.allocate, release: runtime.release }
}
