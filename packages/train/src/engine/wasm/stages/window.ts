import type { Window } from '../../../task/operation.js'
import type { EngineMemory } from '../engine-memory.js'

/** The geometry as `packages/train/kernels/window.ts` reads it; returns its address. */
export function writeWindow(memory: EngineMemory, window: Window, multiplier = 1): number {
  const { from, to, size, stride, pad } = window
  const fields = [...from, to[0], to[1], ...size, ...stride, pad.top, pad.left, multiplier]
  const address = memory.reserve(4 * fields.length)
  memory.int32.set(fields, address / 4)
  return address
}

/** Floats of a sample before and after. */
export function volumes({ from, to }: Window): { inputs: number; outputs: number } {
  return { inputs: from[0] * from[1] * from[2], outputs: to[0] * to[1] * to[2] }
}
