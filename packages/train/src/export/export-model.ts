/** A trained model as files in one of the formats that others read. */

import type { OpenTask } from '../task/task.js'
import { TrainError } from '../trainer/train-error.js'
import { encodeNpz } from './npz.js'
import { encodeOnnxModel } from './onnx-graph.js'
import { encodeSafetensors } from './safetensors.js'
import { encodeLayersModel } from './tfjs-layers.js'
import { layoutTensors, type NamedTensor, torchTensors } from './torch-layout.js'

export const EXPORT_FORMATS = ['safetensors', 'npz', 'onnx', 'tfjs'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export interface ExportedFile {
  /** Without folder. */
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * Names and shapes of the tensors of a safetensors or NPZ file; undefined for formats whose tensors are a program's own
 * affair.
 */
export function exportedTensors(
  { task, model }: OpenTask,
  flat: Float32Array,
  format: ExportFormat,
): Pick<NamedTensor, 'name' | 'shape'>[] | undefined {
  if (format !== 'safetensors' && format !== 'npz') return undefined
  const named = model === undefined ? layoutTensors(task.layout, flat) : torchTensors(model, flat)
  return named.map(({ name, shape }) => ({ name, shape }))
}

/**
 * Files of a model. `flat` are its parameters; `metadata` goes into formats that have a place for it. Models that are
 * not made of layers leave as safetensors or NPZ only. Throws TrainError E_EXPORT.
 */
export async function exportModel(
  { task, model }: OpenTask,
  flat: Float32Array,
  format: ExportFormat,
  metadata: Readonly<Record<string, string>> = {},
): Promise<ExportedFile[]> {
  const named = (): NamedTensor[] =>
    model === undefined ? layoutTensors(task.layout, flat) : torchTensors(model, flat)
  if (format === 'safetensors')
    return [{ name: 'model.safetensors', bytes: encodeSafetensors(named(), metadata) }]
  if (format === 'npz') return [{ name: 'model.npz', bytes: await encodeNpz(named()) }]
  if (model === undefined) {
    throw new TrainError(
      'E_EXPORT',
      `the model of task ${task.name} is not made of layers, so it cannot be written as ${format}; use safetensors or npz`,
    )
  }
  if (format === 'onnx')
    return [{ name: 'model.onnx', bytes: encodeOnnxModel(model, flat, task.name, metadata) }]
  const { modelJson, weights } = encodeLayersModel(model, flat, metadata)
  return [
    { name: 'model.json', bytes: Buffer.from(modelJson, 'utf8') },
    { name: 'weights.bin', bytes: weights },
  ]
}
