/** A task opened: its model built, its shapes resolved, its parts checked against one another. */

import { nearestName, quoted } from '@tempered/errors'
import { issueText, likelyIssues, valueAt } from '@tempered/protocol/issue-text'
import type { LossName } from '../engine/engine.js'
import { TrainError } from '../trainer/train-error.js'
import { type BuiltInModel, builtInLayers } from './built-in-models.js'
import { drawInitialParameters } from './initial-parameters.js'
import { layerSchema } from './layer-schema.js'
import { METRICS_OF, type Metric, type MetricName, metricOf } from './metrics.js'
import { buildModel } from './model.js'
import type { Model, Shape } from './operation.js'
import { type Task, type TaskFile, type TensorLayout, taskSchema } from './task-schema.js'

type CategoryColumn = Extract<
  Extract<Task['input'], { type: 'table' }>['columns'][number],
  { type: 'category' }
>

export interface OpenTask {
  readonly task: Task
  /** Undefined where only a process or a module knows the model. */
  readonly model: Model | undefined
  readonly inputShape: Shape
  readonly inputType: Model['inputType']
  /** Numbers that the model returns for one sample (per position, for `next-token`). */
  readonly outputs: number
  readonly parameterCount: number
  /** By it runs are judged, and everything that shows one number shows this one. */
  readonly primary: Metric
}

const LOSS_OF: Readonly<Record<Task['output']['type'], readonly LossName[]>> = {
  class: ['cross-entropy'],
  labels: ['binary-cross-entropy'],
  number: ['squared', 'absolute', 'huber'],
  'next-token': ['cross-entropy'],
}

/** The metric by which a task judges models first. */
export function firstMetric({ metrics, output }: Pick<TaskFile, 'metrics' | 'output'>): MetricName {
  return metrics?.[0] ?? METRICS_OF[output.type][0]
}

/** Turns what a user wrote into the document of a manifest. Throws TrainError E_TASK, E_MODEL_SHAPE. */
export function resolveTask(file: TaskFile): OpenTask {
  const { task: name, input, output, model, optimiser, loss, metrics } = file
  if (typeof model === 'object' && 'layersModel' in model)
    refuse(
      'model',
      `${model.layersModel} was not read; use readTaskModel first, or read the task with its file`,
    )
  const built = builtModel({ input, output, model })
  const layout = layoutOf(model, built)
  return openTask({
    kind: 'tempered/task',
    version: 1,
    name,
    input,
    output,
    loss: loss ?? (LOSS_OF[output.type][0] as LossName),
    metrics: metrics ?? [METRICS_OF[output.type][0]],
    model,
    optimiser,
    layout,
  })
}

/** Documents that were opened before; they are never changed. */
const opened = new WeakMap<object, OpenTask>()

/**
 * Checks the task of a manifest; the same document is checked once. Throws TrainError E_TASK with the field,
 * E_MODEL_SHAPE.
 */
export function openTask(value: unknown): OpenTask {
  if (typeof value !== 'object' || value === null) return checkTask(value)
  let open = opened.get(value)
  if (open === undefined) {
    open = checkTask(value)
    opened.set(value, open)
  }
  return open
}

function checkTask(value: unknown): OpenTask {
  const parsed = taskSchema.safeParse(value)
  if (!parsed.success) {
    const issue = likelyIssues(parsed.error.issues, value)[0]
    const text = issue === undefined ? 'malformed' : issueText(issue, valueAt(value, issue.path))
    refuse(issue?.path.map(String).join('.') ?? '', text)
  }
  const task = parsed.data
  const { output, input } = task
  if (!LOSS_OF[output.type].includes(task.loss)) {
    refuse(
      'loss',
      `${task.loss} does not fit output ${output.type}; use ${LOSS_OF[output.type].join(' or ')}`,
    )
  }
  const known: readonly string[] = METRICS_OF[output.type]
  for (const metric of task.metrics)
    if (!known.includes(metric))
      refuse('metrics', `${metric} is not defined for output ${output.type}; choose from ${known.join(', ')}`)
  if (output.type === 'next-token' && input.type !== 'text')
    refuse('output', 'next-token needs an input of type text')
  checkDistinct('metrics', task.metrics)
  if (output.type === 'class' && Array.isArray(output.classes))
    checkDistinct('output.classes', output.classes)
  checkInput(task)
  const model = builtModel(task)
  const layout = layoutOf(task.model, model)
  if (JSON.stringify(layout) !== JSON.stringify(task.layout)) refuse('layout', 'is not that of the model')
  const outputs = outputCount(task)
  if (model !== undefined) checkOutput(model, output.type === 'next-token', outputs)
  return {
    task,
    model,
    inputShape: inputShape(input),
    inputType: inputType(input),
    outputs,
    parameterCount: layout.reduce((sum, { shape }) => sum + volume(shape), 0),
    primary: metricOf(task.metrics[0] as Task['metrics'][number]),
  }
}

/** The parameters with which every node begins, drawn from the run's seed. Throws E_TASK for models without layers. */
export function initialTaskParameters({ model, task }: OpenTask, seed: number | string): Float32Array {
  if (model === undefined) refuse('model', `the initial parameters of ${task.name} come from its own trainer`)
  const last = drawn.get(model)
  const held = last?.seed === seed ? last.flat.deref() : undefined
  if (held !== undefined) return held.slice()
  const flat = drawInitialParameters(model, seed)
  drawn.set(model, { seed, flat: new WeakRef(flat) })
  return flat.slice()
}

/** The parameters drawn last for a model: all nodes of a process begin with the same. */
const drawn = new WeakMap<Model, { readonly seed: number | string; readonly flat: WeakRef<Float32Array> }>()

