/** Arrays and images as the samples of a task. */

import type { Shape } from '../../task/operation.js'
import { classNamesOf, type OpenTask, vocabularySize } from '../../task/task.js'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import { volume } from '../dataset.js'
import type { ArrayPart, ArraySource, NumberArray } from '../formats/raw.js'
import { checkTargetBytes } from '../limits.js'
import { ROW_TYPES, type RowNumbers, type RowType } from '../row-file.js'
import { encodeArrayTargets } from './array-targets.js'
import type { Encoded } from './encoded.js'
import type { SampleSpace } from './sample-space.js'
import { FileStore, type SampleStore, wholeStore } from './sample-store.js'

/**
 * Encodes one part of a source; inputs that exceed the space are read piece by piece into its file. Without a task it
 * must be images with labels. Throws E_DATA_MISMATCH (another shape, no targets), E_DATA_VALUE, E_LABEL_RANGE,
 * E_DATA_TOO_LARGE (targets, or an array that cannot be read by pieces), E_DATA_DISK, and those of the format.
 */
export async function encodeArrays(
  source: ArraySource,
  part: ArrayPart,
  name: string,
  open: OpenTask | undefined,
  space: SampleSpace,
): Promise<Encoded> {
  const [count = 0] = part.inputs.shape
  const form = open === undefined ? plainImages(source, part) : taskInputs(source, part, open)
  const targets = await encodeArrayTargets(source, part, open)
  const targetBytes = targets?.values.byteLength ?? 0
  checkTargetBytes(source.file, targetBytes, space.limit)
  space.take(targetBytes)
  const names = open?.task.output.type === 'class' ? classNamesOf(open.task) : source.classNames
  return {
    name,
    shape: form.shape,
    inputs: await storeInputs(part.inputs, form, count, space),
    targets: targets === undefined ? undefined : wholeStore(targets.values, count),
    classes: targets?.classes ?? 0,
    classNames: names,
  }
}

/** What a task makes of the inputs of an array. */
interface InputForm {
  readonly shape: Shape
  readonly type: RowType
  /** Checks and changes numbers in place; the first of them is number `start` of the array. */
  readonly finish: (values: RowNumbers, start: number) => void
}

async function storeInputs(
  inputs: NumberArray,
  { shape, type, finish }: InputForm,
  count: number,
  space: SampleSpace,
): Promise<SampleStore> {
  const numbers = volume(inputs.shape)
  const bytes = numbers * ROW_TYPES[type].BYTES_PER_ELEMENT
  if (space.fits(bytes)) {
    const values = (await inputs.load(type, space.limit)) as RowNumbers
    finish(values, 0)
    space.take(bytes)
    return wholeStore(values, count)
  }
  const store = new FileStore(space, type, volume(shape))
  let start = 0
  for await (const piece of inputs.pieces(type, space.limit)) {
    finish(piece as RowNumbers, start)
    await store.append(piece as RowNumbers)
    start += piece.length
  }
  return store
}

function asTheyAre(): void {}

function plainImages({ file, images }: ArraySource, { inputs }: ArrayPart): InputForm {
  const [, ...size] = inputs.shape
  const shape = size.length === 2 ? [...size, 1] : size
  if (images || (inputs.type === 'uint8' && shape.length === 3))
    return { shape, type: 'uint8', finish: asTheyAre }
  throw new DataError(
    'E_DATA_MISMATCH',
    `holds samples of ${size.join('×') || 'one number'} ${inputs.type}, which are no images of bytes; give the run a task ` +
      `(tempered task init --data ${file})`,
    { file },
  )
}

function taskInputs(source: ArraySource, { inputs }: ArrayPart, open: OpenTask): InputForm {
  const { task, inputShape } = open
  const { input } = task
  switch (input.type) {
    case 'image':
      checkShape(source, inputs, inputShape, task)
      return { shape: inputShape, ...imageForm(source, inputs, input) }
    case 'tensor': {
      checkShape(source, inputs, inputShape, task)
      const standardise = standardiser([input.mean], [input.deviation])
      return {
        shape: inputShape,
        type: 'float32',
        finish(values, start) {
          checkFinite(source, inputs, values, start)
          if (standardise === asTheyAre) return
          standardise(values, start)
          checkFinite(source, inputs, values, start)
        },
      }
    }
    case 'text':
      return tokenForm(source, inputs, task, input)
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

function checkFinite({ file }: ArraySource, inputs: NumberArray, values: RowNumbers, start: number): void {
  const bad = (values as Float32Array).findIndex((value) => !Number.isFinite(value))
  if (bad < 0) return
  const [, ...size] = inputs.shape
  const number = start + bad
  throw new DataError(
    'E_DATA_VALUE',
    `number ${number % volume(size)} of sample ${Math.floor(number / volume(size))} of ${inputs.name || 'the array'} is ` +
      `${values[bad]}; remove the sample or fill the value in`,
    { file },
  )
}

/** (value − mean)/deviation by channel, in place. */
function standardiser(mean: readonly number[], deviation: readonly number[]): InputForm['finish'] {
  if (mean.every((value) => value === 0) && deviation.every((value) => value === 1)) return asTheyAre
  const channels = Math.max(mean.length, deviation.length)
  return (values, start) => {
    for (let k = 0; k < values.length; k++) {
      const channel = (start + k) % channels
      values[k] = ((values[k] as number) - (mean[channel] ?? 0)) / (deviation[channel] ?? 1)
    }
  }
}

/** Whole numbers stay bytes, which are scaled when batches are filled; fractions in [0, 1] are scaled here. */
function imageForm(
  source: ArraySource,
  inputs: NumberArray,
  { mean, deviation, shape }: Extract<Task['input'], { type: 'image' }>,
): Pick<InputForm, 'type' | 'finish'> {
  if (!/float|bool/.test(inputs.type)) return { type: 'uint8', finish: asTheyAre }
  const channels = shape[2]
  const standardise = standardiser(
    mean ?? new Array(channels).fill(0),
    deviation ?? new Array(channels).fill(1),
  )
  return {
    type: 'float32',
    finish(values, start) {
      checkFinite(source, inputs, values, start)
      const bad = (values as Float32Array).findIndex((value) => value < 0 || value > 1)
      if (bad >= 0)
        throw new DataError(
          'E_DATA_VALUE',
          `number ${start + bad} of ${inputs.name || 'the array'} is ${values[bad]}; images of fractions are in [0, 1], ` +
            "save others as bytes: x.astype('uint8')",
          { file: source.file },
        )
      standardise(values, start)
    },
  }
}

function tokenForm(
  { file }: ArraySource,
  inputs: NumberArray,
  { output }: Task,
  input: Extract<Task['input'], { type: 'text' }>,
): InputForm {
  const wanted = input.length + (output.type === 'next-token' ? 1 : 0)
  const [, ...size] = inputs.shape
  if (size.length !== 1 || size[0] !== wanted)
    throw new DataError(
      'E_DATA_MISMATCH',
      `has samples of ${size.join('×') || '1'}, but the task takes ${wanted} tokens`,
      { file },
    )
  const vocabulary = vocabularySize(input)
  return {
    shape: [wanted],
    type: 'int32',
    finish(values, start) {
      const bad = (values as Int32Array).findIndex((token) => token < 0 || token >= vocabulary)
      if (bad < 0) return
      throw new DataError(
        'E_DATA_VALUE',
        `token ${values[bad]} of sample ${Math.floor((start + bad) / wanted)} is not below ${vocabulary}, the size of the vocabulary`,
        { file },
      )
    },
  }
}
