import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRng } from '@tempered/robust-agg/rng'
import * as tf from '@tensorflow/tfjs-core'
import {
  model as functional,
  input,
  layers as L,
  type LayersModel,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers'
import '@tensorflow/tfjs-backend-cpu'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTaskModel } from '../../../src/import/layers-model.js'
import { readModelParameters } from '../../../src/import/model-parameters.js'
import { type OpenTask, resolveTask } from '../../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../../src/task/task-schema.js'
import { asKeras3, type KerasFile, predictions, savedByTfjs, writeKeras } from '../../support/keras-files.js'

let folder: string
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'tempered-import-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Input = TaskFileInput['input']
type Output = TaskFileInput['output']
const classes = (count: number): Output => ({ type: 'class', classes: count })
const tensor = (...shape: number[]): Input => ({ type: 'tensor', shape })
const image = (...shape: [number, number, number]): Input => ({ type: 'image', shape })

/** A task with the model of a file, and its parameters. */
async function imported(file: string, input: Input, output: Output): Promise<[OpenTask, Float32Array]> {
  const written = taskFileSchema.parse({ task: 'own', input, output, model: { layersModel: file } })
  const { task, initial } = await readTaskModel(written, '/')
  const open = resolveTask(task)
  return [open, await readModelParameters(initial!, open)]
}

const SAMPLES = 3

interface Case {
  readonly input: Input
  readonly output: Output
  build(): LayersModel
  /** The last layer has a softmax or sigmoid, which belongs to the loss. */
  readonly squashed?: (x: number[]) => number[]
}

const stack = (...of: Parameters<ReturnType<typeof sequential>['add']>[0][]) => {
  const model = sequential()
  for (const layer of of) model.add(layer)
  return model
}

// The default needs methods of tensors that are not loaded here.
const gates = { recurrentActivation: 'sigmoid', recurrentInitializer: 'glorotNormal' } as const

const softmax = (x: number[]) => {
  const e = x.map((value) => Math.exp(value - Math.max(...x)))
  const sum = e.reduce((a, b) => a + b, 0)
  return e.map((value) => value / sum)
}

