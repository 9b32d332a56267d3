import type { RecurrentOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import type { Frame, Stage, Value, Workshop } from '../stage.js'
import { createValue, gradientOf } from '../value.js'
import { createLinear } from './dense.js'
import { createRecurrentProducts } from './recurrent-products.js'

/** What one kind of cell computes at a step: everything but the products with the recurrent kernel. */
interface Cell {
  readonly forwardBuffers: readonly ArenaBuffer[]
  readonly backwardBuffers: readonly ArenaBuffer[]
  /** Where the product of step t goes, and whether it is added to what is there. */
  productAt(frame: Frame, step: number): number
  forward(frame: Frame, step: number): void
  /** Gradient of the products of all steps: batch × steps × gates·units. */
  readonly productGradient: ArenaBuffer
  begin(frame: Frame): void
  backward(frame: Frame, step: number, hiddenGradient: number): void
  end(frame: Frame): void
}

/** The buffers that both cells have. */
interface Traces {
  readonly gates: ArenaBuffer
  readonly hidden: ArenaBuffer
}

function createLstm(
  { units, steps }: RecurrentOperation,
  { gates, hidden }: Traces,
  workshop: Workshop,
): Cell {
  const { kernels } = workshop
  const [gateStride, stride] = [16 * steps * units, 4 * steps * units]
  const cells = createBuffer(steps * units)
  const cellGradient = createBuffer(units)
  workshop.needs(4 * units + 16)
  const before = (frame: Frame, step: number): number =>
    step === 0 ? 0 : frame.at(cells) + 4 * units * (step - 1)
  const gatesAt = (frame: Frame, step: number): number => frame.at(gates) + 16 * units * step
  return {
    forwardBuffers: [cells],
    backwardBuffers: [cells, cellGradient],
    productAt: gatesAt,
    productGradient: gates,
    forward(frame, step) {
      const cell = frame.at(cells) + 4 * units * step
      const state = frame.at(hidden) + 4 * units * step
      const old = before(frame, step)
      kernels.lstmStep(frame.batch, units, gatesAt(frame, step), gateStride, old, cell, state, stride)
    },
    begin: (frame) => kernels.fillRows(frame.batch, units, 0, frame.at(cellGradient)),
    backward(frame, step, hiddenGradient) {
      const cell = frame.at(cells) + 4 * units * step
      kernels.lstmStepGradient(
        ...[frame.batch, units, gatesAt(frame, step), gateStride, before(frame, step), cell, stride],
        ...[hiddenGradient, frame.at(cellGradient), frame.scratch.padded],
      )
    },
    end: () => undefined,
  }
}

function createGru(
  { units, steps, tensors }: RecurrentOperation,
  { gates, hidden }: Traces,
  workshop: Workshop,
): Cell {
  const { kernels } = workshop
  const [gateStride, stride] = [12 * steps * units, 4 * steps * units]
  const product = createBuffer(3 * units)
  const kept = createBuffer(steps * units)
  const productGradient = createBuffer(3 * steps * units)
  const shift = tensors[3]
  const at = (frame: Frame, buffer: ArenaBuffer, step: number): number => frame.at(buffer) + 4 * units * step
  const gatesAt = (frame: Frame, step: number): number => frame.at(gates) + 12 * units * step
  return {
    forwardBuffers: [product, kept],
    backwardBuffers: [kept, productGradient],
    productAt: (frame) => frame.at(product),
    productGradient,
    forward(frame, step) {
      const { batch } = frame
      const sums = frame.at(product)
      if (step === 0) kernels.fillRows(batch, 3 * units, frame.parameter(shift), sums)
      const old = step === 0 ? 0 : at(frame, hidden, step - 1)
      kernels.gruStep(
        ...[batch, units, gatesAt(frame, step), gateStride, sums, at(frame, kept, step), old],
        ...[at(frame, hidden, step), stride],
      )
    },
    begin: () => undefined,
    backward(frame, step, hiddenGradient) {
      const upper = frame.at(productGradient) + 12 * units * step
      const old = step === 0 ? 0 : at(frame, hidden, step - 1)
      kernels.gruStepGradient(
        ...[frame.batch, units, gatesAt(frame, step), gateStride, upper, at(frame, kept, step), old, stride],
        hiddenGradient,
      )
    },
    end(frame) {
      const rows = frame.batch * steps
      const sums = frame.scratch.padded
      kernels.columnSums(frame.at(productGradient), rows, 3 * units, frame.gradient(shift), sums, 1)
    },
  }
}

export function createRecurrentStage(
  operation: RecurrentOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kind, steps, inputs, units, every, tensors } = operation
  const { kernels } = workshop
  const width = (kind === 'lstm' ? 4 : 3) * units
  const output = createValue(every ? steps * units : units, true)
  const gates = createBuffer(steps * width)
  const hidden = every ? output.buffer : createBuffer(steps * units)
  const hiddenGradient = createBuffer(units)
  const cell = (kind === 'lstm' ? createLstm : createGru)(operation, { gates, hidden }, workshop)
  const linear = createLinear(workshop, { rowsPerSample: steps, inputs, units: width })
  const products = createRecurrentProducts(operation, workshop)
  const [kernel, recurrent, shift] = tensors
  workshop.needs(8 * width)
  let dx: ArenaBuffer | undefined

  const lastState = 4 * units * (steps - 1)
  const stride = 4 * steps * units
  const stage: Stage = {
    forwardBuffers: [input.buffer, gates, hidden, output.buffer, ...cell.forwardBuffers],
    planBackward() {
      if (input.needsGradient) {
        dx = createBuffer(input.floats)
        input.gradient = dx
      }
      const own = [gates, hidden, hiddenGradient, gradientOf(output), ...cell.backwardBuffers]
      return [input.buffer, ...own, ...(dx === undefined ? [] : [dx])]
    },
    bind(frame) {
      const [x, z] = [frame.at(input.buffer), frame.at(gates)]
      linear.bindForward(frame, x, frame.parameter(kernel), frame.parameter(shift), z, 0)
      products.bindForward(
        frame,
        frame.parameter(recurrent),
        kind === 'gru' ? frame.parameter(tensors[3]) : 0,
      )
      if (!frame.training) return
      const below = dx === undefined ? 0 : frame.at(dx)
      linear.bindBackward(frame, x, z, frame.parameter(kernel), frame.gradient(kernel), below)
      const d = frame.at(cell.productGradient)
      products.bindBackward(frame, frame.parameter(recurrent), d, frame.at(hidden), frame.gradient(recurrent))
    },
    forward(frame) {
      linear.forward()
      for (let step = 0; step < steps; step++) {
        const before = frame.at(hidden) + 4 * units * (step - 1)
        if (step > 0) products.forward(step, before, cell.productAt(frame, step))
        cell.forward(frame, step)
      }
      if (!every) {
        kernels.copyRows(
          ...[frame.batch, units, frame.at(hidden) + lastState, stride, frame.at(output.buffer), 4 * units],
        )
      }
    },
    backward(frame) {
      const { batch } = frame
      const [h, upper] = [frame.at(hiddenGradient), frame.at(gradientOf(output))]
      const d = frame.at(cell.productGradient)
      const [from, fromStride] = every ? [upper + lastState, stride] : [upper, 4 * units]
      kernels.copyRows(batch, units, from, fromStride, h, 4 * units)
      cell.begin(frame)
      for (let step = steps - 1; step >= 0; step--) {
        cell.backward(frame, step, h)
        if (step === 0) break
        products.backward(step, d + 4 * width * step, h)
        if (every) kernels.addRows(batch, units, upper + 4 * units * (step - 1), stride, h, 4 * units)
      }
      cell.end(frame)
      products.kernelGradient(frame)
      const sums = frame.scratch.padded
      kernels.columnSums(frame.at(gates), batch * steps, width, frame.gradient(shift), sums, 1)
      linear.kernelGradient()
      if (dx !== undefined) linear.inputGradient()
    },
  }
  return { stage, output }
}
