/**
 * Keras models in the form that tfjs reads (`model.json` with its shards) as layers of a task. The last softmax, or for
 * several labels the last sigmoid, is left out: it is part of the loss here, and models return logits.
 */

import { resolve } from 'node:path'
import { errorMessage } from '@tempered/errors'
import { type Layer, type LayerInput, layerSchema } from '../task/layer-schema.js'
import { buildModel } from '../task/model.js'
import type { Model } from '../task/operation.js'
import { inputShape } from '../task/task.js'
import type { Task, TaskFile } from '../task/task-schema.js'
import { TrainError } from '../trainer/train-error.js'
import { readBounded } from './file-bytes.js'
import { type KerasStep, stepsOf } from './keras-graph.js'
import { type ConvertedLayer, convertLayer, Unexpressed } from './keras-layers.js'
import { type KerasWeights, kerasParameters, storeNames } from './keras-parameters.js'
import { type KerasLayer, type KerasTopology, readTopology } from './keras-topology.js'
import { readKerasWeights } from './keras-weights.js'
import { isObject, refuseModel, shapeText } from './refusal.js'

/** The most bytes of a model.json; weights are in other files. */
const MAX_TOPOLOGY_BYTES = 16 * 1024 * 1024

export interface LayersModel {
  /** For `model: { layers }` of a task. */
  readonly layers: LayerInput[]
  readonly model: Model
  /** Weights as the flat parameter vector of `model`; undefined when the file has none. Throws E_IMPORT. */
  readonly parameters: (() => Promise<Float32Array>) | undefined
}

/**
 * Reads a model.json for a task with this input and output. Throws TrainError E_IMPORT with the file, and the layer
 * that a task cannot express.
 */
export async function readLayersModel(
  file: string,
  { input, output }: Pick<Task, 'input' | 'output'>,
): Promise<LayersModel> {
  const json = await readJson(file)
  const topology = readTopology(file, json.modelTopology)
  checkInput(file, topology, inputShape(input))
  const converter = new Converter(file, output.type, topology, json.generatedBy === 'Tempered')
  const layers = converter.list(stepsOf(file, topology), '', true)
  const parsed = layers.map((layer) => taskLayer(file, layer))
  const model = build(file, parsed, inputShape(input), input.type === 'text' ? 'int32' : 'float32')
  checkAxes(file, model, converter.weights)
  const { weightsManifest: manifest } = json
  const hasWeights = Array.isArray(manifest) && manifest.some((group) => hasTensors(group))
  return {
    layers,
    model,
    parameters: hasWeights
      ? async () => {
          const tensors = await readKerasWeights(file, manifest)
          return kerasParameters(file, model, converter.weights, tensors)
        }
      : undefined,
  }
}

/**
 * The task with the model of a `layersModel` file, relative to `folder`, written as layers; `initial` is that file when
 * it has weights. A task with another model stays as it is. Throws E_IMPORT.
 */
export async function readTaskModel(
  task: TaskFile,
  folder: string,
): Promise<{ readonly task: TaskFile; readonly initial: string | undefined }> {
  const { model } = task
  if (typeof model === 'string' || !('layersModel' in model)) return { task, initial: undefined }
  const file = resolve(folder, model.layersModel)
  const { layers, parameters } = await readLayersModel(file, task)
  const parsed = layers.map((layer) => layerSchema.parse(layer))
  return {
    task: { ...task, model: { layers: parsed } },
    initial: parameters === undefined ? undefined : file,
  }
}

function hasTensors(group: unknown): boolean {
  return !isObject(group) || !Array.isArray(group.weights) || group.weights.length > 0
}

async function readJson(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = (await readBounded(file, MAX_TOPOLOGY_BYTES)).toString('utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    return refuseModel(
      file,
      `is not JSON (${(cause as Error).message}); name the model.json of a tfjs LayersModel`,
      cause,
    )
  }
  if (!isObject(json)) return refuseModel(file, 'is not the model.json of a tfjs LayersModel')
  if (json.format === 'graph-model')
    refuseModel(
      file,
      'is a graph model, whose layers are lost; convert it with --output_format tfjs_layers_model',
    )
  return json
}

function checkInput(file: string, { inputShape: found }: KerasTopology, wanted: readonly number[]): void {
  if (found === undefined) return
  const fits = found.length === wanted.length && found.every((size, k) => size === null || size === wanted[k])
  if (!fits) {
    refuseModel(
      file,
      `takes samples of ${shapeText(found)}, but the input of the task has ${shapeText(wanted)}; change the task's input or the model`,
    )
  }
}

function build(
  file: string,
  layers: readonly Layer[],
  input: readonly number[],
  inputType: Model['inputType'],
): Model {
  try {
    return buildModel(input, layers, inputType)
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    const [place = ''] = /^layers[^ :]*/.exec(error.message) ?? []
    const name = nameAt(layers, place)
    const message = error.message.slice(place.length).replace(/^[: ]+/, '')
    return refuseModel(file, name === undefined ? error.message : `layer ${name} ${message}`, error)
  }
}

