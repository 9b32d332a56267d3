import { createHash } from 'node:crypto'
import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import type { Optimiser, Program } from '../../../../src/engine/engine.js'
import { createWasmEngine } from '../../../../src/engine/wasm/wasm-engine.js'
import { BUILT_IN_MODELS, type BuiltInModel, builtInLayers } from '../../../../src/task/built-in-models.js'
import type { LayerInput } from '../../../../src/task/layer-schema.js'
import type { Shape } from '../../../../src/task/operation.js'
import { TrainError } from '../../../../src/trainer/train-error.js'
import { createProblem, derivativeAt, fill, lossAt, type Problem } from '../../../support/engine-problem.js'

const sgd: Optimiser = { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 }
const dense: LayerInput = { layer: 'dense', units: 3 }

function parametersOf(program: Program): Float32Array {
  const out = new Float32Array(program.model.parameterCount)
  program.store(out)
  return out
}

function gradientOf(program: Program, problem: Problem, seed = 1): Float32Array {
  fill(program, problem)
  const out = new Float32Array(program.model.parameterCount)
  program.gradient(problem.batch, { seed }, out)
  return out
}

/** The bits, so that NaN and −0 count. */
function bits(numbers: Float32Array): string {
  return createHash('sha256').update(new Uint8Array(numbers.slice().buffer)).digest('hex')
}

describe('optimisers follow their formulas', () => {
  const problem = createProblem({
    input: [5],
    layers: [{ layer: 'dense', units: 7, activation: 'tanh' }, dense],
  })
  const { batch, model, parameters } = problem
  const adam = { kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 } as const
  const cases: [string, Optimiser][] = [
    ['sgd', { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 }],
    ['adam', { ...adam, decoupled: false }],
    ['adam with decoupled decay', { ...adam, decoupled: true }],
  ]
  it.each(cases)('%s', (_, optimiser) => {
    const [engine, rate] = [createWasmEngine(), 0.05]
    const [program, other] = [engine.compile(model, 'squared'), engine.compile(model, 'squared')]
    let point = Float64Array.from(parameters)
    let first = new Float64Array(point.length)
    let second = new Float64Array(point.length)
    for (let round = 0; round < 2; round++) {
      // `load` begins a round: the optimiser's state is forgotten.
      point = Float64Array.from(parameters)
      first.fill(0)
      second.fill(0)
      fill(program, problem)
      for (let step = 1; step <= 4; step++) {
        const raw = gradientOf(other, { ...problem, parameters: Float32Array.from(point) })
        const joint = optimiser.kind === 'sgd' || !optimiser.decoupled
        const g = Float64Array.from(raw, (value, k) => value + (joint ? 0.1 * point[k] : 0))
        if (optimiser.kind === 'sgd') {
          first = first.map((v, k) => 0.9 * v + g[k])
          point = point.map((w, k) => w - rate * first[k])
        } else {
          first = first.map((m, k) => 0.9 * m + 0.1 * g[k])
          second = second.map((v, k) => 0.99 * v + 0.01 * g[k] * g[k])
          point = point.map((w, k) => {
            const step_ = first[k] / (1 - 0.9 ** step) / (Math.sqrt(second[k] / (1 - 0.99 ** step)) + 1e-6)
            return w - (joint ? 0 : rate * 0.1 * w) - rate * step_
          })
        }
        program.inputs(batch).set(problem.inputs)
        program.targets(batch).set(problem.targets)
        program.step(batch, { optimiser, learningRate: rate, seed: 0 })
      }
      const after = parametersOf(program)
      after.forEach((value, k) => {
        expect(Math.abs(value - point[k]), `parameter ${k}`).toBeLessThan(2e-5)
      })
    }
  })

  it('a step returns the loss before it, and descends', () => {
    const program = createWasmEngine().compile(model, 'squared')
    fill(program, problem)
    const options = { optimiser: sgd, learningRate: 0.02, seed: 0 }
    const losses = Array.from({ length: 20 }, () => program.step(batch, options))
    expect(Math.abs(losses[0] - lossAt(problem, Float64Array.from(parameters)))).toBeLessThan(1e-5)
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0])
  })
})

it('offsets are added to the logits of a cross-entropy, in training only', () => {
  const problem = createProblem({
    input: [4],
    layers: [{ layer: 'dense', units: 5 }],
    loss: 'cross-entropy',
    batch: 6,
  })
  const program = createWasmEngine().compile(problem.model, 'cross-entropy')
  const offsets = Float32Array.of(0.5, -1, 0, 2, -0.25)
  fill(program, problem)
  const gradient = new Float32Array(problem.model.parameterCount)
  const exact = Float64Array.from(problem.parameters)
  const loss = program.gradient(6, { seed: 0, offsets }, gradient)
  expect(Math.abs(loss - lossAt(problem, exact, offsets))).toBeLessThan(1e-5)
  gradient.forEach((value, k) => {
    expect(Math.abs(value - derivativeAt(problem, k, offsets))).toBeLessThan(1e-5)
  })
  program.forward(6)
  expect(Math.abs(program.lossOf(6) - lossAt(problem, exact))).toBeLessThan(1e-5)
  expect(() => program.gradient(6, { seed: 0, offsets: new Float32Array(4) }, gradient)).toThrow(TrainError)
})

