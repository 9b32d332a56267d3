import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../../test-support/tier.js'
import { createWasmEngine } from '../../../../src/engine/wasm/wasm-engine.js'
import { layerSchema } from '../../../../src/task/layer-schema.js'
import { buildModel } from '../../../../src/task/model.js'

/**
 * A layer of so many units, which looks for zeros when they are a multiple of 4, and one unit more, of which nothing
 * depends: that one computes every product. What both have must be the same, bit by bit.
 */
const OUTPUTS = 5
const engine = createWasmEngine()

function modelOf(inputs: number, units: number, activation: string) {
  const layers = [
    { layer: 'dense', name: '0', units, activation },
    { layer: 'dense', name: '1', units: OUTPUTS },
  ]
  return buildModel(
    [inputs],
    layers.map((layer) => layerSchema.parse(layer)),
    'float32',
  )
}

/** Deterministic numbers in [−1, 1), of which a share is zero. */
function numbers(length: number, salt: number, density = 1): Float32Array {
  return Float32Array.from({ length }, (_, k) => {
    const bits = Math.imul(Math.imul(k + 1, 2654435761) ^ (salt * 40503), 2246822519) >>> 0
    return (bits % 1000) / 1000 < density ? (bits >>> 8) / 2 ** 23 - 1 : 0
  })
}

interface Outcome {
  readonly outputs: number[]
  readonly gradient: number[]
  readonly stepped: number[]
}

function outcome(
  { inputs, units, batch, density, activation }: Case,
  built: number,
  optimiser: object,
): Outcome {
  const model = modelOf(inputs, built, activation)
  const program = engine.compile(model, 'cross-entropy')
  const parameters = new Float32Array(model.parameterCount)
  const [kernel, bias, last, lastBias] = ['0.kernel', '0.bias', '1.kernel', '1.bias'].map(
    (name) => model.tensors.find((tensor) => tensor.name === name)!,
  )
  parameters.set(numbers(units * inputs, 1), kernel!.offset)
  parameters.set(numbers(units, 2), bias!.offset)
  const weights = numbers(units * OUTPUTS, 3)
  for (let row = 0; row < OUTPUTS; row++)
    parameters.set(weights.subarray(row * units, (row + 1) * units), last!.offset + row * built)
  parameters.set(numbers(OUTPUTS, 4), lastBias!.offset)
  return engine.run(() => {
    program.load(parameters)
    const back = new Float32Array(model.parameterCount)
    program.store(back)
    expect(back).toEqual(parameters)
    const fill = (): void => {
      program.inputs(batch).set(numbers(batch * inputs, 5, density))
      program.targets(batch).set(Int32Array.from({ length: batch }, (_, k) => k % OUTPUTS))
    }
    fill()
    const outputs = Array.from(program.forward(batch))
    const gradient = new Float32Array(model.parameterCount)
    fill()
    program.gradient(batch, { seed: 1 }, gradient)
    for (let step = 0; step < 3; step++) {
      fill()
      program.step(batch, { optimiser: optimiser as never, learningRate: 0.1, seed: step })
    }
    const stepped = new Float32Array(model.parameterCount)
    program.store(stepped)
    const shared = (all: Float32Array): number[] => [
      ...all.subarray(kernel!.offset, kernel!.offset + units * inputs),
      ...all.subarray(bias!.offset, bias!.offset + units),
      ...Array.from({ length: OUTPUTS }, (_, row) => [
        ...all.subarray(last!.offset + row * built, last!.offset + row * built + units),
      ]).flat(),
      ...all.subarray(lastBias!.offset, lastBias!.offset + OUTPUTS),
    ]
    return { outputs, gradient: shared(gradient), stepped: shared(stepped) }
  }) as unknown as Outcome
}

interface Case {
  readonly inputs: number
  readonly units: number
  readonly batch: number
  readonly density: number
  readonly activation: string
}

const SGD = { kind: 'sgd', momentum: 0.9, weightDecay: 0 }

describe('a first layer that leaves products with zeros out gives the bits of one that does not', () => {
  const densities = sized([0, 0.2, 0.45], [0, 0.02, 0.1, 0.2, 0.3, 0.45, 0.5, 0.55, 1])
  const cases: Case[] = densities.flatMap((density) =>
    [
      { inputs: 784, units: 128, batch: 32, activation: 'relu' },
      { inputs: 300, units: 44, batch: 5, activation: 'linear' },
      { inputs: 17, units: 16, batch: 1, activation: 'leaky-relu' },
      { inputs: 31, units: 28, batch: 3, activation: 'tanh' },
      { inputs: 33, units: 20, batch: 300, activation: 'gelu' },
    ].map((one) => ({ ...one, density })),
  )

  it.each(cases)('$inputs × $units, batch $batch, $activation, $density of the inputs', async (one) => {
    for (const optimiser of [
      SGD,
      { ...SGD, weightDecay: 0.01 },
      { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false },
    ]) {
      const own = await outcome(one, one.units, optimiser)
      expect(own).toEqual(await outcome(one, one.units + 1, optimiser))
    }
  })
})