/** A converted layer as a task has it. Throws E_IMPORT for numbers that no layer may have. */
function taskLayer(file: string, layer: LayerInput): Layer {
  const parsed = layerSchema.safeParse(layer)
  return parsed.success
    ? parsed.data
    : refuseModel(
        file,
        `layer ${layer.layer}: ${errorMessage(parsed.error)}; correct the model`,
        parsed.error,
      )
}

/** Name of the layer at a place such as `layers[2].shortcut[0]`. */
function nameAt(layers: readonly Layer[], place: string): string | undefined {
  let list: readonly Layer[] | undefined = layers
  let found: Layer | undefined
  for (const [, key, index] of place.matchAll(/([a-z]+)\[(\d+)\]/g)) {
    if (found?.layer === 'residual') list = key === 'shortcut' ? found.shortcut : found.layers
    found = list?.[Number(index)]
  }
  return found?.name
}

function checkAxes(file: string, model: Model, weights: readonly KerasWeights[]): void {
  for (const { path, axis, layer } of weights) {
    if (axis === undefined || axis === -1) continue
    const slot = model.tensors.find((tensor) => tensor.path === path)
    const rank = slot === undefined ? 0 : inputRank(model.operations, path)
    if (axis !== rank)
      refuseModel(
        file,
        `layer ${layer.name} (${layer.className}): works on axis ${axis}; only the last, ${rank}, can be expressed`,
      )
  }
}

/** Sizes of the input of the layer at `path`, without the batch: the number of its last axis. */
function inputRank(operations: Model['operations'], path: string): number {
  for (const operation of operations) {
    if (operation.path === path) return operation.input.length
    if (operation.kind !== 'residual') continue
    const inside = inputRank([...operation.body, ...operation.shortcut], path)
    if (inside > 0) return inside
  }
  return 0
}

class Converter {
  readonly weights: KerasWeights[] = []
  private readonly file: string
  private readonly output: Task['output']['type']
  /** Whether layers are called `layer_<name>`, as `model export` calls them. */
  private readonly isOwn: boolean
  private readonly stores: ReadonlyMap<string, string>

  constructor(file: string, output: Task['output']['type'], { layers }: KerasTopology, isOwn: boolean) {
    this.stores = storeNames(layers.values())
    this.file = file
    this.output = output
    this.isOwn = isOwn
  }

  list(steps: readonly KerasStep[], prefix: string, isWhole = false): LayerInput[] {
    const names = new Set<string>()
    return steps.flatMap((step, index): LayerInput[] => {
      const name = this.nameOf(step.layer, names)
      const path = `${prefix}${name}`
      if (step.kind === 'sum') {
        const layers = this.list(step.body, `${path}.body.`)
        const shortcut = this.list(step.shortcut, `${path}.shortcut.`)
        if (layers.length === 0) this.refuse(step.layer, 'adds a value to itself')
        return [{ layer: 'residual', name, layers, ...(shortcut.length > 0 ? { shortcut } : {}) }]
      }
      const { layer } = this.convert(step.layer, path, isWhole && index === steps.length - 1)
      return layer === undefined ? [] : [{ ...layer, name }]
    })
  }

  private convert(layer: KerasLayer, path: string, isLast: boolean): ConvertedLayer {
    try {
      const converted = this.withoutLoss(convertLayer(layer), isLast)
      const { weights, axis } = converted
      const store = this.stores.get(layer.name)
      if (weights.length > 0) this.weights.push({ path, layer, store, sources: weights, axis })
      return converted
    } catch (error) {
      if (error instanceof Unexpressed) return this.refuse(layer, error.problem)
      throw error
    }
  }

  /** The last activation belongs to the loss of the task. */
  private withoutLoss(converted: ConvertedLayer, isLast: boolean): ConvertedLayer {
    const { layer, last, axis = -1 } = converted
    if (last === undefined) return converted
    if (last === 'softmax') {
      if (!isLast)
        throw new Unexpressed('a softmax is only possible at the end of a model, as part of the loss')
      if (this.output !== 'class' && this.output !== 'next-token')
        throw new Unexpressed(
          `the model ends with a softmax, which does not fit output ${this.output}; use output class`,
        )
      if (axis !== -1 && axis !== (this.output === 'class' ? 1 : 2))
        throw new Unexpressed(`its softmax works on axis ${axis}; only the last can be expressed`)
      return converted
    }
    if (!isLast || this.output === 'number') return converted
    if (this.output !== 'labels')
      throw new Unexpressed(
        `the model ends with a sigmoid, which does not fit output ${this.output}; use output labels, or train it with a softmax`,
      )
    if (layer?.layer === 'activation') return { ...converted, layer: undefined }
    return { ...converted, layer: { ...layer, activation: 'linear' } as LayerInput }
  }

  /** A name that a task may give a layer, and no other layer here has. */
  private nameOf({ name }: KerasLayer, taken: Set<string>): string {
    const own = this.isOwn ? name.replace(/^layer_/, '') : name
    const plain = own.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 60)
    let free = plain
    for (let k = 2; taken.has(free); k++) free = `${plain}-${k}`
    taken.add(free)
    return free
  }

  private refuse({ name, className }: KerasLayer, problem: string): never {
    return refuseModel(this.file, `layer ${name} (${className}): ${problem}`)
  }
}
