/** Parameters of a run's model from a file that was exported, or written by another program. */

import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { openNpzArrays } from '../data/formats/npz.js'
import { type NamedTensor, torchTensors } from '../export/torch-layout.js'
import type { Model } from '../task/operation.js'
import type { OpenTask } from '../task/task.js'
import type { TensorLayout } from '../task/task-schema.js'
import { readLayersModel } from './layers-model.js'
import { refuseModel, requireFinite, shapeText, volume } from './refusal.js'
import { readSafetensors } from './safetensors.js'

type Tensors = ReadonlyMap<string, NamedTensor>
type Described = Pick<NamedTensor, 'name' | 'shape'>

/** What to do about a model of another form. */
const REMEDY =
  "name a model of the same layers and sizes, or make the task's model like it (tempered task check shows its layers)"

/**
 * Files that `model export` writes, by which it is recognised that a folder is one of a model; those that can be read
 * first, so that one that cannot is named only where there is no other.
 */
const EXPORTED = ['model.safetensors', 'model.npz', 'model.json', 'model.onnx'] as const

/** What to do about files of other programs. */
const INSTEAD: Readonly<Record<string, string>> = {
  '.pt': 'PyTorch files hold code; save model.state_dict() with safetensors.torch.save_file',
  '.pth': 'PyTorch files hold code; save model.state_dict() with safetensors.torch.save_file',
  '.bin': 'name the model.json or model.safetensors beside it',
  '.h5': 'convert it: tensorflowjs_converter --input_format keras --output_format tfjs_layers_model',
  '.keras': 'convert it: tensorflowjs_converter --input_format keras --output_format tfjs_layers_model',
  '.onnx': 'ONNX is written but not read; export the model as safetensors',
}

/** Whether a path is a folder with an exported model in it. Never throws. */
export async function exportedModelIn(folder: string): Promise<string | undefined> {
  for (const name of EXPORTED) {
    const file = join(folder, name)
    if ((await stat(file).catch(() => undefined))?.isFile() === true) return file
  }
  return undefined
}

/**
 * The flat parameter vector for a task from `.safetensors` or `.npz` (tensors as `model export` names and shapes them:
 * those of PyTorch modules for layers) or from the `model.json` of a tfjs LayersModel. Throws TrainError E_IMPORT with
 * the tensor and both shapes where they differ, and DataError for a damaged NPZ file.
 */
export async function readModelParameters(file: string, open: OpenTask): Promise<Float32Array> {
  const type = extname(file).toLowerCase()
  if (type === '.safetensors') return fromTensors(file, open, await readSafetensors(file))
  if (type === '.npz') return fromTensors(file, open, await readNpz(file))
  if (type === '.json') return fromLayersModel(file, open)
  return refuseModel(
    file,
    `a model is read from .safetensors, .npz or model.json${INSTEAD[type] === undefined ? '' : `; ${INSTEAD[type]}`}`,
  )
}

async function readNpz(file: string): Promise<Tensors> {
  const tensors = new Map<string, NamedTensor>()
  for (const [name, array] of await openNpzArrays(file)) {
    const tensor = { name, shape: array.shape, data: (await array.load('float32')) as Float32Array }
    requireFinite(file, tensor)
    tensors.set(name, tensor)
  }
  return tensors
}

function fromTensors(file: string, { task, model }: OpenTask, tensors: Tensors): Float32Array {
  return model === undefined ? fromLayout(file, task.layout, tensors) : fromTorch(file, model, tensors)
}

/** Tensors as the task lists them. */
function fromLayout(file: string, layout: readonly TensorLayout[], tensors: Tensors): Float32Array {
  requireSame(file, layout, tensors)
  const flat = new Float32Array(layout.reduce((sum, { shape }) => sum + volume(shape), 0))
  let offset = 0
  for (const { name } of layout) {
    const { data } = tensors.get(name) as NamedTensor
    flat.set(data, offset)
    offset += data.length
  }
  return flat
}