describe('dropout', () => {
  const layers: LayerInput[] = [
    { layer: 'dropout', rate: 0.25 },
    { layer: 'dense', units: 1, bias: false },
  ]
  const problem = createProblem({ input: [1000], layers, batch: 8 })
  const { model } = problem
  const ones = { ...problem, inputs: new Float32Array(8000).fill(1), targets: new Float32Array(8) }
  const engine = createWasmEngine()
  const program = engine.compile(model, 'squared')

  it('keeps three quarters, divided by 0.75, and other ones with another seed', () => {
    // The gradient of a dense layer without hidden units is Σ 2·z·x/batch: zero where no sample kept the input.
    const single = { ...ones, batch: 1, inputs: new Float32Array(1000).fill(1), targets: new Float32Array(1) }
    const [a, b, again] = [7, 8, 7].map((seed) => gradientOf(program, single, seed))
    const kept = [...a].filter((value) => value !== 0)
    expect(kept.length).toBeGreaterThan(690)
    expect(kept.length).toBeLessThan(810)
    expect(bits(a)).toBe(bits(again))
    const differing = a.reduce((sum, value, k) => sum + Number((value === 0) !== (b[k] === 0)), 0)
    expect(differing).toBeGreaterThan(200)
    fill(program, single)
    const z = kept[0] / (2 / 0.75)
    const loss = program.gradient(1, { seed: 7 }, new Float32Array(1000))
    expect(Math.abs(loss - z * z)).toBeLessThan(1e-5 * Math.max(1, loss))
  })

  it('passes gradients where it passed values', () => {
    const inner: LayerInput[] = [{ layer: 'dense', units: 40 }, { layer: 'dropout', rate: 0.5 }, dense]
    const deep = createProblem({ input: [6], layers: inner, batch: 1 })
    const nested = engine.compile(deep.model, 'squared')
    const gradient = gradientOf(nested, deep, 3)
    // Derivatives by the first bias are those of the dropped-out values; the last kernel's are the values themselves.
    const bias = gradient.subarray(240, 280)
    const kernel = gradient.subarray(280, 320)
    bias.forEach((value, k) => {
      expect(value === 0).toBe(kernel[k] === 0)
    })
    expect([...bias].filter((value) => value === 0).length).toBeGreaterThan(8)
  })

  it('does nothing in evaluation', () => {
    fill(program, ones)
    const sum = problem.parameters.reduce((total, value) => total + value, 0)
    for (const z of program.forward(8)) expect(Math.abs(z - sum)).toBeLessThan(1e-4)
  })
})

const SHAPES: Record<BuiltInModel, Shape> = {
  softmax: [12, 12, 1],
  mlp: [12, 12, 1],
  cnn: [14, 14, 1],
  resnet8: [12, 12, 3],
  'tabular-mlp': [13],
  'lstm-text': [9],
}

function builtIn(name: BuiltInModel, batch: number, seed: number | string = 1): Problem {
  const vocabulary = name === 'lstm-text' ? 50 : 0
  const layers = builtInLayers(name, SHAPES[name], 10, vocabulary)
  return createProblem({ input: SHAPES[name], layers, loss: 'cross-entropy', batch, vocabulary, seed })
}

/** Parameters after 20 steps on the same samples. */
function trained(program: Program, problem: Problem): Float32Array {
  fill(program, problem)
  for (let step = 0; step < 20; step++) {
    program.inputs(problem.batch).set(problem.inputs)
    program.targets(problem.batch).set(problem.targets)
    program.step(problem.batch, { optimiser: sgd, learningRate: 0.05, seed: step })
  }
  return parametersOf(program)
}

