/** Windows as tfjs takes them. */

import type { Window } from '../../task/operation.js'

/** batch, height, width, channels; or rows, columns, inputs, outputs of a filter. */
export type Shape4 = [number, number, number, number]

/** `same` as TensorFlow has it: what is missing, the smaller half first. So the task's windows have it, too. */
export function padding({ pad }: Window): 'valid' | 'same' {
  return pad.top + pad.bottom + pad.left + pad.right === 0 ? 'valid' : 'same'
}

/** Padding by numbers: before and after each of batch, height, width, channels. */
export type Sides = [[number, number], [number, number], [number, number], [number, number]]

export function sides(top: number, bottom: number, left: number, right: number): Sides {
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]
}