const CASES: Record<string, Case> = {
  'dense layers with every activation': {
    input: tensor(5),
    output: classes(3),
    build: () =>
      stack(
        L.dense({ units: 6, activation: 'relu', inputShape: [5] }),
        L.dense({ units: 7, activation: 'tanh', useBias: false }),
        L.dense({ units: 4, activation: 'sigmoid' }),
        L.dense({ units: 5, activation: 'swish' }),
        L.activation({ activation: 'relu' }),
        L.dense({ units: 5 }),
        L.reLU(),
        L.leakyReLU({ alpha: 0.01 }),
        L.dropout({ rate: 0.4 }),
        L.dense({ units: 3 }),
      ),
  },
  'a softmax in the last layer': {
    input: tensor(4),
    output: classes(3),
    build: () => stack(L.dense({ units: 3, activation: 'softmax', inputShape: [4] })),
    squashed: softmax,
  },
  'a softmax layer at the end': {
    input: tensor(4),
    output: classes(3),
    build: () => stack(L.dense({ units: 3, inputShape: [4] }), L.softmax()),
    squashed: softmax,
  },
  'a sigmoid at the end, of several labels': {
    input: tensor(4),
    output: { type: 'labels', columns: ['a', 'b'] },
    build: () => stack(L.dense({ units: 2, activation: 'sigmoid', inputShape: [4] })),
    squashed: (x) => x.map((value) => 1 / (1 + Math.exp(-value))),
  },
  'a sigmoid at the end, of numbers': {
    input: tensor(4),
    output: { type: 'number', columns: [{ name: 'a' }] },
    build: () => stack(L.dense({ units: 1, activation: 'sigmoid', inputShape: [4] })),
  },
  'convolutions, strides, padding and pools': {
    input: image(11, 10, 3),
    output: classes(4),
    build: () =>
      stack(
        L.conv2d({
          filters: 5,
          kernelSize: [3, 2],
          strides: 2,
          padding: 'same',
          activation: 'tanh',
          inputShape: [11, 10, 3],
        }),
        L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same', useBias: false }),
        L.maxPooling2d({ poolSize: 2, strides: 1 }),
        L.averagePooling2d({ poolSize: [2, 1], padding: 'same' }),
        L.conv2d({ filters: 3, kernelSize: 1 }),
        L.flatten(),
        L.dense({ units: 4 }),
      ),
  },
  'global pools over images': {
    input: image(5, 4, 3),
    output: classes(3),
    build: () =>
      stack(L.conv2d({ filters: 3, kernelSize: 2, inputShape: [5, 4, 3] }), L.globalAveragePooling2d({})),
  },
  'one dimension': {
    input: tensor(12, 3),
    output: classes(3),
    build: () =>
      stack(
        L.conv1d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', inputShape: [12, 3] }),
        L.maxPooling1d({ poolSize: 2 }),
        L.conv1d({ filters: 5, kernelSize: 2, strides: 2 }),
        L.averagePooling1d({ poolSize: 2, strides: 1, padding: 'same' }),
        L.globalMaxPooling1d({}),
        L.dense({ units: 3 }),
      ),
  },
  'layer normalisation and steps': {
    input: tensor(6, 4),
    output: classes(2),
    build: () =>
      stack(
        L.dense({ units: 5, inputShape: [6, 4] }),
        L.layerNormalization({ epsilon: 0.01 }),
        L.globalAveragePooling1d({}),
        L.dense({ units: 2 }),
      ),
  },
  'an LSTM over tokens': {
    input: { type: 'text', length: 7, unit: 'byte' },
    output: classes(2),
    build: () =>
      stack(
        L.embedding({ inputDim: 257, outputDim: 4, inputLength: 7 }),
        L.lstm({ units: 5, ...gates, returnSequences: true }),
        L.lstm({ units: 3, ...gates }),
        L.dense({ units: 2 }),
      ),
  },
  'a functional model with residual layers': {
    input: image(6, 6, 2),
    output: classes(3),
    build: () => {
      const x = input({ shape: [6, 6, 2] })
      const conv = (filters: number) =>
        L.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' })
      const a = conv(4).apply(x) as SymbolicTensor
      const same = L.add().apply([conv(4).apply(conv(4).apply(a)) as SymbolicTensor, a]) as SymbolicTensor
      const inner = L.add().apply([same, conv(4).apply(same) as SymbolicTensor]) as SymbolicTensor
      const wider = L.add().apply([
        L.conv2d({ filters: 6, kernelSize: 1 }).apply(same) as SymbolicTensor,
        conv(6).apply(inner) as SymbolicTensor,
      ])
      const out = L.dense({ units: 3 }).apply(L.globalAveragePooling2d({}).apply(wider)) as SymbolicTensor
      return functional({ inputs: x, outputs: out })
    },
  },
}

function inputsOf({ inputShape, inputType }: OpenTask, name: string): Float32Array | Int32Array {
  const rng = createRng('inputs', name)
  const length = SAMPLES * inputShape.reduce((a, b) => a * b, 1)
  return inputType === 'int32'
    ? Int32Array.from({ length }, () => rng.integer(257))
    : Float32Array.from({ length }, () => rng.normal())
}

