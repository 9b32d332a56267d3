import type { AttentionOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf } from '../value.js'
import { createHead } from './attention-head.js'
import { createLinear } from './dense.js'

export function createAttentionStage(
  { positions, size, heads, causal, tensors }: AttentionOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels } = workshop
  const output = createValue(positions * size, true, { overwritable: true })
  const projected = createBuffer(3 * positions * size)
  const weights = createBuffer(heads * positions * positions)
  const context = createBuffer(positions * size)
  const gradients = {
    projected: createBuffer(projected.floats),
    weights: createBuffer(weights.floats),
    context: createBuffer(context.floats),
  }
  const enter = createLinear(workshop, { rowsPerSample: positions, inputs: size, units: 3 * size })
  const leave = createLinear(workshop, { rowsPerSample: positions, inputs: size, units: size })
  const all = Array.from({ length: heads }, (_, head) =>
    createHead({ head, heads, positions, size }, workshop),
  )
  const [kernel, shift, outputKernel, outputShift] = tensors
  const scale = 1 / Math.sqrt(size / heads)
  workshop.needs(24 * size)
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, projected, weights, context, output.buffer],
    planBackward() {
      if (input.needsGradient) {
        dx = createBuffer(input.floats)
        input.gradient = dx
      }
      const own = [projected, weights, context, ...Object.values(gradients), gradientOf(output)]
      return [input.buffer, ...own, ...(dx === undefined ? [] : [dx])]
    },
    bind(frame) {
      const [x, qkv, p] = [frame.at(input.buffer), frame.at(projected), frame.at(weights)]
      const [c, y] = [frame.at(context), frame.at(output.buffer)]
      enter.bindForward(frame, x, frame.parameter(kernel), frame.parameter(shift), qkv, 0)
      leave.bindForward(frame, c, frame.parameter(outputKernel), frame.parameter(outputShift), y, 0)
      for (const head of all) head.bindForward(frame, qkv, p, c)
      if (!frame.training) return
      const [dQkv, dP, dC] = [
        frame.at(gradients.projected),
        frame.at(gradients.weights),
        frame.at(gradients.context),
      ]
      const upper = frame.at(gradientOf(output))
      leave.bindBackward(frame, c, upper, frame.parameter(outputKernel), frame.gradient(outputKernel), dC)
      for (const head of all) head.bindBackward(frame, { qkv, p, dQkv, dP, dC })
      const below = dx === undefined ? 0 : frame.at(dx)
      enter.bindBackward(frame, x, dQkv, frame.parameter(kernel), frame.gradient(kernel), below)
    },
    forward(frame) {
      enter.forward()
      for (const head of all) head.scores()
      kernels.attentionWeights(frame.batch * heads, positions, frame.at(weights), scale, Number(causal))
      for (const head of all) head.context()
      leave.forward()
    },
    backward(frame) {
      const { batch, scratch } = frame
      const rows = batch * positions
      const upper = frame.at(gradientOf(output))
      kernels.columnSums(upper, rows, size, frame.gradient(outputShift), scratch.padded, 1)
      leave.kernelGradient()
      leave.inputGradient()
      for (const head of all) head.weightGradient()
      const [p, dP] = [frame.at(weights), frame.at(gradients.weights)]
      kernels.attentionGradient(rows * heads, positions, p, dP, scale)
      for (const head of all) head.projectedGradient()
      const dQkv = frame.at(gradients.projected)
      kernels.columnSums(dQkv, rows, 3 * size, frame.gradient(shift), scratch.padded, 1)
      enter.kernelGradient()
      if (dx !== undefined) enter.inputGradient()
    },
  }
  return { stage, output }
}
