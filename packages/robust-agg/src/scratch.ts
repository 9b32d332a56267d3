/**
 * Vectors for the time of one call. The next call gets the same ones: fresh memory for n models in every round costs
 * more than what is computed in it. Where there is an arena they lie in it, so that kernels read them in place.
 */

import { type VectorArena, vectorArena } from './arena.js'

export interface Scratch {
  /** A vector of the frame's length with arbitrary contents, not used by anybody else until the frame ends. */
  vector(): Float32Array
}

/** The most bytes that a thread keeps between calls. */
const MOST_KEPT_BYTES = 64 * 1024 * 1024

/** Unused vectors of this thread by length. */
const spare = new Map<number, Float32Array[]>()
let keptBytes = 0
const inArena = new WeakSet<Float32Array>()

function allocate(length: number, arena: VectorArena | null): Float32Array {
  const vector = arena?.allocate(length) ?? null
  if (vector === null) return new Float32Array(length)
  inArena.add(vector)
  return vector
}

/** Drops what exceeds the limit, vectors of other lengths first. */
function trim(length: number, arena: VectorArena | null): void {
  const others = [...spare.keys()].filter((other) => other !== length)
  for (const key of [...others, length]) {
    const list = spare.get(key) ?? []
    while (keptBytes > MOST_KEPT_BYTES && list.length > 0) {
      const vector = list.pop() as Float32Array
      keptBytes -= vector.byteLength
      if (inArena.has(vector)) arena?.release(vector)
    }
    if (list.length === 0) spare.delete(key)
  }
}

/** Runs `use` with vectors of a length, which end with it. Calls may be nested. */
export function withScratch<T>(length: number, use: (scratch: Scratch) => T): T {
  const arena = length > 0 ? vectorArena() : null
  const taken: Float32Array[] = []
  const scratch: Scratch = {
    vector() {
      const kept = spare.get(length)?.pop()
      if (kept !== undefined) keptBytes -= kept.byteLength
      const vector = kept ?? allocate(length, arena)
      taken.push(vector)
      return vector
    },
  }
  try {
    return use(scratch)
  } finally {
    const list = spare.get(length) ?? []
    spare.set(length, list)
    for (const vector of taken) {
      list.push(vector)
      keptBytes += vector.byteLength
    }
    trim(length, arena)
  }
}