/**
 * Undoes `torchTensors`: it is applied to a vector whose elements are their own places, counted from 1 and written as
 * the bits of a float, so that each number of the file shows where it belongs. Place 0 is that of the LSTM's second
 * bias, which is not a tensor here and is added to the first.
 */
function fromTorch(file: string, model: Model, tensors: Tensors): Float32Array {
  const places = Int32Array.from({ length: model.parameterCount }, (_, k) => k + 1)
  const wanted = torchTensors(model, new Float32Array(places.buffer))
  requireSame(file, wanted, tensors)
  const flat = new Float32Array(model.parameterCount)
  for (const { name, data } of wanted) {
    const values = (tensors.get(name) as NamedTensor).data
    const at = new Int32Array(data.buffer, data.byteOffset, data.length)
    if (at[0] === 0) continue
    for (let k = 0; k < at.length; k++) flat[(at[k] as number) - 1] = values[k] as number
  }
  for (const { name, data } of wanted) {
    if (!name.endsWith('.bias_hh_l0') || new Int32Array(data.buffer, data.byteOffset, 1)[0] !== 0) continue
    const first = wanted.find((other) => other.name === name.replace(/hh_l0$/, 'ih_l0')) as NamedTensor
    const at = new Int32Array(first.data.buffer, first.data.byteOffset, first.data.length)
    const values = (tensors.get(name) as NamedTensor).data
    at.forEach((place, k) => {
      flat[place - 1] = (flat[place - 1] as number) + (values[k] as number)
    })
  }
  return flat
}

/** Throws E_IMPORT unless the file has these tensors and no others. */
function requireSame(file: string, wanted: readonly Described[], tensors: Tensors): void {
  for (const { name, shape } of wanted) {
    const found = tensors.get(name)
    if (found === undefined) {
      const others = [...tensors.keys()].slice(0, 8).join(', ')
      refuseModel(
        file,
        `has no tensor ${name} ${shapeText(shape)}, which the run's model has; it has ${others || 'none'}${tensors.size > 8 ? ' …' : ''}; ${REMEDY}`,
      )
    }
    if (shapeText(found.shape) !== shapeText(shape))
      refuseModel(
        file,
        `tensor ${name} is ${shapeText(found.shape)}, but the run's model has ${shapeText(shape)}; ${REMEDY}`,
      )
  }
  const known = new Set(wanted.map(({ name }) => name))
  const stray = [...tensors.values()].find(({ name }) => !known.has(name))
  if (stray !== undefined)
    refuseModel(
      file,
      `tensor ${stray.name} ${shapeText(stray.shape)} is not one of the run's model; ${REMEDY}`,
    )
}

/** Throws E_IMPORT with the first tensor of another model that differs in name or shape from the task's. */
export function requireLayout(from: string, found: readonly Described[], { task }: OpenTask): void {
  compare(from, found, task.layout, textOf)
}

function textOf({ name, shape }: Described): string {
  return `${name} ${shapeText(shape)}`
}

function compare(
  from: string,
  found: readonly Described[],
  wanted: readonly Described[],
  by: (tensor: Described) => string,
): void {
  for (let k = 0; k < Math.max(found.length, wanted.length); k++) {
    const [here, due] = [found[k], wanted[k]]
    if (here !== undefined && due !== undefined && by(here) === by(due)) continue
    const text = (tensor: Described | undefined): string => (tensor === undefined ? 'none' : textOf(tensor))
    refuseModel(from, `tensor ${k} is ${text(here)}, but the run's model has ${text(due)}; ${REMEDY}`)
  }
}

/** Names of Keras layers are free, so tensors are compared by their order and shapes. */
async function fromLayersModel(file: string, { task }: OpenTask): Promise<Float32Array> {
  const { model, parameters } = await readLayersModel(file, task)
  compare(file, model.tensors, task.layout, ({ shape }) => shapeText(shape))
  return parameters === undefined
    ? refuseModel(file, 'has layers but no weights; save the weights with it')
    : parameters()
}