describe.each(Object.entries(CASES))('%s', (name, { build, input: from, output, squashed }) => {
  it('predicts as in tfjs, from the files of tfjs, Keras 2 and Keras 3', async () => {
    const model = build()
    const file = await savedByTfjs(model, name)
    const forms: Record<string, KerasFile> = {
      tfjs: file,
      keras2: { ...file, json: { ...file.json, modelTopology: { model_config: file.json.modelTopology } } },
      keras3: { ...file, json: { ...file.json, modelTopology: asKeras3(file.json.modelTopology) } },
    }
    for (const [form, written] of Object.entries(forms)) {
      const path = await writeKeras(join(folder, `${name} ${form}`), written)
      const [open, flat] = await imported(path, from, output)
      const inputs = inputsOf(open, name)
      const found = predictions(open, flat, inputs as Float32Array, SAMPLES)
      const wanted = (
        model.predict(tf.tensor(Float32Array.from(inputs), [SAMPLES, ...open.inputShape])) as tf.Tensor
      ).dataSync()
      expect(found.length, form).toBe(wanted.length)
      const { outputs } = open
      for (let s = 0; s < SAMPLES; s++) {
        const row = [...found.subarray(s * outputs, (s + 1) * outputs)]
        const own = squashed === undefined ? row : squashed(row)
        own.forEach((value, k) => {
          const due = wanted[s * outputs + k]!
          expect(Math.abs(value - due), `${form}, sample ${s}, output ${k}`).toBeLessThan(
            1e-5 * Math.max(1, Math.abs(due)),
          )
        })
      }
    }
  })
})

/** A model.json of Keras 3 with layers that tfjs does not have; weights in their order, each drawn. */
function handWritten(
  inputShape: readonly number[],
  layers: readonly { readonly class_name: string; readonly config: Record<string, unknown> }[],
  weights: readonly { readonly name: string; readonly shape: number[] }[],
): { readonly file: KerasFile; readonly values: ReadonlyMap<string, Float32Array> } {
  const rng = createRng('hand-written')
  const values = new Map(
    weights.map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b, 1)
      return [name, Float32Array.from({ length }, () => 0.5 * rng.normal())] as const
    }),
  )
  const first = { class_name: 'InputLayer', config: { batch_shape: [null, ...inputShape], name: 'in' } }
  return {
    values,
    file: {
      json: {
        format: 'layers-model',
        generatedBy: 'keras v3.7.0',
        modelTopology: {
          model_config: { class_name: 'Sequential', config: { name: 'own', layers: [first, ...layers] } },
        },
        weightsManifest: [
          { paths: ['weights.bin'], weights: weights.map((weight) => ({ ...weight, dtype: 'float32' })) },
        ],
      },
      weights: Buffer.concat([...values.values()].map((numbers) => Buffer.from(numbers.buffer))),
    },
  }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

