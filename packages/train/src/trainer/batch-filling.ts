/** Copies samples into a program's buffers, as the numbers that its model takes. */

import type { Samples } from '../data/dataset.js'
import { volume } from '../data/dataset.js'
import type { Program } from '../engine/engine.js'
import type { Task } from '../task/task-schema.js'

/** Writes samples to the inputs and targets of a program. */
export interface BatchFiller {
  /** `order[0 … batch)` are numbers of samples. */
  fill(program: Program, samples: Samples, order: Uint32Array, batch: number): void
}

export function createBatchFiller(task: Task): BatchFiller {
  const { input, output } = task
  const scale = input.type === 'image' ? byteScale(input) : undefined
  return {
    fill(program, samples, order, batch) {
      if (output.type === 'next-token') {
        fillTokens(program, samples, order, batch)
        return
      }
      const inputs = program.inputs(batch)
      if (samples.inputs instanceof Uint8Array) fillBytes(inputs, samples, order, batch, scale)
      else copyRows(inputs, samples.inputs, volume(samples.shape), order, batch)
      // Without targets only outputs are wanted.
      if (samples.targets.length === 0) return
      const targets = program.targets(batch)
      copyRows(targets, samples.targets, targets.length / batch, order, batch)
    },
  }
}

/** For each channel the number of each byte: (byte/255 − mean)/deviation, rounded to float32 once. */
function byteScale({ shape, mean, deviation }: Extract<Task['input'], { type: 'image' }>): Float32Array[] {
  return Array.from({ length: shape[2] }, (_, channel) =>
    Float32Array.from(
      { length: 256 },
      (_, byte) => (byte / 255 - (mean?.[channel] ?? 0)) / (deviation?.[channel] ?? 1),
    ),
  )
}

function fillBytes(
  inputs: Float32Array | Int32Array,
  samples: Samples,
  order: Uint32Array,
  batch: number,
  scale: readonly Float32Array[] = [],
): void {
  const length = volume(samples.shape)
  const bytes = samples.inputs as Uint8Array
  const channels = scale.length
  const first = scale[0] as Float32Array
  for (let k = 0; k < batch; k++) {
    let from = (order[k] as number) * length
    const begin = k * length
    const end = begin + length
    if (channels === 1) {
      for (let at = begin; at < end; at++) inputs[at] = first[bytes[from++] as number] as number
      continue
    }
    for (let at = begin; at < end; ) {
      for (let channel = 0; channel < channels; channel++)
        inputs[at++] = (scale[channel] as Float32Array)[bytes[from++] as number] as number
    }
  }
}

function copyRows(
  out: Float32Array | Int32Array,
  rows: Uint8Array | Float32Array | Int32Array,
  length: number,
  order: Uint32Array,
  batch: number,
): void {
  for (let k = 0; k < batch; k++) {
    const from = (order[k] as number) * length
    if (length === 1) out[k] = rows[from] as number
    else out.set(rows.subarray(from, from + length), k * length)
  }
}

/** Samples of length + 1 tokens: each position's target is the next token; positions that fill up (0) do not count. */
function fillTokens(program: Program, samples: Samples, order: Uint32Array, batch: number): void {
  const stored = volume(samples.shape)
  const length = stored - 1
  const tokens = samples.inputs as Int32Array
  const inputs = program.inputs(batch)
  for (let k = 0; k < batch; k++) {
    const from = (order[k] as number) * stored
    inputs.set(tokens.subarray(from, from + length), k * length)
  }
  const targets = program.targets(batch)
  for (let k = 0; k < batch; k++) {
    const from = (order[k] as number) * stored + 1
    for (let t = 0; t < length; t++) {
      const token = tokens[from + t] as number
      targets[k * length + t] = token === 0 ? -1 : token
    }
  }
}
