/** Checks of a trainer's input; every rejection is a TrainError. */

import { type Samples, volume } from '../data/dataset.js'
import type { OpenTask } from '../task/task.js'
import { NOISE_SEED_BYTES } from './noise-stream.js'
import { TrainError } from './train-error.js'
import type { EvaluateRequest, StopSignal, TrainerSpec, TrainRequest } from './trainer.js'

function checkSamples(samples: Samples, { task, inputShape, outputs }: OpenTask, what: string): void {
  const { count, inputs, shape, targets } = samples
  const sequence = task.output.type === 'next-token'
  const wanted = volume(inputShape) + (sequence ? 1 : 0)
  if (volume(shape) !== wanted || inputs.length !== count * wanted) {
    throw new TrainError(
      'E_TRAIN_DATA',
      `${what}: ${count} samples of shape ${shape.join('×')} with ${inputs.length} numbers; ` +
        `the task takes ${inputShape.join('×')}${sequence ? ' and one token more' : ''}`,
    )
  }
  if (sequence) return
  const labels = task.output.type === 'class'
  if (targets.length !== count * (labels ? 1 : outputs) || labels === targets instanceof Float32Array) {
    throw new TrainError(
      'E_TRAIN_DATA',
      `${what}: ${targets.length} targets for ${count} samples do not fit the task's output, ${task.output.type}`,
    )
  }
  if (!labels) return
  const bad = (targets as Int32Array).findIndex((label) => !(label >= 0 && label < outputs))
  if (bad >= 0) {
    throw new TrainError(
      'E_LABEL_RANGE',
      `${what}: label ${targets[bad]} of sample ${bad} is not below the number of classes, ${outputs}`,
    )
  }
}

/** E_TRAIN_DATA, E_LABEL_RANGE. */
export function checkSpec(spec: TrainerSpec, open: OpenTask): void {
  checkSamples(spec.train, open, 'training data')
  checkSamples(spec.test, open, 'test data')
  const { indices, count } = spec.train
  const bad = indices.find((index) => index >= count)
  if (bad !== undefined)
    throw new TrainError('E_TRAIN_DATA', `training sample ${bad} does not exist: there are only ${count}`)
}

function checkNumber(holds: boolean, name: string, value: number, range: string): void {
  if (!holds) throw new TrainError('E_TRAIN_REQUEST', `${name} must be ${range}, got ${value}`)
}

/** E_TRAIN_REQUEST. */
export function checkTrainRequest(request: TrainRequest): void {
  const { round, steps, batchSize, learningRate, momentum, weightDecay = 0, logitAdjustment = 0 } = request
  checkNumber(Number.isInteger(round) && round >= 0, 'round', round, 'an integer ≥ 0')
  checkNumber(Number.isInteger(steps) && steps >= 1, 'steps', steps, 'an integer ≥ 1')
  checkNumber(Number.isInteger(batchSize) && batchSize >= 1, 'batchSize', batchSize, 'an integer ≥ 1')
  checkNumber(Number.isFinite(learningRate) && learningRate >= 0, 'learningRate', learningRate, '0 or more')
  checkNumber(momentum >= 0 && momentum < 1, 'momentum', momentum, 'in [0, 1)')
  checkNumber(Number.isFinite(weightDecay) && weightDecay >= 0, 'weightDecay', weightDecay, '0 or more')
  checkNumber(
    Number.isFinite(logitAdjustment) && logitAdjustment >= 0,
    'logitAdjustment',
    logitAdjustment,
    '0 or more',
  )
  if (request.noise === undefined) return
  const { clip, noiseMultiplier, seed } = request.noise
  checkNumber(Number.isFinite(clip) && clip > 0, 'noise.clip', clip, 'above 0')
  checkNumber(
    Number.isFinite(noiseMultiplier) && noiseMultiplier >= 0,
    'noise.noiseMultiplier',
    noiseMultiplier,
    '0 or more',
  )
  checkNumber(seed.length === NOISE_SEED_BYTES, 'noise.seed', seed.length, `of ${NOISE_SEED_BYTES} bytes`)
  // The label counts of the node would shift every gradient, and no noise hides that.
  checkNumber(logitAdjustment === 0, 'logitAdjustment', logitAdjustment, '0 with noise')
}

/** E_TRAIN_REQUEST. */
export function checkEvaluateRequest(request: EvaluateRequest): void {
  for (const name of ['batchSize', 'limit'] as const) {
    const value = request[name]
    if (value !== undefined) checkNumber(Number.isInteger(value) && value >= 1, name, value, 'an integer ≥ 1')
  }
  const { trainingRound: round } = request
  if (round !== undefined)
    checkNumber(Number.isInteger(round) && round >= 0, 'trainingRound', round, 'an integer ≥ 0')
}

/** E_PARAMETER_COUNT. */
export function checkParameterCount(flat: Float32Array, expected: number): void {
  if (flat.length !== expected) {
    throw new TrainError('E_PARAMETER_COUNT', `the model has ${expected} parameters, got ${flat.length}`)
  }
}

/** E_TRAIN_ABORTED. */
export function checkSignal(signal: StopSignal | undefined): void {
  if (signal?.aborted === true)
    throw new TrainError('E_TRAIN_ABORTED', 'stopped on request; the parameters are unchanged')
}
