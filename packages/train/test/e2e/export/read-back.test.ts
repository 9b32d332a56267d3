import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRng } from '@tempered/robust-agg/rng'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../../test-support/python.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import { exportModel } from '../../../src/export/export-model.js'
import { BUILT_IN_MODELS } from '../../../src/task/built-in-models.js'
import type { LayerInput } from '../../../src/task/layer-schema.js'
import type { Model } from '../../../src/task/operation.js'
import { initialTaskParameters, type OpenTask, resolveTask } from '../../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'

const SCRIPT = fileURLToPath(new URL('../../support/read_back.py', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../../../../../examples/python', import.meta.url))

const withNumpy = pythonWith('numpy')
const withSafetensors = pythonWith('numpy', 'safetensors')
const withOnnx = pythonWith('numpy', 'onnxruntime')
const withTorch = pythonWith('numpy', 'torch')

const task = (file: Omit<TaskFileInput, 'task'>): OpenTask =>
  resolveTask(taskFileSchema.parse({ task: 'case', ...file }))
const image = (shape: [number, number, number], model: TaskFileInput['model'], classes = 4): OpenTask =>
  task({ input: { type: 'image', shape }, output: { type: 'class', classes }, model })
const sequence = (layers: LayerInput[]): OpenTask =>
  task({ input: { type: 'tensor', shape: [6, 8] }, output: { type: 'class', classes: 3 }, model: { layers } })
const text = (model: TaskFileInput['model']): OpenTask =>
  task({ input: { type: 'text', length: 7, unit: 'byte' }, output: { type: 'class', classes: 2 }, model })

/** Every layer at least once; `tfjs` where that format has all of them. */
const CASES: Record<string, { open: OpenTask; tfjs?: boolean }> = {
  softmax: { open: image([5, 4, 2], 'softmax'), tfjs: true },
  mlp: { open: image([5, 4, 1], 'mlp'), tfjs: true },
  cnn: { open: image([28, 28, 1], 'cnn', 10), tfjs: true },
  resnet8: { open: image([32, 32, 3], 'resnet8') },
  'tabular-mlp': {
    open: task({
      input: { type: 'tensor', shape: [9] },
      output: { type: 'number', columns: [{ name: 'a' }, { name: 'b' }] },
      model: 'tabular-mlp',
    }),
    tfjs: true,
  },
  'lstm-text': { open: text('lstm-text'), tfjs: true },
  'strides, same padding, depthwise, averages': {
    open: image([9, 8, 3], {
      layers: [
        { layer: 'conv2d', filters: 5, kernel: [3, 2], stride: 2, padding: 'same', activation: 'silu' },
        { layer: 'depthwise-conv2d', kernel: 3, padding: 'same', multiplier: 2, activation: 'tanh' },
        { layer: 'average-pool2d', size: 2, padding: 'same' },
        { layer: 'global-max-pool' },
        { layer: 'dense', units: 4 },
      ],
    }),
    tfjs: true,
  },
  'a norm between flatten and dense': {
    open: image([4, 4, 3], {
      layers: [
        { layer: 'conv2d', filters: 3, kernel: 2, activation: 'leaky-relu' },
        { layer: 'flatten' },
        { layer: 'layer-norm' },
        { layer: 'dense', units: 4, activation: 'gelu' },
        { layer: 'dropout', rate: 0.5 },
        { layer: 'dense', units: 4 },
      ],
    }),
  },
  'one dimension': {
    open: sequence([
      { layer: 'conv1d', filters: 6, kernel: 3, padding: 'same', activation: 'sigmoid' },
      { layer: 'max-pool1d', size: 2 },
      { layer: 'flatten' },
      { layer: 'dense', units: 3 },
    ]),
    tfjs: true,
  },
  'gru, every step': {
    open: sequence([
      { layer: 'gru', units: 5, output: 'all' },
      { layer: 'global-average-pool' },
      { layer: 'dense', units: 3 },
    ]),
  },
  'a transformer block': {
    open: sequence([
      { layer: 'position-embedding' },
      {
        layer: 'residual',
        layers: [{ layer: 'layer-norm' }, { layer: 'attention', heads: 2, causal: true }],
      },
      {
        layer: 'residual',
        layers: [
          { layer: 'layer-norm' },
          { layer: 'dense', units: 12, activation: 'gelu' },
          { layer: 'dense', units: 8 },
        ],
      },
      { layer: 'group-norm', groups: 2 },
      { layer: 'lstm', units: 4 },
      { layer: 'dense', units: 3 },
    ]),
  },
}

const SAMPLES = 3
const caseOf = (name: string) => CASES[name] as (typeof CASES)[string]
const engine = createWasmEngine()
let folder: string
const folders = new Map<string, string>()

/** Writes a model, in all formats that it has, with inputs and what the engine makes of them. */
async function write(name: string): Promise<void> {
  const { open, tfjs } = caseOf(name)
  const model = open.model as Model
  const rng = createRng('read-back', name)
  const flat = initialTaskParameters(open, 1).map((value) => value + 0.1 * rng.normal())
  const program = engine.compile(model, open.task.loss)
  const inputs = program.inputs(SAMPLES)
  for (let k = 0; k < inputs.length; k++)
    inputs[k] = model.inputType === 'int32' ? rng.integer(257) : rng.normal()
  const given = inputs.slice()
  program.load(flat)
  program.inputs(SAMPLES).set(given)
  const outputs = program.forward(SAMPLES).slice()
  const own = await mkdtemp(join(folder, 'case-'))
  folders.set(name, own)
  for (const format of ['safetensors', 'npz', 'onnx', ...(tfjs ? (['tfjs'] as const) : [])] as const)
    for (const { name: file, bytes } of await exportModel(open, flat, format))
      await writeFile(join(own, file), bytes)
  const meta = { input: model.input, output: model.output, inputType: model.inputType }
  await writeFile(join(own, 'case.json'), JSON.stringify(meta))
  await writeFile(join(own, 'inputs.bin'), new Uint8Array(given.buffer))
  await writeFile(
    join(own, 'outputs.bin'),
    new Uint8Array(outputs.buffer, outputs.byteOffset, outputs.byteLength),
  )
}

const read = (python: string, what: string, name: string) =>
  JSON.parse(
    execFileSync(python, [SCRIPT, what, folders.get(name) as string, EXAMPLES], { encoding: 'utf8' }),
  )

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-export-'))
  for (const name of Object.keys(CASES)) await write(name)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('covers every built-in model', () => {
  for (const name of BUILT_IN_MODELS) expect(CASES[name]).toBeDefined()
})

describe.each(Object.keys(CASES))('%s', (name) => {
  it.runIf(withOnnx)('gives the same predictions in onnxruntime', () => {
    expect(read(withOnnx as string, 'onnx', name).difference).toBeLessThan(1e-5)
  })

  it.runIf(withNumpy)('is read by NumPy', () => {
    const { shapes } = read(withNumpy as string, 'npz', name)
    const numbers = Object.values(shapes as Record<string, number[]>).map((shape) =>
      shape.reduce((a, b) => a * b, 1),
    )
    // PyTorch's LSTM has a second bias.
    const { model, parameterCount } = caseOf(name).open
    const more = (model as Model).operations.reduce(
      (sum, operation) => sum + (operation.kind === 'lstm' ? 4 * operation.units : 0),
      0,
    )
    expect(numbers.reduce((a, b) => a + b, 0)).toBe(parameterCount + more)
  })

  it.runIf(withSafetensors)('has the same tensors in safetensors as in NPZ', () => {
    expect(read(withSafetensors as string, 'tensors', name).same).toBe(true)
  })

  it.runIf(caseOf(name).tfjs)('gives the same predictions in tfjs', async () => {
    const tf = await import('@tensorflow/tfjs-core')
    const layers = await import('@tensorflow/tfjs-layers')
    await import('@tensorflow/tfjs-backend-cpu')
    await tf.setBackend('cpu')
    const own = folders.get(name) as string
    const json = JSON.parse(await readFile(join(own, 'model.json'), 'utf8'))
    const weights = await readFile(join(own, 'weights.bin'))
    const loaded = await layers.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: json.modelTopology,
        weightSpecs: json.weightsManifest[0].weights,
        weightData: new Uint8Array(weights).buffer,
      }),
    )
    const { model } = caseOf(name).open
    const { input, inputType } = model as Model
    const bytes = new Uint8Array(await readFile(join(own, 'inputs.bin'))).buffer
    const values = inputType === 'int32' ? new Int32Array(bytes) : new Float32Array(bytes)
    const result = loaded.predict(tf.tensor(Float32Array.from(values), [SAMPLES, ...input])) as {
      dataSync(): Float32Array
    }
    const expected = new Float32Array(new Uint8Array(await readFile(join(own, 'outputs.bin'))).buffer)
    result.dataSync().forEach((value, k) => {
      expect(Math.abs(value - (expected[k] as number))).toBeLessThan(
        1e-5 * Math.max(1, Math.abs(expected[k] as number)),
      )
    })
  })
})

it.runIf(withTorch)('the cnn loads into PyTorch by load_state_dict and predicts the same', () => {
  expect(read(withTorch as string, 'torch', 'cnn').difference).toBeLessThan(1e-5)
})

it('a layer that the tfjs format does not have is named', async () => {
  const { open } = caseOf('resnet8')
  await expect(exportModel(open, new Float32Array(open.parameterCount), 'tfjs')).rejects.toMatchObject({
    code: 'E_EXPORT',
    message: expect.stringContaining('group-norm'),
  })
})
