import type { DepthwiseConvOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import { ACTIVATION_CODES } from '../kernels.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue } from '../value.js'
import { fuseActivation } from './fused-activation.js'
import { volumes, writeWindow } from './window.js'

export function createDepthwiseStage(
  { window, multiplier, bias, activation, tensors }: DepthwiseConvOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels, memory } = workshop
  const { outputs } = volumes(window)
  const channels = window.to[2]
  const positions = window.to[0] * window.to[1]
  const output = createValue(outputs, true, {
    overwritable: activation === 'linear',
    rectified: activation === 'relu',
  })
  const fused = fuseActivation(activation, output, kernels)
  const geometry = writeWindow(memory, window, multiplier)
  const [kernel, shift] = tensors
  workshop.needs(8 * channels)
  let dz: ArenaBuffer | undefined
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, ...fused.buffers],
    planBackward() {
      const plan = fused.planBackward()
      dz = plan.gradient
      if (input.needsGradient) {
        dx = createBuffer(input.floats)
        input.gradient = dx
      }
      return [input.buffer, ...plan.buffers, ...(dx === undefined ? [] : [dx])]
    },
    forward(frame) {
      const { batch } = frame
      const z = frame.at(fused.product)
      kernels.fillRows(batch * positions, channels, bias ? frame.parameter(shift) : 0, z)
      kernels.depthwise(geometry, batch, frame.at(input.buffer), frame.parameter(kernel), z)
      if (fused.code !== ACTIVATION_CODES.linear) kernels.activate(fused.code, z, z, batch * outputs)
      fused.forward(frame)
    },
    backward(frame) {
      fused.backward(frame)
      if (dz === undefined) return
      const { batch, scratch } = frame
      const upper = frame.at(dz)
      if (bias) {
        kernels.columnSums(upper, batch * positions, channels, frame.gradient(shift), scratch.padded, 1)
      }
      kernels.depthwiseKernelGradient(geometry, batch, frame.at(input.buffer), upper, frame.gradient(kernel))
      if (dx !== undefined) {
        kernels.depthwiseInputGradient(geometry, batch, upper, frame.parameter(kernel), frame.at(dx))
      }
    },
  }
  return { stage, output }
}