/** Names of the classes; their numbers where they have no names. Empty for outputs that are no classes. */
export function classNamesOf({ output }: Pick<Task, 'output'>): string[] {
  if (output.type === 'labels') return [...output.columns]
  if (output.type !== 'class') return []
  const { classes } = output
  return typeof classes === 'number' ? Array.from({ length: classes }, (_, k) => String(k)) : [...classes]
}

/** Number of different tokens, with the two special ones. */
export function vocabularySize(input: Task['input']): number {
  if (input.type !== 'text') return 0
  return input.unit === 'byte' ? 257 : input.vocabulary.length + 2
}

/** Numbers that the model returns for one sample or, with `next-token`, position. */
export function outputCount({ input, output }: Pick<Task, 'input' | 'output'>): number {
  switch (output.type) {
    case 'class':
      return typeof output.classes === 'number' ? output.classes : output.classes.length
    case 'labels':
    case 'number':
      return output.columns.length
    case 'next-token':
      return vocabularySize(input)
  }
}

export function inputShape(input: Task['input']): Shape {
  switch (input.type) {
    case 'image':
    case 'tensor':
      return input.shape
    case 'text':
      return [input.length]
    case 'table':
      return [
        input.columns.reduce((sum, column) => sum + (column.type === 'number' ? 1 : column.values.length), 0),
      ]
  }
}

function inputType(input: Task['input']): Model['inputType'] {
  return input.type === 'text' ? 'int32' : 'float32'
}

function builtModel(task: Pick<Task, 'input' | 'output' | 'model'>): Model | undefined {
  const { input, model } = task
  const shape = inputShape(input)
  if (typeof model === 'string') return builtIn(model, task)
  return 'layers' in model ? buildModel(shape, model.layers, inputType(input)) : undefined
}

function builtIn(name: BuiltInModel, task: Pick<Task, 'input' | 'output'>): Model {
  const shape = inputShape(task.input)
  const layers = builtInLayers(name, shape, outputCount(task), vocabularySize(task.input))
  try {
    return buildModel(
      shape,
      layers.map((layer) => layerSchema.parse(layer)),
      inputType(task.input),
    )
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    const message = `model '${name}' does not take samples of ${shape.join('×')}; use another one. ${error.message}`
    throw new TrainError(error.code, message, error)
  }
}

function layoutOf(model: Task['model'], built: Model | undefined): TensorLayout[] {
  if (built !== undefined) return built.tensors.map(({ name, shape }) => ({ name, shape: [...shape] }))
  if (typeof model === 'object' && 'tensors' in model) return model.tensors
  return refuse('model', 'has neither layers nor tensors')
}

function checkInput({ input, output }: Task): void {
  if (input.type === 'image') {
    const channels = input.shape[2]
    for (const key of ['mean', 'deviation'] as const) {
      const found = input[key]?.length ?? channels
      if (found !== channels)
        refuse(`input.${key}`, `needs one number per channel, ${channels}, got ${found}`)
    }
  }
  if (input.type === 'table') {
    const seen = new Set<string>()
    for (const [k, column] of input.columns.entries()) {
      const { name } = column
      if (seen.has(name)) refuse('input.columns', `column "${name}" is named twice`)
      seen.add(name)
      if (column.type === 'category') checkDistinct(`input.columns.${k}.values`, column.values)
      if (column.type === 'category') checkImpute(column, `input.columns.${k}.missing.impute`)
    }
    checkTargets(targetColumns(output), seen)
  }
  if (input.type === 'text') checkTargets(targetColumns(output), new Set([input.column]))
}

/** Names of the columns that a task predicts, where it names any. */
function targetColumns(output: Task['output']): readonly string[] {
  switch (output.type) {
    case 'class':
      return output.column === undefined ? [] : [output.column]
    case 'labels':
      return output.columns
    case 'number':
      return output.columns.map(({ name }) => name)
    case 'next-token':
      return []
  }
}

function checkTargets(targets: readonly string[], inputs: ReadonlySet<string>): void {
  const shared = targets.find((name) => inputs.has(name))
  if (shared !== undefined)
    refuse(
      'output',
      `column "${shared}" is an input too, so the model would only copy it; take it out of the inputs`,
    )
  const twice = targets.find((name, k) => targets.indexOf(name) < k)
  if (twice !== undefined) refuse('output', `column "${twice}" is named twice`)
}

function checkDistinct(path: string, names: readonly string[]): void {
  const twice = names.find((name, k) => names.indexOf(name) < k)
  if (twice !== undefined) refuse(path, `${quoted(twice)} is there twice; keep one of them`)
}

function checkImpute({ values, missing }: CategoryColumn, path: string): void {
  if (typeof missing !== 'object' || values.includes(missing.impute)) return
  const near = nearestName(missing.impute, values)
  refuse(
    path,
    `${quoted(missing.impute)} is not one of the column's values${near === undefined ? '' : `; did you mean ${quoted(near)}?`}`,
  )
}

function checkOutput(model: Model, sequence: boolean, outputs: number): void {
  const wanted = sequence ? [model.input[0] as number, outputs] : [outputs]
  const { output } = model
  if (output.length === wanted.length && output.every((size, k) => size === wanted[k])) return
  throw new TrainError(
    'E_MODEL_SHAPE',
    `the model ends with [${output.join(', ')}], but the task needs [${wanted.join(', ')}]; ` +
      `${output.length > wanted.length ? 'put a flatten layer or a global pool before its last layer' : 'change its last layer'}`,
  )
}

function volume(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function refuse(path: string, message: string): never {
  throw new TrainError('E_TASK', `task${path === '' ? '' : `, field ${path}`}: ${message}`)
}
