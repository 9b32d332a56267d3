import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readTaskModel } from '../../src/import/layers-model.js'
import { readModelParameters } from '../../src/import/model-parameters.js'
import { resolveTask } from '../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../src/task/task-schema.js'
import type { KerasFile } from './keras-files.js'

export type Layer = {
  class_name: string
  name?: string
  config: Record<string, unknown>
  inbound_nodes?: unknown
}

export const dense = (name: string, units = 2, more: Record<string, unknown> = {}): Layer => ({
  class_name: 'Dense',
  config: { name, units, activation: 'linear', use_bias: true, ...more },
})
export const layer = (kind: string, more: Record<string, unknown> = {}): Layer => ({
  class_name: kind,
  config: { name: 'mine', ...more },
})

/** Two numbers to two classes, by the layers `before` and a dense one. */
export function sequentialFile(before: Layer[] = [], last = dense('out')): KerasFile {
  return {
    json: {
      format: 'layers-model',
      generatedBy: 'keras',
      modelTopology: {
        class_name: 'Sequential',
        config: {
          layers: [
            { class_name: 'InputLayer', config: { name: 'in', batch_shape: [null, 2] } },
            ...before,
            last,
          ],
        },
      },
      weightsManifest: [
        {
          paths: ['weights.bin'],
          weights: [
            { name: 'out/kernel', shape: [2, 2], dtype: 'float32' },
            { name: 'out/bias', shape: [2], dtype: 'float32' },
          ],
        },
      ],
    },
    weights: Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
  }
}

export const functionalFile = (
  layers: Layer[],
  output = 'out',
  more: Record<string, unknown> = {},
): KerasFile => ({
  ...sequentialFile(),
  json: {
    ...sequentialFile().json,
    modelTopology: {
      class_name: 'Functional',
      config: { layers, input_layers: [['in', 0, 0]], output_layers: [[output, 0, 0]], ...more },
    },
  },
})
export const called = (name: string, one: Layer, ...inputs: string[]): Layer => ({
  ...one,
  name,
  inbound_nodes: inputs.length === 0 ? [] : [inputs.map((input) => [input, 0, 0, {}])],
})
export const entry = called('in', layer('InputLayer', { batch_input_shape: [null, 2] }))

export function changed(change: (file: KerasFile) => void): KerasFile {
  const file = sequentialFile()
  change(file)
  return file
}

export const group = (file: KerasFile) => file.json.weightsManifest[0]!
export const input: TaskFileInput['input'] = { type: 'tensor', shape: [2] }
export const output: TaskFileInput['output'] = { type: 'class', classes: 2 }

export async function read(file: string, from = input, to = output): Promise<Float32Array> {
  const written = taskFileSchema.parse({ task: 'own', input: from, output: to, model: { layersModel: file } })
  const { task, initial } = await readTaskModel(written, '/')
  return readModelParameters(initial ?? '', resolveTask(task))
}

export const refused = (...parts: (string | RegExp)[]) =>
  expect.objectContaining({
    code: 'E_IMPORT',
    message: expect.stringMatching(
      new RegExp(
        parts
          .map((part) =>
            typeof part === 'string' ? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : part.source,
          )
          .join('.*'),
        's',
      ),
    ),
  })

let count = 0
export async function write(
  folder: string,
  file: KerasFile,
  shards: Record<string, Buffer> = { 'weights.bin': file.weights },
) {
  const own = join(folder, `case-${count++}`)
  await mkdir(own)
  for (const [name, bytes] of Object.entries(shards)) await writeFile(join(own, name), bytes)
  await writeFile(join(own, 'model.json'), JSON.stringify(file.json))
  return join(own, 'model.json')
}
