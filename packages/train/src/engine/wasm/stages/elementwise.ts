/** Stages whose output has the shape of their input: activation, dropout, learnt positions. */

import type {
  ActivationOperation,
  DropoutOperation,
  PositionEmbeddingOperation,
} from '../../../task/operation.js'
import { dropoutKey, dropoutThreshold } from '../../dropout-hash.js'
import type { ArenaBuffer } from '../arena-plan.js'
import { ACTIVATION_CODES } from '../kernels.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf, successorOf } from '../value.js'

export function createActivationStage(
  { activation }: ActivationOperation,
  input: Value,
  { kernels }: Workshop,
): { stage: Stage; output: Value } {
  const code = ACTIVATION_CODES[activation]
  // Their derivatives are computed from the input, the others' from the output.
  const fromInput = activation === 'gelu' || activation === 'silu'
  const inPlace = input.overwritable && !fromInput
  const output = createValue(input.floats, input.needsGradient, inPlace ? { buffer: input.buffer } : {})
  const source = fromInput ? input.buffer : output.buffer
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    planBackward() {
      if (!input.needsGradient) return []
      dx = successorOf(output)
      input.gradient = dx
      return [source, gradientOf(output), dx]
    },
    forward(frame) {
      kernels.activate(code, frame.at(input.buffer), frame.at(output.buffer), frame.batch * input.floats)
    },
    backward(frame) {
      if (dx === undefined) return
      const [upper, below] = [frame.at(gradientOf(output)), frame.at(dx)]
      kernels.activationGradient(code, frame.at(source), upper, below, frame.batch * input.floats)
    },
  }
  return { stage, output }
}

/** `index`: the operation's position in the model. */
export function createDropoutStage(
  { rate }: DropoutOperation,
  input: Value,
  { kernels }: Workshop,
  index: number,
): { stage: Stage; output: Value } {
  // What is dropped follows from a hash, so neither pass needs what the other has computed.
  const options = input.overwritable ? { buffer: input.buffer, overwritable: true } : {}
  const output = createValue(input.floats, input.needsGradient, options)
  const threshold = dropoutThreshold(rate)
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    planBackward() {
      if (!input.needsGradient) return []
      dx = successorOf(output)
      input.gradient = dx
      return [gradientOf(output), dx]
    },
    forward(frame) {
      const [x, y, length] = [frame.at(input.buffer), frame.at(output.buffer), frame.batch * input.floats]
      if (frame.training) kernels.dropout(x, y, length, dropoutKey(frame.seed, index), threshold, 1 - rate)
      else if (x !== y) kernels.copyRows(1, length, x, 0, y, 0)
    },
    backward(frame) {
      if (dx === undefined) return
      const [upper, below] = [frame.at(gradientOf(output)), frame.at(dx)]
      const key = dropoutKey(frame.seed, index)
      kernels.dropout(upper, below, frame.batch * input.floats, key, threshold, 1 - rate)
    },
  }
  return { stage, output }
}

export function createPositionStage(
  { tensors, positions, size }: PositionEmbeddingOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels } = workshop
  const floats = positions * size
  const options = input.overwritable ? { buffer: input.buffer, overwritable: true } : {}
  const output = createValue(floats, true, options)
  workshop.needs(8 * floats)
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    planBackward() {
      if (input.needsGradient) input.gradient = gradientOf(output)
      input.gradientShared = output.gradientShared
      return [gradientOf(output)]
    },
    forward(frame) {
      const [x, y] = [frame.at(input.buffer), frame.at(output.buffer)]
      kernels.addToRows(frame.batch, floats, x, frame.parameter(tensors[0]), y)
    },
    backward(frame) {
      const sums = frame.scratch.padded
      kernels.columnSums(
        frame.at(gradientOf(output)),
        frame.batch,
        floats,
        frame.gradient(tensors[0]),
        sums,
        1,
      )
    },
  }
  return { stage, output }
}