describe('the same bits everywhere', () => {
  /** SHA-256 of the parameters after 20 steps; another machine or version of Node must give the same. */
  const HASHES: Record<BuiltInModel, string> = {
    softmax: '9e067c98e8f61d92bd9ea8666763667e54f60b176308f67cb71509c79c1c14e0',
    mlp: '8faa5010cce7bc7e40eb5294b80c158206a1de372c74b7ed17a10eae8c30bd88',
    cnn: '5a9e104e2d1c4e3e31e13be72502f2c12a9761440644aa6052841c7f1c04178a',
    resnet8: '14f2d94c257a8a42202d43b036f216f895ac9d4b745e484a1f12ef51e7dda380',
    'tabular-mlp': '325a283a6ee8d97ec45aeab114f005df9ff6f5c9ba4e1644c92f9b652e9d497b',
    'lstm-text': '581329fd27cab8702c241dd708fd7023bddee945c8f6e0ca09fd0f3c16148d49',
  }

  it.each(BUILT_IN_MODELS)('%s', (name) => {
    const problem = builtIn(name, 16)
    const first = trained(createWasmEngine().compile(problem.model, 'cross-entropy'), problem)
    expect(first.every(Number.isFinite)).toBe(true)
    expect(bits(first)).not.toBe(bits(problem.parameters))

    // Another engine, whose memory has been used by other models and larger batches.
    const engine = createWasmEngine()
    const program = engine.compile(problem.model, 'cross-entropy')
    for (const other of ['cnn', 'lstm-text', name] as const) {
      const larger = builtIn(other, 37, 'other')
      const noise = { ...larger, parameters: larger.parameters.map((value) => value * 1e15) }
      fill(engine.compile(larger.model, 'cross-entropy'), noise)
      trained(engine.compile(larger.model, 'cross-entropy'), noise)
    }
    trained(program, builtIn(name, 33, 'before'))
    expect(bits(trained(program, problem))).toBe(bits(first))
    expect(bits(first)).toBe(HASHES[name])
  })

  it.each(BUILT_IN_MODELS)('%s: outputs do not depend on the rest of the batch', (name) => {
    const all = builtIn(name, 37)
    const program = createWasmEngine().compile(all.model, 'cross-entropy')
    fill(program, all)
    const together = program.forward(37).slice()
    const { inputFloats } = all
    for (const [from, count] of [
      [0, 1],
      [5, 3],
      [36, 1],
    ]) {
      const inputs = Float32Array.from(
        { length: count * inputFloats },
        (_, k) => all.inputs[from * inputFloats + k],
      )
      program.inputs(count).set(inputs)
      expect(bits(program.forward(count))).toBe(bits(together.subarray(10 * from, 10 * (from + count))))
    }
  })
})

describe('bad numbers and limits', () => {
  it.each(BUILT_IN_MODELS)('%s: NaN, infinities and huge numbers do not trap', (name) => {
    const problem = builtIn(name, 5)
    const program = createWasmEngine().compile(problem.model, 'cross-entropy')
    const rng = createRng('bad', name)
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -3e38, 1e-40]) {
      const spoilt = (values: ArrayLike<number>) =>
        Float32Array.from(values, (value) => (rng.uniform() < 0.2 ? bad : value))
      const inputs = name === 'lstm-text' ? problem.inputs : spoilt(problem.inputs)
      const parameters = spoilt(problem.parameters)
      trained(program, { ...problem, inputs, parameters })
      program.forward(5)
      program.lossOf(5)
    }
    // What was there before leaves no trace.
    const fresh = createWasmEngine().compile(problem.model, 'cross-entropy')
    expect(bits(trained(program, problem))).toBe(bits(trained(fresh, problem)))
  })

  it('tokens and labels outside their range count for nothing', () => {
    const problem = builtIn('lstm-text', 4)
    const program = createWasmEngine().compile(problem.model, 'cross-entropy')
    const inputs = Float32Array.from(problem.inputs, (token, k) =>
      k % 3 === 0 ? 1e9 : k % 3 === 1 ? -5 : token,
    )
    const outside = { ...problem, inputs, targets: Float32Array.of(-1, 1e9, 10, -7) }
    fill(program, outside)
    const gradient = new Float32Array(problem.model.parameterCount).fill(1)
    expect(program.gradient(4, { seed: 0 }, gradient)).toBe(0)
    expect(gradient.every((value) => value === 0)).toBe(true)
  })

  it('too little memory is an error with words, after which the engine still works', () => {
    const problem = builtIn('mlp', 4)
    const program = createWasmEngine({ maxPages: 64 }).compile(problem.model, 'cross-entropy')
    expect(() => program.inputs(1_000_000)).toThrow(TrainError)
    fill(program, problem)
    expect(program.step(4, { optimiser: sgd, learningRate: 0.1, seed: 0 })).toBeGreaterThan(0)
    const { model } = builtIn('resnet8', 4)
    expect(() => createWasmEngine({ maxPages: 4 }).compile(model, 'cross-entropy')).toThrow(/MB of memory/)
  })

  it('a computation on other samples than were written is refused', () => {
    const problem = builtIn('softmax', 4)
    const program = createWasmEngine().compile(problem.model, 'cross-entropy')
    fill(program, problem)
    expect(() => program.forward(5)).toThrow(TrainError)
    expect(() => program.load(new Float32Array(3))).toThrow(TrainError)
  })

  it('samples that wait for their step survive a compilation and the first step of Adam', () => {
    const problem = builtIn('mlp', 6)
    const adam = {
      kind: 'adam',
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
      decoupled: false,
    } as const
    const run = (between: boolean): Float32Array => {
      const engine = createWasmEngine()
      const program = engine.compile(problem.model, 'cross-entropy')
      fill(program, problem)
      if (between) engine.compile(builtIn('cnn', 2).model, 'cross-entropy')
      program.step(6, { optimiser: adam, learningRate: 0.01, seed: 0 })
      return parametersOf(program)
    }
    expect(bits(run(true))).toBe(bits(run(false)))
  })
})
