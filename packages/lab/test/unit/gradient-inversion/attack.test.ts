import { createRng } from '@tempered/robust-agg/rng'
import { createWasmEngine, imageTask, initialTaskParameters, type OpenTask } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { denseGradient, firstDense, lastDense } from '../../../src/gradient-inversion/dense-gradient.js'
import { recoverInputs } from '../../../src/gradient-inversion/input-recovery.js'
import { recoverLabelCounts, wholeCounts } from '../../../src/gradient-inversion/label-recovery.js'
import { meanGradient } from '../../../src/gradient-inversion/mean-gradient.js'

const SHAPE = [6, 6, 1] as const
const PIXELS = 36
const CLASSES = 4
const images = { shape: SHAPE, classes: CLASSES }

function randomImages(count: number, seed: number): Float32Array {
  const rng = createRng(seed, 'images')
  return Float32Array.from({ length: count * PIXELS }, () => rng.uniform())
}

/** The models before and after one step of SGD on these samples, and the probabilities that the first gives them. */
function oneStep(task: OpenTask, inputs: Float32Array, labels: readonly number[], learningRate = 0.05) {
  const program = createWasmEngine().compile(task.model!, task.task.loss)
  const start = initialTaskParameters(task, 7)
  const batch = labels.length
  const fill = () => {
    program.inputs(batch).set(inputs)
    program.targets(batch).set(labels)
  }
  program.load(start)
  fill()
  const logits = Array.from(program.forward(batch))
  const probabilities = Array.from({ length: CLASSES }, (_, c) => {
    const each = labels.map((_, k) => {
      const powers = logits.slice(k * CLASSES, (k + 1) * CLASSES).map(Math.exp)
      return powers[c] / powers.reduce((a, b) => a + b, 0)
    })
    return each.reduce((a, b) => a + b, 0) / batch
  })
  fill()
  program.step(batch, {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
    learningRate,
    seed: 0,
  })
  const trained = new Float32Array(start.length)
  program.store(trained)
  const gradient = meanGradient(start, trained, { steps: 1, batchSize: batch, learningRate, momentum: 0.9 })
  return { gradient, probabilities }
}

describe.each(['softmax', 'mlp'] as const)('%s', (name) => {
  const task = imageTask(name, images)
  const model = task.model!

  it.each([0, 1, 2, 3])('one step on one sample gives away the sample and its label %i', (label) => {
    const sample = randomImages(1, label)
    const { gradient } = oneStep(task, sample, [label])
    const bias = denseGradient(model, lastDense(model), gradient).bias
    // Probabilities do not matter for one sample.
    const counts = recoverLabelCounts(bias, 1, [9, 9, 9, 9])
    expect(Array.from(counts)).toEqual([0, 1, 2, 3].map((c) => (c === label ? 1 : 0)))
    const found = recoverInputs(denseGradient(model, firstDense(model), gradient), 5)
    expect(found).toHaveLength(1)
    expect(found[0].units.length).toBeGreaterThan(1)
    for (const [k, pixel] of found[0].input.entries()) expect(pixel).toBeCloseTo(sample[k], 3)
  })

  it('one step on several samples gives away how many are of each class', () => {
    const labels = [0, 0, 0, 2, 3, 3, 0, 2]
    const { gradient, probabilities } = oneStep(task, randomImages(8, 1), labels)
    const bias = denseGradient(model, lastDense(model), gradient).bias
    expect(Array.from(recoverLabelCounts(bias, 8, probabilities))).toEqual([4, 0, 2, 2])
  })
})

it('the sign of one sample is that of its label although another class was thought more likely', () => {
  expect(Array.from(recoverLabelCounts([0.7, 0.2, -0.99, 0.09], 1, [0.7, 0.2, 0.01, 0.09]))).toEqual([
    0, 0, 1, 0,
  ])
})

it('counts are rounded to the right sum, without negative ones', () => {
  expect(Array.from(wholeCounts([2.6, -1, 0.4, 1], 4))).toEqual([3, 0, 0, 1])
  expect(Array.from(wholeCounts([-1, -2], 3))).toEqual([2, 1])
  expect(Array.from(wholeCounts([1, 1, 2], 8))).toEqual([2, 2, 4])
})

