/** Where the branches of a residual layer part and meet. */

import type { ArenaBuffer } from '../arena-plan.js'
import type { Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf, successorOf } from '../value.js'

/** Two values for one: each branch has a gradient of its own, and here they are added. */
export function createForkStage(
  input: Value,
  { kernels }: Workshop,
): { stage: Stage; body: Value; shortcut: Value } {
  const branch = (): Value => createValue(input.floats, input.needsGradient, { buffer: input.buffer })
  const [body, shortcut] = [branch(), branch()]
  let dx: ArenaBuffer | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer],
    planBackward() {
      if (!input.needsGradient) return []
      dx = successorOf(body)
      input.gradient = dx
      return [gradientOf(body), gradientOf(shortcut), dx]
    },
    forward: () => undefined,
    backward(frame) {
      if (dx === undefined) return
      const [x, y] = [frame.at(gradientOf(body)), frame.at(gradientOf(shortcut))]
      kernels.sum(x, y, frame.at(dx), frame.batch * input.floats)
    },
  }
  return { stage, body, shortcut }
}

/** body + shortcut; both get the gradient of the sum. */
export function createSumStage(
  body: Value,
  shortcut: Value,
  { kernels }: Workshop,
): { stage: Stage; output: Value } {
  const needsGradient = body.needsGradient || shortcut.needsGradient
  const options = body.overwritable ? { buffer: body.buffer, overwritable: true } : { overwritable: true }
  const output = createValue(body.floats, needsGradient, options)
  const stage: Stage = {
    forwardBuffers: [body.buffer, shortcut.buffer, output.buffer],
    planBackward() {
      if (!needsGradient) return []
      for (const value of [body, shortcut]) {
        value.gradient = gradientOf(output)
        value.gradientShared = true
      }
      return [gradientOf(output)]
    },
    forward(frame) {
      const length = frame.batch * body.floats
      kernels.sum(frame.at(body.buffer), frame.at(shortcut.buffer), frame.at(output.buffer), length)
    },
    backward: () => undefined,
  }
  return { stage, output }
}
