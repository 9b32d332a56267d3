/** Checks of a trainer's input; every rejection is a TrainError. */

import type { ModelDescription } from '../task/models.js'
import { TrainError } from './train-error.js'
import type { EvaluateRequest, Samples, StopSignal, TrainerSpec, TrainRequest } from './trainer.js'

function checkSamples(samples: Samples, model: ModelDescription, what: string): void {
  const { height, width, channels } = model.inputShape
  const length = height * width * channels
  if (samples.labels.length < 1 || samples.images.length !== samples.labels.length * length) {
    throw new TrainError(
      'E_TRAIN_DATA',
      `${what}: ${samples.labels.length} labels (at least 1) need ${samples.labels.length * length} image bytes ` +
        `(${height}×${width}×${channels} each), got ${samples.images.length}`,
    )
  }
  const bad = samples.labels.findIndex((label) => label >= model.classes)
  if (bad >= 0) {
    throw new TrainError(
      'E_LABEL_RANGE',
      `${what}: label ${samples.labels[bad]} of sample ${bad} is not below the number of classes, ${model.classes}`,
    )
  }
}

/** E_TRAIN_DATA, E_LABEL_RANGE. */
export function checkSpec(spec: TrainerSpec, model: ModelDescription): void {
  checkSamples(spec.train, model, 'training data')
  checkSamples(spec.test, model, 'test data')
  const { indices, labels } = spec.train
  if (indices.length < 1) throw new TrainError('E_TRAIN_DATA', `node ${spec.nodeId} has no training sample`)
  const bad = indices.find((index) => index >= labels.length)
  if (bad !== undefined) {
    throw new TrainError(
      'E_TRAIN_DATA',
      `training sample ${bad} does not exist: there are only ${labels.length}`,
    )
  }
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
