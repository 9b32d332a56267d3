/** Arrays and images as the samples of a task. */

import type { Shape } from '../../task/operation.js'
import { classNamesOf, type OpenTask, vocabularySize } from '../../task/task.js'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import { volume } from '../dataset.js'
import type { ArrayPart, ArraySource, NumberArray } from '../formats/raw.js'
import { checkEncodedBytes } from '../limits.js'
import { encodeArrayTargets } from './array-targets.js'
import type { Encoded } from './encoded.js'
import { wholeStore } from './sample-store.js'

/**
 * Encodes one part of a source. Without a task it must be images with labels. Throws E_DATA_MISMATCH (another shape,
 * no targets), E_DATA_VALUE, E_LABEL_RANGE, E_DATA_TOO_LARGE, and those of the format.
 */
export async function encodeArrays(
  source: ArraySource,
  part: ArrayPart,
  name: string,
  open: OpenTask | undefined,
): Promise<Encoded> {
  const [count = 0] = part.inputs.shape
  const inputs = open === undefined ? await plainImages(source, part) : await taskInputs(source, part, open)
  const targets = await encodeArrayTargets(source, part, open)
  const names = open?.task.output.type === 'class' ? classNamesOf(open.task) : source.classNames
  const encoded: Encoded = {
    name,
    shape: inputs.shape,
    inputs: wholeStore(inputs.values, count),
    targets: targets === undefined ? undefined : wholeStore(targets.values, count),
    classes: targets?.classes ?? 0,
    classNames: names,
  }
  checkEncodedBytes(source.file, encoded.inputs.byteLength + (encoded.targets?.byteLength ?? 0))
  return encoded
}

interface EncodedInputs {
  readonly shape: Shape
  readonly values: Uint8Array | Float32Array | Int32Array
}

async function plainImages({ file, images }: ArraySource, { inputs }: ArrayPart): Promise<EncodedInputs> {
  const [, ...size] = inputs.shape
  const shape = size.length === 2 ? [...size, 1] : size
  if (images || (inputs.type === 'uint8' && shape.length === 3))
    return { shape, values: (await inputs.load('uint8')) as Uint8Array }
  throw new DataError(
    'E_DATA_MISMATCH',
    `holds samples of ${size.join('×') || 'one number'} ${inputs.type}, which are no images of bytes; give the run a task ` +
      `(tempered task init --data ${file})`,
    { file },
  )
}

async function taskInputs(
  source: ArraySource,
  { inputs }: ArrayPart,
  open: OpenTask,
): Promise<EncodedInputs> {
  const { task, inputShape } = open
  const { input } = task
  switch (input.type) {
    case 'image':
      checkShape(source, inputs, inputShape, task)
      return { shape: inputShape, values: await imageValues(source, inputs, input) }
    case 'tensor': {
      checkShape(source, inputs, inputShape, task)
      const values = await finiteNumbers(source, inputs)
      standardise(values, [input.mean], [input.deviation])
      return { shape: inputShape, values }
    }
    case 'text':
      return tokenValues(source, inputs, task, input)
    case 'table':
      throw new DataError(
        'E_DATA_MISMATCH',
        'is an array without names, but the task takes the columns of a table; use a .csv or .parquet file, or a task ' +
          'with input `type: tensor`',
        { file: source.file },
      )
  }
}

/** Sizes without ones at the end: 28×28×1 is 28×28. */
function trimmed(shape: Shape): string {
  const sizes = [...shape]
  while (sizes.length > 1 && sizes.at(-1) === 1) sizes.pop()
  return sizes.join('×')
}

function checkShape({ file }: ArraySource, { shape }: NumberArray, wanted: Shape, task: Task): void {
  const [, ...size] = shape
  if (trimmed(size.length === 0 ? [1] : size) === trimmed(wanted)) return
  // A vector may be any array read row by row.
  if (task.input.type === 'tensor' && wanted.length === 1 && volume(size) === wanted[0]) return
  const [channels, height, width] = size
  const first = wanted.length === 3 && [height, width, channels].join() === wanted.join()
  throw new DataError(
    'E_DATA_MISMATCH',
    `has samples of ${size.join('×') || '1'}, but the task ${task.name} takes ${wanted.join('×')}` +
      (first
        ? '; channels come last here: x.transpose(0, 2, 3, 1)'
        : `. Use other data, or a task of that shape (tempered task init --data ${file})`),
    { file },
  )
}

async function finiteNumbers({ file }: ArraySource, inputs: NumberArray): Promise<Float32Array> {
  const values = (await inputs.load('float32')) as Float32Array
  const bad = values.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    const [, ...size] = inputs.shape
    throw new DataError(
      'E_DATA_VALUE',
      `number ${bad % volume(size)} of sample ${Math.floor(bad / volume(size))} of ${inputs.name || 'the array'} is ` +
        `${values[bad]}; remove the sample or fill the value in`,
      { file },
    )
  }
  return values
}

function standardise(values: Float32Array, mean: readonly number[], deviation: readonly number[]): void {
  if (mean.every((value) => value === 0) && deviation.every((value) => value === 1)) return
  const channels = Math.max(mean.length, deviation.length)
  for (let k = 0; k < values.length; k++) {
    const channel = k % channels
    values[k] = ((values[k] as number) - (mean[channel] ?? 0)) / (deviation[channel] ?? 1)
  }
}

/** Whole numbers stay bytes, which are scaled when batches are filled; fractions in [0, 1] are scaled here. */
async function imageValues(
  source: ArraySource,
  inputs: NumberArray,
  { mean, deviation, shape }: Extract<Task['input'], { type: 'image' }>,
): Promise<Uint8Array | Float32Array> {
  if (!/float|bool/.test(inputs.type)) return (await inputs.load('uint8')) as Uint8Array
  const values = await finiteNumbers(source, inputs)
  const bad = values.findIndex((value) => value < 0 || value > 1)
  if (bad >= 0)
    throw new DataError(
      'E_DATA_VALUE',
      `number ${bad} of ${inputs.name || 'the array'} is ${values[bad]}; images of fractions are in [0, 1], save others as bytes: ` +
        "x.astype('uint8')",
      { file: source.file },
    )
  const channels = shape[2]
  standardise(values, mean ?? new Array(channels).fill(0), deviation ?? new Array(channels).fill(1))
  return values
}

async function tokenValues(
  { file }: ArraySource,
  inputs: NumberArray,
  { output }: Task,
  input: Extract<Task['input'], { type: 'text' }>,
): Promise<EncodedInputs> {
  const wanted = input.length + (output.type === 'next-token' ? 1 : 0)
  const [, ...size] = inputs.shape
  if (size.length !== 1 || size[0] !== wanted)
    throw new DataError(
      'E_DATA_MISMATCH',
      `has samples of ${size.join('×') || '1'}, but the task takes ${wanted} tokens`,
      { file },
    )
  const values = (await inputs.load('int32')) as Int32Array
  const vocabulary = vocabularySize(input)
  const bad = values.findIndex((token) => token < 0 || token >= vocabulary)
  if (bad >= 0)
    throw new DataError(
      'E_DATA_VALUE',
      `token ${values[bad]} of sample ${Math.floor(bad / wanted)} is not below ${vocabulary}, the size of the vocabulary`,
      { file },
    )
  return { shape: [wanted], values }
}
