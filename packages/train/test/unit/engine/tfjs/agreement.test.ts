/** The engine on tfjs against the engine of our own, on every operation, activation and loss. */

import { beforeAll, describe, expect, it } from 'vitest'
import type { Engine, Optimiser, Program } from '../../../../src/engine/engine.js'
import { type BackendName, createBackend } from '../../../../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../../../../src/engine/tfjs/tfjs-engine.js'
import { createWasmEngine } from '../../../../src/engine/wasm/wasm-engine.js'
import { BUILT_IN_MODELS, type BuiltInModel, builtInLayers } from '../../../../src/task/built-in-models.js'
import type { LayerInput } from '../../../../src/task/layer-schema.js'
import type { Shape } from '../../../../src/task/operation.js'
import { ENGINE_CASES } from '../../../support/engine-cases.js'
import { createProblem, fill, type Problem, type ProblemInit } from '../../../support/engine-problem.js'
import { tfjsNodeProblem } from '../../../support/tfjs-node.js'

const BACKENDS = ['wasm', 'cpu', 'node'] as const
const nodeProblem = tfjsNodeProblem()
const own = createWasmEngine()
let engines: Record<BackendName, Engine>

beforeAll(async () => {
  const engine = async (name: BackendName) => createTfjsEngine(await createBackend(name))
  const [wasm, cpu] = [await engine('wasm'), await engine('cpu')]
  engines = { wasm, cpu, node: nodeProblem === undefined ? await engine('node') : cpu }
})

/** Largest difference, relative to the largest value of `expected` or `floor`. */
function difference(values: Float32Array, expected: Float32Array, floor: number): number {
  expect(values.length).toBe(expected.length)
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), floor)
  return expected.reduce((most, value, k) => Math.max(most, Math.abs(value - values[k]) / largest), 0)
}

function results(program: Program, problem: Problem, seed = 1) {
  fill(program, problem)
  const outputs = program.forward(problem.batch).slice()
  const loss = program.lossOf(problem.batch)
  const gradient = new Float32Array(problem.model.parameterCount)
  const trainingLoss = program.gradient(problem.batch, { seed }, gradient)
  return { outputs, loss, trainingLoss, gradient }
}

async function compare(engine: Engine, problem: Problem): Promise<void> {
  const { model, loss } = problem
  const expected = results(own.compile(model, loss), problem)
  const found = await engine.run(() => results(engine.compile(model, loss), problem))
  expect(difference(found.outputs, expected.outputs, 1)).toBeLessThan(1e-5)
  const scale = Math.max(1, expected.loss)
  expect(Math.abs(found.loss - expected.loss) / scale).toBeLessThan(1e-5)
  expect(Math.abs(found.trainingLoss - expected.trainingLoss) / scale).toBeLessThan(1e-5)
  for (const { name, offset, length } of model.tensors) {
    const part = (values: Float32Array) => values.subarray(offset, offset + length)
    expect(difference(part(found.gradient), part(expected.gradient), 1e-3), name).toBeLessThan(5e-5)
  }
}

describe.each(ENGINE_CASES)('%s', (name, input, layers, init = {}) => {
  it.for(BACKENDS)('outputs, loss and gradients on %s agree', async (backend, { skip }) => {
    skip(backend === 'node' && nodeProblem !== undefined, nodeProblem)
    await compare(engines[backend], createProblem({ input, layers, seed: name, ...init }))
  })
})

const SHAPES: Record<BuiltInModel, Shape> = {
  softmax: [5, 6, 1],
  mlp: [5, 6, 1],
  cnn: [11, 12, 2],
  resnet8: [9, 8, 3],
  'tabular-mlp': [7],
  'lstm-text': [6],
}

const DROPOUT: LayerInput[] = [
  { layer: 'dense', units: 40, activation: 'tanh' },
  { layer: 'flatten' },
  { layer: 'residual', layers: [{ layer: 'dropout', rate: 0.4 }], shortcut: [] },
  { layer: 'dropout', rate: 0.3 },
  { layer: 'dense', units: 3 },
]

describe.each(BACKENDS)('on %s', (backend) => {
  const skipped = backend === 'node' && nodeProblem !== undefined

  it.skipIf(skipped).each(BUILT_IN_MODELS)('%s agrees', async (name) => {
    const text = name === 'lstm-text'
    const layers = builtInLayers(name, SHAPES[name], 4, 13)
    const init: ProblemInit = { input: SHAPES[name], layers, loss: 'cross-entropy', seed: name }
    await compare(engines[backend], createProblem(text ? { ...init, vocabulary: 13 } : init))
  })

  it.skipIf(skipped)('dropout drops the same values', async () => {
    await compare(engines[backend], createProblem({ input: [6], layers: DROPOUT, batch: 9 }))
  })

  const optimisers: Optimiser[] = [
    { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 },
    { kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1, decoupled: false },
    { kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1, decoupled: true },
  ]
  it.skipIf(skipped).each(optimisers)('%o makes the same steps, in every round anew', async (optimiser) => {
    const layers: LayerInput[] = [
      { layer: 'dense', units: 8, activation: 'tanh' },
      { layer: 'dense', units: 3 },
    ]
    const problem = createProblem({ input: [5], layers, batch: 6 })
    const train = (program: Program): Float32Array[] =>
      [0, 1].map(() => {
        fill(program, problem)
        for (let step = 0; step < 4; step++) {
          program.inputs(problem.batch).set(problem.inputs)
          program.targets(problem.batch).set(problem.targets)
          program.step(problem.batch, { optimiser, learningRate: 0.05, seed: step })
        }
        const after = new Float32Array(problem.model.parameterCount)
        program.store(after)
        return after
      })
    const engine = engines[backend]
    const [first, second] = await engine.run(() => train(engine.compile(problem.model, problem.loss)))
    const [expected] = train(own.compile(problem.model, problem.loss))
    expect(difference(first, expected, 1)).toBeLessThan(2e-5)
    expect(second).toEqual(first)
  })

  it.skipIf(skipped)('keeps no tensors between rounds', async () => {
    const engine = engines[backend]
    const { tf } = await createBackend(backend)
    const problem = createProblem({ input: [4, 3], layers: [{ layer: 'gru', units: 3 }] })
    await engine.run(() => {
      const program = engine.compile(problem.model, problem.loss)
      const optimiser: Optimiser = { kind: 'sgd', momentum: 0.9, weightDecay: 0 }
      const round = (): number => {
        fill(program, problem)
        program.step(problem.batch, { optimiser, learningRate: 0.1, seed: 0 })
        program.forward(problem.batch)
        program.load(problem.parameters)
        return tf.memory().numTensors
      }
      expect(round()).toBe(round())
    })
  })
})
