import type { GlobalPoolOperation, PoolOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf } from '../value.js'
import { volumes, writeWindow } from './window.js'

/** Gives the input a gradient if it needs one, and returns it. */
function ownGradient(input: Value): ArenaBuffer | undefined {
  if (input.needsGradient) input.gradient = createBuffer(input.floats)
  return input.gradient
}

export function createPoolStage(
  { kind, window }: PoolOperation,
  input: Value,
  { kernels, memory }: Workshop,
): { stage: Stage; output: Value } {
  const { outputs } = volumes(window)
  const maximum = kind === 'max-pool'
  // The derivative of a ReLU before the pool is applied together with the pool's: on a quarter of the numbers, say.
  const masks = maximum && input.rectified
  const output = createValue(outputs, input.needsGradient, { overwritable: !masks })
  const geometry = writeWindow(memory, window)
  const taps = createBuffer(outputs)
  const keepsTaps = maximum && input.needsGradient
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    trainingBuffers: keepsTaps ? [taps] : [],
    planBackward() {
      dx = ownGradient(input)
      if (dx === undefined) return []
      input.gradientMasked = masks
      return [gradientOf(output), dx, ...(maximum ? [taps] : []), ...(masks ? [output.buffer] : [])]
    },
    forward(frame) {
      const { batch, training } = frame
      const [x, y] = [frame.at(input.buffer), frame.at(output.buffer)]
      if (maximum) kernels.maxPool(geometry, batch, x, y, training && keepsTaps ? frame.at(taps) : 0)
      else kernels.averagePool(geometry, batch, x, y)
    },
    backward(frame) {
      if (dx === undefined) return
      const upper = frame.at(gradientOf(output))
      const y = masks ? frame.at(output.buffer) : 0
      if (maximum) kernels.maxPoolGradient(geometry, frame.batch, upper, frame.at(taps), y, frame.at(dx))
      else kernels.averagePoolGradient(geometry, frame.batch, upper, frame.at(dx))
    },
  }
  return { stage, output }
}

export function createGlobalPoolStage(
  { kind, positions, channels }: GlobalPoolOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels } = workshop
  const maximum = kind === 'global-max-pool'
  const output = createValue(channels, input.needsGradient, { overwritable: true })
  const places = createBuffer(channels)
  const keepsPlaces = maximum && input.needsGradient
  workshop.needs(8 * channels)
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    trainingBuffers: keepsPlaces ? [places] : [],
    planBackward() {
      dx = ownGradient(input)
      if (dx === undefined) return []
      return maximum ? [places, gradientOf(output), dx] : [gradientOf(output), dx]
    },
    forward(frame) {
      const { batch, training, scratch } = frame
      const [x, y] = [frame.at(input.buffer), frame.at(output.buffer)]
      if (!maximum) kernels.globalAverage(batch, positions, channels, x, y, scratch.padded)
      else kernels.globalMax(batch, positions, channels, x, y, training && keepsPlaces ? frame.at(places) : 0)
    },
    backward(frame) {
      if (dx === undefined) return
      const [upper, below] = [frame.at(gradientOf(output)), frame.at(dx)]
      if (!maximum) kernels.globalAverageGradient(frame.batch, positions, channels, upper, below)
      else kernels.globalMaxGradient(frame.batch, positions, channels, upper, frame.at(places), below)
    },
  }
  return { stage, output }
}
