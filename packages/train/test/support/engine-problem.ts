/** Models with data for tests of engines, and the float64 loss and gradient of any of them. */

import { createRng, type Rng } from '@tempered/robust-agg/rng'
import type { LossName, Program } from '../../src/engine/engine.js'
import { drawInitialParameters } from '../../src/task/initial-parameters.js'
import { type LayerInput, layerSchema } from '../../src/task/layer-schema.js'
import { buildModel } from '../../src/task/model.js'
import type { Model, Shape } from '../../src/task/operation.js'
import { referenceForward, referenceLoss } from './reference-model.js'

export interface Problem {
  readonly model: Model
  readonly loss: LossName
  readonly batch: number
  readonly parameters: Float32Array
  readonly inputs: ArrayLike<number>
  readonly targets: ArrayLike<number>
  readonly inputFloats: number
  readonly targetFloats: number
}

export interface ProblemInit {
  readonly input: Shape
  readonly layers: readonly LayerInput[]
  readonly loss?: LossName
  readonly batch?: number
  /** Above 0: inputs are tokens below it. */
  readonly vocabulary?: number
  readonly seed?: number | string
}

export function volume(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function createProblem(init: ProblemInit): Problem {
  const { input, layers, loss = 'squared', batch = 3, vocabulary = 0, seed = 1 } = init
  const parsed = layers.map((layer) => layerSchema.parse(layer))
  const model = buildModel(input, parsed, vocabulary > 0 ? 'int32' : 'float32')
  const rng = createRng('engine-problem', seed)
  const parameters = drawInitialParameters(model, seed)
  // Biases and norms that are not 0 and 1, so that a wrong gradient or layout of them shows.
  for (const { role, offset, length } of model.tensors) {
    if (role === 'kernel' || role === 'recurrent') continue
    for (let k = 0; k < length; k++) parameters[offset + k] += 0.3 * rng.normal()
  }
  const inputFloats = volume(input)
  const inputs = Float32Array.from({ length: batch * inputFloats }, () =>
    vocabulary > 0 ? rng.integer(vocabulary) : rng.normal(),
  )
  const outputs = volume(model.output)
  const classes = model.output.at(-1) as number
  const targetFloats = loss === 'cross-entropy' ? outputs / classes : outputs
  const targets = Float32Array.from({ length: batch * targetFloats }, () => target(loss, classes, rng))
  return { model, loss, batch, parameters, inputs, targets, inputFloats, targetFloats }
}

function target(loss: LossName, classes: number, rng: Rng): number {
  if (loss === 'cross-entropy') return rng.integer(classes + 1) - 1
  return loss === 'binary-cross-entropy' ? rng.uniform() : rng.normal()
}

/** Writes parameters and samples. */
export function fill(program: Program, { batch, parameters, inputs, targets }: Problem): void {
  program.load(parameters)
  program.inputs(batch).set(inputs)
  program.targets(batch).set(targets)
}

/** Sum of the losses of all samples, in float64. */
export function lossAt(problem: Problem, parameters: Float64Array, offsets?: ArrayLike<number>): number {
  const { model, loss, batch, inputs, targets, inputFloats, targetFloats } = problem
  let sum = 0
  for (let k = 0; k < batch; k++) {
    const sample = Array.from({ length: inputFloats }, (_, i) => inputs[k * inputFloats + i])
    const wanted = Array.from({ length: targetFloats }, (_, i) => targets[k * targetFloats + i])
    sum += referenceLoss(loss, model, referenceForward(model, parameters, sample), wanted, offsets)
  }
  return sum
}

/** Derivative of the batch's mean loss by the parameter at `place`, by central differences. */
export function derivativeAt(problem: Problem, place: number, offsets?: ArrayLike<number>): number {
  const point = Float64Array.from(problem.parameters)
  const h = 1e-5
  point[place] += h
  const above = lossAt(problem, point, offsets)
  point[place] -= 2 * h
  return (above - lossAt(problem, point, offsets)) / (2 * h * problem.batch)
}
