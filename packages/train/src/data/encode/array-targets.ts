/** What samples of arrays are to predict, as numbers. */

import { nearestName } from '@tempered/errors'
import { classNamesOf, type OpenTask } from '../../task/task.js'
import type { Task } from '../../task/task-schema.js'
import { DataError } from '../data-error.js'
import type { ArrayPart, ArraySource, NumberArray } from '../formats/raw.js'

interface ArrayTargets {
  readonly values: Uint8Array | Int32Array | Float32Array
  /** 0 where targets are no labels. */
  readonly classes: number
}

/**
 * Targets of one part; undefined for next-token. Without a task, labels of as many classes as the source says, or as
 * they need. Throws E_DATA_MISMATCH, E_DATA_VALUE, E_LABEL_RANGE.
 */
export async function encodeArrayTargets(
  source: ArraySource,
  { targets }: ArrayPart,
  open: OpenTask | undefined,
): Promise<ArrayTargets | undefined> {
  const output = open?.task.output
  if (output?.type === 'next-token') return undefined
  if (targets === undefined) {
    throw new DataError(
      'E_DATA_MISMATCH',
      'has samples, but not what is to be predicted; save it as y (y_train, y_test) beside x',
      { file: source.file },
    )
  }
  if (output === undefined || output.type === 'class') return labels(source, targets, output)
  return numbers(source, targets, output)
}

async function labels(
  source: ArraySource,
  targets: NumberArray,
  output: Extract<Task['output'], { type: 'class' }> | undefined,
): Promise<ArrayTargets> {
  const [count, ...more] = targets.shape
  if (more.some((size) => size !== 1))
    throw new DataError(
      'E_DATA_MISMATCH',
      `${targets.name || 'the targets'} of ${targets.shape.join('×')} are no labels, one whole number per sample; ` +
        'save y.argmax(axis=1) if each row marks its class',
      { file: source.file },
    )
  const values = (await targets.load('int32')) as Int32Array
  const classes = classesOf(source, values, output)
  const translate = translation(source, output)
  const out = classes > 256 ? new Int32Array(count ?? 0) : new Uint8Array(count ?? 0)
  for (let k = 0; k < values.length; k++) {
    const label = translate?.[values[k] as number] ?? (values[k] as number)
    if (!(label >= 0 && label < classes))
      throw new DataError(
        'E_LABEL_RANGE',
        `label ${label} of sample ${k} of ${targets.name || 'the targets'} is outside [0, ${classes - 1}], the labels of ` +
          `${classes} classes; correct it, or raise the number of classes in the task`,
        { file: source.file },
      )
    out[k] = label
  }
  return { values: out, classes }
}

function classesOf(
  source: ArraySource,
  values: Int32Array,
  output: Extract<Task['output'], { type: 'class' }> | undefined,
): number {
  if (output !== undefined) return typeof output.classes === 'number' ? output.classes : output.classes.length
  return source.classes ?? values.reduce((most, label) => Math.max(most, label + 1), 2)
}

/** The task's number of each class of the source, where both have names. */
function translation(
  { classNames, file }: ArraySource,
  output: Extract<Task['output'], { type: 'class' }> | undefined,
): readonly number[] | undefined {
  if (output === undefined || typeof output.classes === 'number' || classNames === undefined) return undefined
  const wanted = classNamesOf({ output })
  if (!classNames.some((name) => wanted.includes(name))) return undefined
  return classNames.map((name) => {
    const place = wanted.indexOf(name)
    if (place >= 0) return place
    const near = nearestName(name, wanted)
    throw new DataError(
      'E_LABEL_RANGE',
      `has the class "${name}", which the task does not list${near === undefined ? '' : `; did you mean "${near}"?`}`,
      { file },
    )
  })
}

async function numbers(
  { file }: ArraySource,
  targets: NumberArray,
  output: Extract<Task['output'], { type: 'labels' | 'number' }>,
): Promise<ArrayTargets> {
  const [count = 0, ...more] = targets.shape
  const width = more.reduce((product, size) => product * size, 1)
  if (width !== output.columns.length)
    throw new DataError(
      'E_DATA_MISMATCH',
      `${targets.name || 'the targets'} of ${targets.shape.join('×')} have ${width} numbers per sample, but the task ` +
        `predicts ${output.columns.length}`,
      { file },
    )
  const loaded = await targets.load('float64')
  const values = new Float32Array(count * width)
  for (let k = 0; k < values.length; k++) {
    const value = loaded[k] as number
    const fits = output.type === 'labels' ? value === 0 || value === 1 : Number.isFinite(value)
    if (!fits)
      throw new DataError(
        'E_DATA_VALUE',
        `target ${k % width} of sample ${Math.floor(k / width)} is ${value}; ${output.type === 'labels' ? 'write 0 or 1' : 'write a finite number'}`,
        { file },
      )
    values[k] = output.type === 'labels' ? value : standardised(value, output.columns[k % width])
  }
  return { values, classes: 0 }
}

function standardised(value: number, column: { mean: number; deviation: number } | undefined): number {
  return (value - (column?.mean ?? 0)) / (column?.deviation ?? 1)
}
