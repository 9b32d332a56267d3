import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRng } from '@tempered/robust-agg/rng'
import * as tf from '@tensorflow/tfjs-core'
import type { LayersModel } from '@tensorflow/tfjs-layers'
import '@tensorflow/tfjs-backend-cpu'
import { afterAll, beforeAll } from 'vitest'
import { createWasmEngine } from '../../src/engine/wasm/wasm-engine.js'
import { readTaskModel } from '../../src/import/layers-model.js'
import { readModelParameters } from '../../src/import/model-parameters.js'
import { type OpenTask, resolveTask } from '../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../src/task/task-schema.js'

type Json = Record<string, unknown>

/** For a test file that compares with tfjs: its backend, and a temporary folder, in which the result names paths. */
export function kerasFolder(): (name: string) => string {
  let folder: string
  beforeAll(async () => {
    await tf.setBackend('cpu')
    folder = await mkdtemp(join(tmpdir(), 'tempered-import-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return (name) => join(folder, name)
}

/** Contents of a model.json with one group of weights in one shard. */
export interface KerasFile {
  json: {
    format: string
    generatedBy: string
    modelTopology: Json
    weightsManifest: {
      paths: string[]
      weights: { name: string; shape: number[]; dtype: string; quantization?: Json }[]
    }[]
  }
  weights: Buffer
}

/** A model of tfjs as it saves itself, after all of its weights were drawn anew. */
export async function savedByTfjs(model: LayersModel, seed: string): Promise<KerasFile> {
  const rng = createRng('keras-files', seed)
  model.setWeights(
    model.getWeights().map(({ shape, size }) =>
      tf.tensor(
        Float32Array.from({ length: size }, () => 0.3 * rng.normal()),
        shape,
      ),
    ),
  )
  let file: KerasFile | undefined
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      file = {
        json: {
          format: 'layers-model',
          generatedBy: 'TensorFlow.js tfjs-layers v4.22.0',
          modelTopology: modelTopology as Json,
          weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs as never }],
        },
        weights: Buffer.from(weightData as ArrayBuffer),
      }
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
    }),
  )
  return file as KerasFile
}

/** Writes a model.json and its shard into a folder; returns the path of the model.json. */
export async function writeKeras(folder: string, { json, weights }: KerasFile): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'weights.bin'), weights)
  const path = join(folder, 'model.json')
  await writeFile(path, JSON.stringify(json))
  return path
}

/** What the engine makes of samples, row-major. */
export function predictions(open: OpenTask, flat: Float32Array, inputs: Float32Array, samples: number) {
  const program = createWasmEngine().compile(open.model!, open.task.loss)
  program.load(flat)
  program.inputs(samples).set(inputs)
  return program.forward(samples).slice()
}

/**
 * The same topology as Keras 3 writes it: an input layer of its own, shapes without `input`, data types and calls as
 * objects.
 */
export function asKeras3(topology: Json): Json {
  const { class_name: kind, config } = topology as { class_name: string; config: Json | Json[] }
  const list = (Array.isArray(config) ? config : (config.layers as Json[])) as {
    class_name: string
    config: Json
    inbound_nodes?: [string, number, number, Json][][]
  }[]
  const history = ([name]: [string, number, number, Json]) => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, 1], dtype: 'float32', keras_history: [name, 0, 0] },
  })
  const layers = list.map(({ class_name: className, config: given, inbound_nodes: calls }) => {
    const { batch_input_shape: shape, dtype: _, activation, ...others } = given
    return {
      module: 'keras.layers',
      class_name: className,
      config: {
        ...others,
        ...(activation === undefined ? {} : { activation }),
        ...(shape === undefined ? {} : { batch_shape: shape }),
        dtype: { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' } },
      },
      registered_name: null,
      build_config: { input_shape: [null, 1] },
      ...(calls === undefined
        ? {}
        : {
            name: given.name,
            inbound_nodes: calls.map((call) => ({
              args: call.length > 1 ? [call.map(history)] : call.map(history),
              kwargs: {},
            })),
          }),
    }
  })
  const first = layers[0]!
  const { batch_shape: batchShape } = first.config as Json
  const input = {
    module: 'keras.layers',
    class_name: 'InputLayer',
    config: { batch_shape: batchShape, dtype: 'float32', sparse: false, name: 'input_layer' },
    registered_name: null,
  }
  if (kind === 'Sequential') {
    const { batch_shape: __, ...rest } = first.config as Json
    const all = [input, { ...first, config: rest }, ...layers.slice(1)]
    return {
      model_config: {
        module: 'keras',
        class_name: 'Sequential',
        config: { name: 'sequential', layers: all },
      },
    }
  }
  const ends = config as Json
  return {
    keras_version: '3.7.0',
    backend: 'tensorflow',
    model_config: {
      module: 'keras.src.models.functional',
      class_name: 'Functional',
      config: {
        name: 'functional',
        layers,
        input_layers: [(ends.input_layers as unknown[][])[0]],
        output_layers: (ends.output_layers as unknown[][])[0],
      },
    },
  }
}

/** The same file as from a `.keras` file: weights by class, number of the layer and place, and those of the optimiser. */
export function asStored({ json, weights }: KerasFile): KerasFile {
  const { config } = json.modelTopology as { config: Json | Json[] }
  const list = (Array.isArray(config) ? config : (config.layers as Json[])) as {
    class_name: string
    config: { name: string }
  }[]
  const counts = new Map<string, number>()
  const names = new Map<string, string>()
  for (const { class_name: className, config: own } of list) {
    const plain = className.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
    const count = counts.get(plain) ?? 0
    counts.set(plain, count + 1)
    names.set(own.name, count === 0 ? plain : `${plain}_${count}`)
  }
  const places = new Map<string, number>()
  const renamed = json.weightsManifest[0]!.weights.map((weight) => {
    const store = names.get(weight.name.split('/')[0]!)!
    const place = places.get(store) ?? 0
    places.set(store, place + 1)
    return { ...weight, name: `layers/${store}/vars/${place}` }
  })
  const optimiser = { name: 'optimizer/vars/0', shape: [], dtype: 'int32' }
  return {
    json: { ...json, weightsManifest: [{ paths: ['weights.bin'], weights: [optimiser, ...renamed] }] },
    weights: Buffer.concat([Buffer.from([1, 0, 0, 0]), weights]),
  }
}

/** A task with the model of a file, and its parameters. */
export async function importKeras(
  file: string,
  input: TaskFileInput['input'],
  output: TaskFileInput['output'],
): Promise<[OpenTask, Float32Array]> {
  const written = taskFileSchema.parse({ task: 'own', input, output, model: { layersModel: file } })
  const { task, initial } = await readTaskModel(written, '/')
  const open = resolveTask(task)
  return [open, await readModelParameters(initial!, open)]
}

/** Samples of normal numbers, or of bytes as tokens. */
export function inputsOf(
  { inputShape, inputType }: OpenTask,
  name: string,
  samples: number,
): Float32Array | Int32Array {
  const rng = createRng('inputs', name)
  const length = samples * inputShape.reduce((a, b) => a * b, 1)
  return inputType === 'int32'
    ? Int32Array.from({ length }, () => rng.integer(257))
    : Float32Array.from({ length }, () => rng.normal())
}