describe('layers that Keras has and tfjs has not', () => {
  it('a GRU, by the equations of Keras', async () => {
    const [steps, size, units] = [5, 3, 2]
    const { file, values } = handWritten(
      [steps, size],
      [
        {
          class_name: 'GRU',
          config: {
            name: 'gru',
            units,
            reset_after: true,
            activation: 'tanh',
            recurrent_activation: 'sigmoid',
            use_bias: true,
            return_sequences: false,
          },
        },
      ],
      [
        { name: 'gru/gru_cell/kernel', shape: [size, 3 * units] },
        { name: 'gru/gru_cell/recurrent_kernel', shape: [units, 3 * units] },
        { name: 'gru/gru_cell/bias', shape: [2, 3 * units] },
      ],
    )
    const path = await writeKeras(join(folder, 'gru'), file)
    const [open, flat] = await imported(path, tensor(steps, size), classes(units))
    const inputs = inputsOf(open, 'gru') as Float32Array
    const found = predictions(open, flat, inputs, SAMPLES)
    const [w, u, b] = [...values.values()] as [Float32Array, Float32Array, Float32Array]
    for (let s = 0; s < SAMPLES; s++) {
      let h = new Array<number>(units).fill(0)
      for (let t = 0; t < steps; t++) {
        const at = (s * steps + t) * size
        const x = [...inputs.subarray(at, at + size)]
        const fromInput = (k: number) =>
          x.reduce((sum, value, i) => sum + value * w[i * 3 * units + k]!, b[k]!)
        const fromState = (k: number) =>
          h.reduce((sum, value, i) => sum + value * u[i * 3 * units + k]!, b[3 * units + k]!)
        h = h.map((old, k) => {
          const z = sigmoid(fromInput(k) + fromState(k))
          const r = sigmoid(fromInput(units + k) + fromState(units + k))
          const n = Math.tanh(fromInput(2 * units + k) + r * fromState(2 * units + k))
          return z * old + (1 - z) * n
        })
      }
      h.forEach((value, k) => {
        expect(found[s * units + k]).toBeCloseTo(value, 5)
      })
    }
  })

  it('group normalisation, by its equation', async () => {
    const [positions, channels, groups] = [4, 6, 3]
    const { file, values } = handWritten(
      [positions, channels],
      [
        { class_name: 'GroupNormalization', config: { name: 'norm', groups, axis: -1, epsilon: 0.01 } },
        { class_name: 'GlobalAveragePooling1D', config: { name: 'pool' } },
      ],
      [
        { name: 'norm/gamma', shape: [channels] },
        { name: 'norm/beta', shape: [channels] },
      ],
    )
    const path = await writeKeras(join(folder, 'group'), file)
    const [open, flat] = await imported(path, tensor(positions, channels), classes(channels))
    const inputs = inputsOf(open, 'group') as Float32Array
    const found = predictions(open, flat, inputs, SAMPLES)
    const [gamma, beta] = [...values.values()] as [Float32Array, Float32Array]
    const width = channels / groups
    for (let s = 0; s < SAMPLES; s++) {
      const x = (p: number, c: number) => inputs[(s * positions + p) * channels + c]!
      for (let c = 0; c < channels; c++) {
        const from = Math.floor(c / width) * width
        const group = Array.from({ length: positions * width }, (_, k) =>
          x(Math.floor(k / width), from + (k % width)),
        )
        const mean = group.reduce((a, v) => a + v, 0) / group.length
        const variance = group.reduce((a, v) => a + (v - mean) ** 2, 0) / group.length
        let sum = 0
        for (let p = 0; p < positions; p++)
          sum += ((x(p, c) - mean) / Math.sqrt(variance + 0.01)) * gamma[c]! + beta[c]!
        expect(found[s * channels + c]).toBeCloseTo(sum / positions, 4)
      }
    }
  })
})

describe('quantised weights', () => {
  it.each(['uint8', 'uint16', 'float16'] as const)('of %s are converted back as tfjs does', async (dtype) => {
    const model = stack(L.dense({ units: 3, inputShape: [4] }))
    const file = await savedByTfjs(model, dtype)
    const { weights } = file.json.weightsManifest[0]!
    const stored: Buffer[] = []
    const due: number[] = []
    weights.forEach((weight, k) => {
      const count = weight.shape.reduce((a, b) => a * b, 1)
      if (dtype === 'float16') {
        // 1, 1.5, 2 … and the smallest subnormal.
        const bits = Uint16Array.from({ length: count }, (_, i) => (i === 0 ? 1 : 0x3c00 + 0x200 * i))
        stored.push(Buffer.from(bits.buffer))
        due.push(...bits.map((_, i) => i))
        weight.quantization = { dtype }
        return
      }
      const numbers = Array.from({ length: count }, (_, i) => (dtype === 'uint8' ? i * 7 : i * 999 + 300))
      const [scale, min] = [0.01 * (k + 1), -0.5]
      stored.push(
        Buffer.from(
          dtype === 'uint8' ? Uint8Array.from(numbers) : new Uint8Array(Uint16Array.from(numbers).buffer),
        ),
      )
      due.push(...numbers.map((value) => Math.fround(value * scale + min)))
      weight.quantization = { dtype, scale, min, original_dtype: 'float32' }
    })
    file.weights = Buffer.concat(stored)
    const path = await writeKeras(join(folder, dtype), file)
    const [, flat] = await imported(path, tensor(4), classes(3))
    const kernel = Array.from({ length: 12 }, (_, k) => flat[(k % 3) * 4 + Math.floor(k / 3)])
    const found = [...kernel, ...flat.subarray(12)]
    if (dtype === 'float16') {
      expect(found[0]).toBe(2 ** -24)
      expect(found.slice(1, 4)).toEqual([1.5, 2, 3])
    } else expect(found).toEqual(due)
  })
})
