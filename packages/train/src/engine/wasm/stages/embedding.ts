import type { EmbeddingOperation } from '../../../task/operation.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf } from '../value.js'

export function createEmbeddingStage(
  { positions, vocabulary, size, tensors }: EmbeddingOperation,
  input: Value,
  { kernels }: Workshop,
): { stage: Stage; output: Value } {
  const output = createValue(positions * size, true, { overwritable: true })
  const stage: Stage = {
    forwardBuffers: [input.buffer, output.buffer],
    planBackward: () => [input.buffer, gradientOf(output)],
    forward(frame) {
      const [tokens, to] = [frame.at(input.buffer), frame.at(output.buffer)]
      kernels.embed(tokens, frame.batch * positions, vocabulary, size, frame.parameter(tensors[0]), to)
    },
    backward(frame) {
      const [tokens, upper] = [frame.at(input.buffer), frame.at(gradientOf(output))]
      kernels.embedGradient(
        tokens,
        frame.batch * positions,
        vocabulary,
        size,
        upper,
        frame.gradient(tensors[0]),
      )
    },
  }
  return { stage, output }
}
