import type { GroupNormOperation, LayerNormOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import type { Frame, Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf, successorOf } from '../value.js'

export function createNormStage(
  operation: LayerNormOperation | GroupNormOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels } = workshop
  const { kind, positions, channels, epsilon, tensors } = operation
  const groups = operation.kind === 'group-norm' ? operation.groups : 0
  const output = createValue(positions * channels, true, { overwritable: true })
  const moments = createBuffer(2 * (kind === 'group-norm' ? groups : positions))
  const [scale, shift] = tensors
  // Sums of the gradients (16 bytes per channel), then what the group norm spreads over the channels (32).
  workshop.needs(48 * channels)
  let dx: ArenaBuffer | undefined

  const forwardOf = (frame: Frame): void => {
    const { batch, scratch } = frame
    const [x, y, m] = [frame.at(input.buffer), frame.at(output.buffer), frame.at(moments)]
    const [a, b] = [frame.parameter(scale), frame.parameter(shift)]
    if (kind === 'layer-norm') kernels.layerNorm(batch * positions, channels, x, a, b, y, m, epsilon)
    else kernels.groupNorm(batch, positions, channels, groups, x, a, b, y, m, epsilon, scratch.padded)
  }
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer, moments],
    planBackward() {
      if (input.needsGradient) {
        dx = successorOf(output)
        input.gradient = dx
      }
      return [input.buffer, moments, gradientOf(output), ...(dx === undefined ? [] : [dx])]
    },
    forward: forwardOf,
    backward(frame) {
      const { batch } = frame
      const totals = frame.scratch.padded
      const [x, upper, m] = [frame.at(input.buffer), frame.at(gradientOf(output)), frame.at(moments)]
      const below = dx === undefined ? 0 : frame.at(dx)
      const gradients = [frame.gradient(scale), frame.gradient(shift), totals]
      const a = frame.parameter(scale)
      if (kind === 'layer-norm') {
        kernels.layerNormGradient(batch * positions, channels, x, upper, a, m, below, ...gradients)
      } else {
        const rest = totals + 16 * channels
        kernels.groupNormGradient(
          batch,
          positions,
          channels,
          groups,
          x,
          upper,
          a,
          m,
          below,
          ...gradients,
          rest,
        )
      }
    },
  }
  return { stage, output }
}