it('units that agree come first; mixtures and units that did not move do not', () => {
  const [a, b] = [
    [1, 0, 0, 0.5],
    [0, 1, 0.25, 0],
  ]
  const rows = [
    { of: a.map((value, k) => 0.5 * value + 0.5 * b[k]), bias: 3 },
    { of: b, bias: -2 },
    { of: b, bias: 0.01 },
    { of: a, bias: 1e-6 },
  ]
  const gradient = {
    inputs: 4,
    units: 4,
    kernel: Float64Array.from(rows.flatMap(({ of, bias }) => of.map((value) => value * bias))),
    bias: Float64Array.from(rows, ({ bias }) => bias),
  }
  const found = recoverInputs(gradient, 10)
  expect(found.map(({ units }) => units)).toEqual([[1, 2], [0]])
  for (const [k, value] of found[0].input.entries()) expect(value).toBeCloseTo(b[k], 12)
  expect(recoverInputs(gradient, 1)).toHaveLength(1)
  expect(recoverInputs(gradient, 10, [0]).map(({ units }) => units)).toEqual([[0]])
  const still = { ...gradient, kernel: new Float64Array(16), bias: new Float64Array(4) }
  expect(recoverInputs(still, 10)).toEqual([])
})

it('the mean gradient of several steps weighs each as momentum does', () => {
  const gradients = [3, -1, 4]
  const [learningRate, momentum] = [0.1, 0.5]
  let [w, v] = [2, 0]
  for (const gradient of gradients) {
    v = momentum * v + gradient
    w -= learningRate * v
  }
  // Step k of K counts 1 + m + … + m^(K − k).
  const weights = [1.75, 1.5, 1]
  const expected = gradients.reduce((sum, gradient, k) => sum + weights[k] * gradient, 0) / 4.25
  const [mean] = meanGradient([2], [w], { steps: 3, batchSize: 1, learningRate, momentum })
  expect(mean).toBeCloseTo(expected, 12)
})

describe('bad input is refused', () => {
  const training = { steps: 1, batchSize: 1, learningRate: 0.1, momentum: 0 }
  const mlp = imageTask('mlp', images).model!
  const layer = firstDense(mlp)
  const dense = { inputs: 2, units: 2, kernel: new Float64Array(4), bias: new Float64Array(2) }
  const cnn = imageTask('cnn', { shape: [28, 28, 1], classes: 10 }).model!
  const [, noBias, last] = mlp.operations.map((one) => ({ ...one, bias: false }))
  it.each<[string, string, RegExp, () => unknown]>([
    [
      'models of two tasks',
      'E_USAGE',
      /of 2 parameters.*of 3/,
      () => meanGradient([1, 2, 3], [1, 2], training),
    ],
    ['no step', 'E_USAGE', /steps.*got 0/, () => meanGradient([1], [1], { ...training, steps: 0 })],
    ['momentum 1', 'E_USAGE', /momentum/, () => meanGradient([1], [1], { ...training, momentum: 1 })],
    ['learning rate 0', 'E_USAGE', /rate/, () => meanGradient([1], [1], { ...training, learningRate: 0 })],
    ['a short gradient', 'E_USAGE', /of 3 numbers/, () => denseGradient(mlp, layer, [1, 2, 3])],
    [
      'a gradient that is not finite',
      'E_USAGE',
      /number 0 of .*kernel is NaN/,
      () => denseGradient(mlp, layer, new Float32Array(mlp.parameterCount).fill(Number.NaN)),
    ],
    ['a first layer of convolutions', 'E_CONFIG', /first layer.*conv/, () => firstDense(cnn)],
    ['a layer without bias', 'E_CONFIG', /without bias/, () => firstDense({ operations: [noBias as never] })],
    ['logits behind a ReLU', 'E_CONFIG', /relu/, () => lastDense({ operations: [layer] })],
    ['no layer', 'E_CONFIG', /last layer of the model is none/, () => lastDense({ operations: [] })],
    ['a last layer without bias', 'E_CONFIG', /bias/, () => lastDense({ operations: [last as never] })],
    ['a kernel of another size', 'E_USAGE', /3 units/, () => recoverInputs({ ...dense, units: 3 }, 1)],
    ['no input to recover', 'E_USAGE', /got 0/, () => recoverInputs(dense, 0)],
    ['one class', 'E_USAGE', /1 classes/, () => recoverLabelCounts([1], 1, [1])],
    ['probabilities of other classes', 'E_USAGE', /3 prob/, () => recoverLabelCounts([1, -1], 1, [1, 0, 0])],
    ['half a sample', 'E_USAGE', /got 0.5/, () => recoverLabelCounts([1, -1], 0.5, [1, 0])],
  ])('%s', (_, code, message, call) => {
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })
})
