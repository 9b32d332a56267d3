/** Copies samples into a program's buffers, as the numbers that its model takes. */

import type { InputArray, Samples } from '../data/dataset.js'
import { inMemory, volume } from '../data/dataset.js'
import { createRowReader } from '../data/row-file.js'
import type { Program } from '../engine/engine.js'
import type { Task } from '../task/task-schema.js'

/** Where the inputs of a batch are in memory, before they are scaled: sample k of the batch is row `order[k]`. */
export interface FilledRows {
  readonly inputs: InputArray
  readonly order: Uint32Array
}

/** Writes samples to the inputs and targets of a program. */
export interface BatchFiller {
  /** The inputs of the last batch, until the next. */
  readonly filled: FilledRows
  /** `order[0 … batch)` are numbers of samples. Throws DataError E_DATA_LOST for samples in a file that is gone. */
  fill(program: Program, samples: Samples, order: Uint32Array, batch: number): void
  /** Says which samples are filled next; of use for samples in a file only. */
  expect(samples: Samples, order: Uint32Array, batch: number): void
}

export function createBatchFiller(task: Task): BatchFiller {
  const { input, output } = task
  const tables = input.type === 'image' ? byteTables(input) : undefined
  const reader = createRowReader()
  const filled: { inputs: InputArray; order: Uint32Array } = {
    inputs: new Uint8Array(0),
    order: new Uint32Array(0),
  }
  let inOrder = new Uint32Array(0)
  return {
    filled,
    expect(samples, order, batch) {
      if (!inMemory(samples.inputs)) reader.expect(samples.inputs, order, batch)
    },
    fill(program, samples, order, batch) {
      const width = volume(samples.shape)
      if (inMemory(samples.inputs)) {
        filled.inputs = samples.inputs
        filled.order = order
      } else {
        if (inOrder.length < batch) inOrder = Uint32Array.from({ length: batch }, (_, k) => k)
        filled.inputs = reader.read(samples.inputs, order, batch)
        filled.order = inOrder
      }
      if (output.type === 'next-token') {
        fillTokens(program, filled, width, batch)
        return
      }
      const { inputs: rows } = filled
      if (!(rows instanceof Uint8Array) || tables === undefined)
        copyRows(program.inputs(batch), rows, width, filled.order, batch)
      else if (program.inputBytes === undefined)
        fillBytes(program.inputs(batch), filled, width, batch, tables)
      else program.inputBytes(rows, filled.order, batch, tables)
      // Without targets only outputs are wanted.
      if (samples.targets.length === 0) return
      const targets = program.targets(batch)
      copyRows(targets, samples.targets, targets.length / batch, order, batch)
    },
  }
}

/** For each channel the number of each byte: (byte/255 − mean)/deviation, rounded to float32 once. */
function byteTables({ shape, mean, deviation }: Extract<Task['input'], { type: 'image' }>): Float32Array {
  const tables = new Float32Array(256 * shape[2])
  for (let channel = 0; channel < shape[2]; channel++) {
    for (let byte = 0; byte < 256; byte++)
      tables[256 * channel + byte] = (byte / 255 - (mean?.[channel] ?? 0)) / (deviation?.[channel] ?? 1)
  }
  return tables
}

function fillBytes(
  inputs: Float32Array | Int32Array,
  { inputs: rows, order }: FilledRows,
  length: number,
  batch: number,
  tables: Float32Array,
): void {
  const bytes = rows as Uint8Array
  for (let k = 0; k < batch; k++) {
    let from = (order[k] as number) * length
    const end = (k + 1) * length
    for (let at = k * length; at < end; ) {
      for (let table = 0; table < tables.length; table += 256)
        inputs[at++] = tables[table + (bytes[from++] as number)] as number
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
function fillTokens(
  program: Program,
  { inputs: rows, order }: FilledRows,
  stored: number,
  batch: number,
): void {
  const length = stored - 1
  const tokens = rows as Int32Array
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
