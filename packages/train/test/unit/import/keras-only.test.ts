import { createRng } from '@tempered/robust-agg/rng'
import { layers as L, sequential } from '@tensorflow/tfjs-layers'
import { describe, expect, it } from 'vitest'
import type { TaskFileInput } from '../../../src/task/task-schema.js'
import {
  importKeras,
  inputsOf,
  type KerasFile,
  kerasFolder,
  predictions,
  savedByTfjs,
  writeKeras,
} from '../../support/keras-files.js'

const pathOf = kerasFolder()

const SAMPLES = 3
const classes = (count: number): TaskFileInput['output'] => ({ type: 'class', classes: count })
const tensor = (...shape: number[]): TaskFileInput['input'] => ({ type: 'tensor', shape })

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
    const path = await writeKeras(pathOf('gru'), file)
    const [open, flat] = await importKeras(path, tensor(steps, size), classes(units))
    const inputs = inputsOf(open, 'gru', SAMPLES) as Float32Array
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
    const path = await writeKeras(pathOf('group'), file)
    const [open, flat] = await importKeras(path, tensor(positions, channels), classes(channels))
    const inputs = inputsOf(open, 'group', SAMPLES) as Float32Array
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
    const model = sequential({ layers: [L.dense({ units: 3, inputShape: [4] })] })
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
    const path = await writeKeras(pathOf(dtype), file)
    const [, flat] = await importKeras(path, tensor(4), classes(3))
    const kernel = Array.from({ length: 12 }, (_, k) => flat[(k % 3) * 4 + Math.floor(k / 3)])
    const found = [...kernel, ...flat.subarray(12)]
    if (dtype === 'float16') {
      expect(found[0]).toBe(2 ** -24)
      expect(found.slice(1, 4)).toEqual([1.5, 2, 3])
    } else expect(found).toEqual(due)
  })
})
