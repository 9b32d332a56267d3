import type { DenseOperation } from '../../../task/operation.js'
import type { ArenaBuffer } from '../arena-plan.js'
import type { GemmTask } from '../gemm-task.js'
import type { Frame, Stage, Value, Workshop } from '../stage.js'
import { activatedValue, fuseActivation, planProductGradients } from './fused-activation.js'

/** z = W·x + b for each of `rows` rows. */
export interface LinearInit {
  readonly rowsPerSample: number
  readonly inputs: number
  readonly units: number
}

/** The three products of a dense layer, for rows that lie one after the other. */
export interface Linear {
  bindForward(frame: Frame, x: number, kernel: number, bias: number, z: number, activation: number): void
  /** dx: 0 where nobody needs it. */
  bindBackward(frame: Frame, x: number, dz: number, kernel: number, kernelGradient: number, dx: number): void
  forward(): void
  kernelGradient(): void
  inputGradient(): void
}

export function createLinear(workshop: Workshop, { rowsPerSample, inputs, units }: LinearInit): Linear {
  const forward = workshop.task(inputs)
  const kernelGradient = workshop.taskOverBatch(rowsPerSample)
  const inputGradient = workshop.task(units)
  return {
    bindForward({ batch, scratch }, x, kernel, bias, z, activation) {
      bindForward(
        forward,
        { rows: batch * rowsPerSample, inputs, units },
        { x, kernel, bias, z, activation },
        scratch,
      )
    },
    bindBackward({ batch, scratch }, x, dz, kernel, kernelGradientAt, dx) {
      const rows = batch * rowsPerSample
      kernelGradient.write(
        {
          groupRows: units,
          columns: inputs,
          segmentLength: rows,
          a: { address: dz, layout: 'columns', stride: 4 * units },
          b: { address: x, layout: 'rows', stride: 4 * inputs },
          c: { address: kernelGradientAt, stride: 4 * inputs },
        },
        scratch,
      )
      if (dx === 0) return
      inputGradient.write(
        {
          groupRows: rows,
          columns: inputs,
          segmentLength: units,
          a: { address: dz, layout: 'rows', stride: 4 * units },
          b: { address: kernel, layout: 'rows', stride: 4 * inputs },
          c: { address: dx, stride: 4 * inputs },
        },
        scratch,
      )
    },
    forward: () => forward.run(),
    kernelGradient: () => kernelGradient.run(),
    inputGradient: () => inputGradient.run(),
  }
}

/** How long a product of so many rows and columns takes in tiles of 2 × 16, 8 or 4, per number of the sums. */
export function cost(rows: number, columns: number): number {
  const rest = columns % 16
  return (
    Math.ceil(rows / 2) *
    (4.5 * Math.floor(columns / 16) + (rest === 0 ? 0 : rest > 8 ? 4.5 : rest > 4 ? 3 : 1.5))
  )
}

/**
 * Rows of C can be samples or units: whatever makes better tiles. In either case each output is the same sum in the
 * same order.
 */
function bindForward(
  task: GemmTask,
  { rows, inputs, units }: { rows: number; inputs: number; units: number },
  at: { x: number; kernel: number; bias: number; z: number; activation: number },
  scratch: Frame['scratch'],
): void {
  const { bias, activation } = at
  const x = { address: at.x, stride: 4 * inputs }
  const kernel = { address: at.kernel, stride: 4 * inputs }
  const common = { segmentLength: inputs, bias, activation }
  const c = { address: at.z, stride: 4 * units }
  if (cost(units, rows) < cost(rows, units)) {
    task.write(
      {
        ...common,
        groupRows: units,
        columns: rows,
        a: { ...kernel, layout: 'rows' },
        b: { ...x, layout: 'columns' },
        c: { ...c, transposed: true },
      },
      scratch,
    )
  } else {
    task.write(
      {
        ...common,
        groupRows: rows,
        columns: units,
        a: { ...x, layout: 'rows' },
        b: { ...kernel, layout: 'columns' },
        c,
      },
      scratch,
    )
  }
}

export function createDenseStage(
  { positions, inputs, units, bias, activation, tensors }: DenseOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels } = workshop
  const output = activatedValue(positions * units, activation)
  const linear = createLinear(workshop, { rowsPerSample: positions, inputs, units })
  const fused = fuseActivation(activation, output, kernels)
  const [kernel, shift] = tensors
  workshop.needs(8 * units)
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
    bind(frame) {
      const x = frame.at(input.buffer)
      const product = frame.at(fused.product)
      const start = bias ? frame.parameter(shift) : 0
      linear.bindForward(frame, x, frame.parameter(kernel), start, product, fused.code)
      if (!frame.training || dz === undefined) return
      const below = dx === undefined ? 0 : frame.at(dx)
      linear.bindBackward(frame, x, frame.at(dz), frame.parameter(kernel), frame.gradient(kernel), below)
    },
    forward(frame) {
      linear.forward()
      fused.forward(frame)
    },
    backward(frame) {
      fused.backward(frame)
      if (dz === undefined) return
      const rows = frame.batch * positions
      if (bias) {
        kernels.columnSums(frame.at(dz), rows, units, frame.gradient(shift), frame.scratch.padded, 1)
      }
      linear.kernelGradient()
      if (dx !== undefined) linear.inputGradient()
    },
  }
  return { stage, output }
}
