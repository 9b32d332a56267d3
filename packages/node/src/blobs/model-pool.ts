import { allocateModel, MODEL_HEADER_BYTES, type ModelBuffer, modelOver } from '@tempered/protocol'
import { vectorArena } from '@tempered/robust-agg'

/**
 * Reusable buffers for neighbours' models. With WebAssembly SIMD they are in the memory of the aggregation kernels,
 * so that models are hashed, checked and aggregated in the buffer they were received in.
 */
export interface ModelPool {
  take(): ModelBuffer
  /** Returns a buffer to the pool. It must not be used any more. */
  give(model: ModelBuffer): void
  /** Returns all spare memory to the arena. */
  close(): void
}

/** Largest number of spare buffers; more are returned to the arena at once. */
const MAX_SPARE = 64

/** @param parameterCount length d of every model */
export function createModelPool(parameterCount: number): ModelPool {
  const arena = vectorArena()
  const spare: ModelBuffer[] = []
  const homes = new Map<ModelBuffer, Float32Array>()
  let closed = false

  const allocate = (): ModelBuffer => {
    const home = arena?.allocate(MODEL_HEADER_BYTES / 4 + parameterCount) ?? null
    if (home === null) return allocateModel(parameterCount)
    const bytes = new Uint8Array(home.buffer, home.byteOffset, home.byteLength)
    const model = modelOver(bytes, parameterCount)
    homes.set(model, home)
    return model
  }
  const free = (model: ModelBuffer): void => {
    const home = homes.get(model)
    if (home === undefined) return
    homes.delete(model)
    arena?.release(home)
  }
  return {
    take: () => spare.pop() ?? allocate(),
    give(model) {
      if (closed || spare.length >= MAX_SPARE) free(model)
      else spare.push(model)
    },
    close() {
      closed = true
      for (const model of spare.splice(0)) free(model)
    },
  }
}
