/** From a model to its stages, in the order of execution, and the plan of their buffers. */

import type { Model, Operation } from '../../task/operation.js'
import { type ArenaBuffer, ArenaPlan, createBuffer } from './arena-plan.js'
import type { Stage, Value, Workshop } from './stage.js'
import { createAttentionStage } from './stages/attention.js'
import { createConvStage } from './stages/conv.js'
import { createDenseStage } from './stages/dense.js'
import { createDepthwiseStage } from './stages/depthwise.js'
import { createActivationStage, createDropoutStage, createPositionStage } from './stages/elementwise.js'
import { createEmbeddingStage } from './stages/embedding.js'
import { createFirstDenseStage, isFirstDense } from './stages/first-dense.js'
import { createNormStage } from './stages/norm.js'
import { createGlobalPoolStage, createPoolStage } from './stages/pool.js'
import { createRecurrentStage } from './stages/recurrent.js'
import { createForkStage, createSumStage } from './stages/residual.js'
import { createValue } from './value.js'

export interface ModelStages {
  readonly stages: readonly Stage[]
  readonly input: ArenaBuffer
  readonly output: ArenaBuffer
  readonly outputGradient: ArenaBuffer
  /** Bytes per sample of the two plans; inputs are not among them. */
  readonly trainingBytes: number
  readonly evaluationBytes: number
}

export function createModelStages(model: Model, workshop: Workshop): ModelStages {
  const stages: Stage[] = []
  const input = createValue(volume(model.input), false)
  const output = appendOperations(model.operations, input, stages, workshop)
  const outputGradient = createBuffer(output.floats)
  output.gradient = outputGradient
  return {
    stages,
    input: input.buffer,
    output: output.buffer,
    outputGradient,
    ...plan(stages, input, output),
  }
}

function volume(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function appendOperations(
  operations: readonly Operation[],
  input: Value,
  stages: Stage[],
  workshop: Workshop,
): Value {
  let value = input
  for (const operation of operations) {
    if (operation.kind === 'flatten') continue
    if (operation.kind === 'residual') {
      const fork = createForkStage(value, workshop)
      stages.push(fork.stage)
      const body = appendOperations(operation.body, fork.body, stages, workshop)
      const shortcut = appendOperations(operation.shortcut, fork.shortcut, stages, workshop)
      const sum = createSumStage(body, shortcut, workshop)
      stages.push(sum.stage)
      value = sum.output
      continue
    }
    const { stage, output } = createStage(operation, value, workshop, stages.length)
    stages.push(stage)
    value = output
  }
  return value
}

function createStage(
  operation: Exclude<Operation, { kind: 'flatten' | 'residual' }>,
  input: Value,
  workshop: Workshop,
  index: number,
): { stage: Stage; output: Value } {
  switch (operation.kind) {
    case 'dense':
      return isFirstDense(operation, input)
        ? createFirstDenseStage(operation, input, workshop)
        : createDenseStage(operation, input, workshop)
    case 'conv':
      return createConvStage(operation, input, workshop)
    case 'depthwise-conv':
      return createDepthwiseStage(operation, input, workshop)
    case 'max-pool':
    case 'average-pool':
      return createPoolStage(operation, input, workshop)
    case 'global-average-pool':
    case 'global-max-pool':
      return createGlobalPoolStage(operation, input, workshop)
    case 'layer-norm':
    case 'group-norm':
      return createNormStage(operation, input, workshop)
    case 'dropout':
      return createDropoutStage(operation, input, workshop, index)
    case 'embedding':
      return createEmbeddingStage(operation, input, workshop)
    case 'position-embedding':
      return createPositionStage(operation, input, workshop)
    case 'lstm':
    case 'gru':
      return createRecurrentStage(operation, input, workshop)
    case 'attention':
      return createAttentionStage(operation, input, workshop)
    case 'activation':
      return createActivationStage(operation, input, workshop)
  }
}

/** Stage k runs at time k forward and at 2n − k backward; the loss, between them, at n. */
function plan(
  stages: readonly Stage[],
  input: Value,
  output: Value,
): { trainingBytes: number; evaluationBytes: number } {
  const n = stages.length
  const arena = new ArenaPlan()
  const useAll = (buffers: readonly ArenaBuffer[], phase: 'training' | 'evaluation', time: number): void => {
    for (const buffer of buffers) if (buffer !== input.buffer) arena.use(buffer, phase, time)
  }
  stages.forEach(({ forwardBuffers, trainingBuffers = [] }, k) => {
    useAll(forwardBuffers, 'evaluation', k)
    useAll([...forwardBuffers, ...trainingBuffers], 'training', k)
  })
  useAll([output.buffer], 'evaluation', n)
  useAll([output.buffer, output.gradient as ArenaBuffer], 'training', n)
  for (let k = n - 1; k >= 0; k--) useAll((stages[k] as Stage).planBackward(), 'training', 2 * n - k)
  return { trainingBytes: arena.place('training'), evaluationBytes: arena.place('evaluation') }
}
