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
import { describe, expect, it } from 'vitest'
import type { TaskFileInput } from '../../../src/task/task-schema.js'
import {
  asKeras3,
  asStored,
  importKeras,
  inputsOf,
  type KerasFile,
  kerasFolder,
  predictions,
  savedByTfjs,
  writeKeras,
} from '../../support/keras-files.js'

const pathOf = kerasFolder()

type Input = TaskFileInput['input']
type Output = TaskFileInput['output']
const classes = (count: number): Output => ({ type: 'class', classes: count })
const tensor = (...shape: number[]): Input => ({ type: 'tensor', shape })
const image = (...shape: [number, number, number]): Input => ({ type: 'image', shape })

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

describe.each(Object.entries(CASES))('%s', (name, { build, input: from, output, squashed }) => {
  it('predicts as in tfjs, from files of tfjs, Keras 2, Keras 3 and .keras', async () => {
    const model = build()
    const file = await savedByTfjs(model, name)
    const forms: Record<string, KerasFile> = {
      tfjs: file,
      keras2: { ...file, json: { ...file.json, modelTopology: { model_config: file.json.modelTopology } } },
      keras3: { ...file, json: { ...file.json, modelTopology: asKeras3(file.json.modelTopology) } },
    }
    forms.stored = asStored(file)
    for (const [form, written] of Object.entries(forms)) {
      const path = await writeKeras(pathOf(`${name} ${form}`), written)
      const [open, flat] = await importKeras(path, from, output)
      const inputs = inputsOf(open, name, SAMPLES)
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
