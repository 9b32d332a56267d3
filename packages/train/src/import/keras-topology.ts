/**
 * The layers of a Keras model as its JSON lists them, whatever wrote it: Keras 2 or 3 through the tfjs converter,
 * tfjs itself, or `model export --format tfjs`. Sequential models become functional ones with one path.
 */

import { isObject, refuseModel } from './refusal.js'

/** One layer with the names of the layers whose outputs it takes. */
export interface KerasLayer {
  readonly className: string
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  readonly inputs: readonly string[]
}

export interface KerasTopology {
  readonly layers: ReadonlyMap<string, KerasLayer>
  /** Name of the layer with which the model begins; for a sequential model without one, `undefined`. */
  readonly input: string | undefined
  readonly output: string
  /** Sizes of one sample; null for any. Undefined where the file does not say it. */
  readonly inputShape: readonly (number | null)[] | undefined
}

/** As many layers as a task may list. */
const MAX_LAYERS = 1000

/** Reads `modelTopology` of a model.json. Throws E_IMPORT. */
export function readTopology(file: string, topology: unknown): KerasTopology {
  const outer = isObject(topology) ? topology : {}
  const model = isObject(outer.model_config) ? outer.model_config : outer
  const { class_name: kind, config } = model
  if (kind === 'Sequential') {
    const layers = isObject(config) ? config.layers : config
    return sequential(file, layerList(file, layers))
  }
  if ((kind === 'Functional' || kind === 'Model') && isObject(config)) return functional(file, config)
  return refuseModel(
    file,
    typeof kind === 'string'
      ? `its model is of class ${kind}; Sequential and functional models are read`
      : 'has no modelTopology with the layers of a Keras model; convert it with --output_format tfjs_layers_model',
  )
}

function layerList(file: string, layers: unknown): readonly Record<string, unknown>[] {
  if (!Array.isArray(layers) || layers.length === 0 || !layers.every(isObject))
    return refuseModel(file, 'its topology lists no layers')
  if (layers.length > MAX_LAYERS)
    return refuseModel(file, `has ${layers.length} layers, above the ${MAX_LAYERS} of a task`)
  return layers
}

function readLayer(
  file: string,
  layer: Readonly<Record<string, unknown>>,
  inputs: readonly string[],
): KerasLayer {
  const { class_name: className, config } = layer
  if (typeof className !== 'string' || !isObject(config))
    return refuseModel(file, 'a layer of its topology has no class_name or no config')
  const name = layer.name ?? config.name
  if (typeof name !== 'string' || name === '')
    return refuseModel(file, `a layer of class ${className} has no name`)
  return { className, name, config, inputs }
}

function sequential(file: string, list: readonly Record<string, unknown>[]): KerasTopology {
  const layers = new Map<string, KerasLayer>()
  let last: string | undefined
  for (const entry of list) {
    const layer = readLayer(file, entry, last === undefined ? [] : [last])
    if (layers.has(layer.name)) refuseModel(file, `has two layers called ${layer.name}`)
    layers.set(layer.name, layer)
    last = layer.name
  }
  const [first] = layers.values() as Iterable<KerasLayer>
  return {
    layers,
    input: first?.className === 'InputLayer' ? first.name : undefined,
    output: last as string,
    inputShape: first && shapeOf(file, first),
  }
}

function functional(file: string, config: Readonly<Record<string, unknown>>): KerasTopology {
  const layers = new Map<string, KerasLayer>()
  for (const entry of layerList(file, config.layers)) {
    const calls = Array.isArray(entry.inbound_nodes) ? entry.inbound_nodes : []
    const { name } = readLayer(file, entry, [])
    if (calls.length > 1)
      refuseModel(file, `layer ${name} is used ${calls.length} times; give each use a layer of its own`)
    if (layers.has(name)) refuseModel(file, `has two layers called ${name}`)
    layers.set(name, readLayer(file, entry, namesIn(calls[0])))
  }
  const only = (what: 'input' | 'output'): string => {
    const names = endNames(config[`${what}_layers`])
    const [name] = names
    if (name === undefined || names.length > 1 || !layers.has(name))
      return refuseModel(file, `has ${names.length} ${what}s; models with one input and one output are read`)
    return name
  }
  const input = only('input')
  return {
    layers,
    input,
    output: only('output'),
    inputShape: shapeOf(file, layers.get(input) as KerasLayer),
  }
}

/** `[["a", 0, 0], …]`, or with a single end `["a", 0, 0]`. */
function endNames(ends: unknown): string[] {
  if (!Array.isArray(ends)) return []
  if (typeof ends[0] === 'string') return [ends[0]]
  return ends.flatMap((end) => (Array.isArray(end) && typeof end[0] === 'string' ? [end[0]] : []))
}

/**
 * Names of the layers that a call takes: `[["a", 0, 0, {}], …]` in Keras 2, tensors with a `keras_history` anywhere in
 * `args` in Keras 3.
 */
function namesIn(call: unknown): string[] {
  if (Array.isArray(call)) {
    if (typeof call[0] === 'string' && typeof call[1] === 'number') return [call[0]]
    return call.flatMap(namesIn)
  }
  if (!isObject(call)) return []
  if (Array.isArray(call.keras_history) && typeof call.keras_history[0] === 'string')
    return [call.keras_history[0]]
  return namesIn(call.args ?? Object.values(call))
}

/** The shape of one sample that a first layer states. Throws E_IMPORT for a batch of a fixed size. */
function shapeOf(file: string, { config, name }: KerasLayer): KerasTopology['inputShape'] {
  const shape = config.batch_input_shape ?? config.batch_shape
  if (!Array.isArray(shape)) return undefined
  const [batch, ...sizes] = shape as unknown[]
  if (batch !== null)
    refuseModel(file, `layer ${name} has a fixed batch of ${String(batch)}; save the model with an open one`)
  return sizes.map((size) => (typeof size === 'number' ? size : null))
}
