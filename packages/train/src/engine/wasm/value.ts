import { type ArenaBuffer, createBuffer } from './arena-plan.js'
import type { Value } from './stage.js'

/** A new value of so many floats per sample, in a buffer of its own unless one is given. */
export function createValue(
  floats: number,
  needsGradient: boolean,
  options: {
    readonly buffer?: ArenaBuffer
    readonly overwritable?: boolean
    readonly rectified?: boolean
  } = {},
): Value {
  const { buffer = createBuffer(floats), overwritable = false, rectified = false } = options
  return {
    floats,
    buffer,
    gradient: undefined,
    gradientShared: false,
    rectified,
    gradientMasked: false,
    needsGradient,
    overwritable,
  }
}

/** The gradient of a value that has been used. */
export function gradientOf(value: Value): ArenaBuffer {
  if (value.gradient === undefined) throw new Error('a value without a gradient')
  return value.gradient
}

/** The buffer for a value of the same size as a gradient which replaces it, if it may. */
export function successorOf(value: Value): ArenaBuffer {
  return value.gradientShared ? createBuffer(value.floats) : gradientOf(value)
}
