import type { DepthwiseConvOperation } from '../../../task/operation.js'
import type { ArenaBuffer } from '../arena-plan.js'
import { ACTIVATION_CODES } from '../kernels.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { activatedValue, fuseActivation, planProductGradients } from './fused-activation.js'
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
  const output = activatedValue(outputs, activation)
  const fused = fuseActivation(activation, output, kernels)
  const geometry = writeWindow(memory, window, multiplier)
  const [kernel, shift] = tensors
  workshop.needs(8 * channels)
  let dz: ArenaBuffer | undefined
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, ...fused.buffers],
    planBackward() {
      const plan = planProductGradients(fused, input)
      dz = plan.dz
      dx = plan.dx
      return plan.buffers
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
