/**
 * A dense layer on the inputs of a model. Where most of these are zeros, the products with them are left out; otherwise
 * it computes what any dense layer does. Both give the same sums, bit by bit. Its kernel is kept as inputs × units.
 */

import type { DenseOperation } from '../../../task/operation.js'
import { type ArenaBuffer, createBuffer } from '../arena-plan.js'
import type { Frame, Stage, Value, Workshop } from '../stage.js'
import { cost } from './dense.js'
import { activatedValue, fuseActivation, planProductGradients } from './fused-activation.js'

/** Longest sum that is formed in registers, see `kernels/gemm-task.ts`. */
const DEPTH = 256
/** With fewer, looking for zeros does not pay. */
const LEAST_UNITS = 16
const LEAST_INPUTS = 16

export function isFirstDense({ positions, units, inputs }: DenseOperation, input: Value): boolean {
  return (
    !input.needsGradient &&
    positions === 1 &&
    units % 4 === 0 &&
    units >= LEAST_UNITS &&
    inputs >= LEAST_INPUTS
  )
}

/** Pieces in which `gemm` sums over so many numbers. */
function piecesOf(length: number): { readonly pieces: number; readonly pieceLength: number } {
  const most = Math.ceil(length / DEPTH)
  const pieceLength = (Math.ceil(length / most) + 3) & ~3
  return { pieces: Math.ceil(length / pieceLength), pieceLength }
}

/** Where everything is during one computation; addresses. */
interface Places {
  x: number
  z: number
  kernel: number
  bias: number
  dz: number
  kernelGradient: number
  rowStarts: number
  rowPairs: number
  pairs: number
}

export function createFirstDenseStage(
  { inputs, units, bias, activation, tensors }: DenseOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { kernels, memory } = workshop
  const output = activatedValue(units, activation)
  const fused = fuseActivation(activation, output, kernels)
  const [kernel, shift] = tensors
  workshop.transposed.set(kernel as number, { rows: units, columns: inputs })
  workshop.needs(8 * units)
  const forward = workshop.task(inputs)
  const gradient = workshop.taskOverBatch(1)
  const { pieces, pieceLength } = piecesOf(inputs)
  // Half of the inputs as pairs of two numbers each.
  const rowPairs = createBuffer(inputs)
  const rowStarts = createBuffer(pieces + 1)
  const columnPairs = createBuffer(inputs)
  const starts = memory.reserve(4 * (inputs + 1))
  const at: Places = {
    ...{ x: 0, z: 0, kernel: 0, bias: 0, dz: 0, kernelGradient: 0 },
    ...{ rowStarts: 0, rowPairs: 0, pairs: 0 },
  }
  let dz: ArenaBuffer | undefined
  let isSparse = false

  const bindForward = ({ batch, scratch }: Frame): void => {
    const common = { segmentLength: inputs, bias: at.bias, activation: fused.code }
    const x = { address: at.x, stride: 4 * inputs }
    const weights = { address: at.kernel, stride: 4 * units }
    const c = { address: at.z, stride: 4 * units }
    // Rows of C can be samples or units: whatever makes better tiles.
    const byUnit = {
      ...common,
      ...{ groupRows: units, columns: batch },
      a: { ...weights, layout: 'columns' as const },
      b: { ...x, layout: 'columns' as const },
      c: { ...c, transposed: true },
    }
    const bySample = {
      ...common,
      ...{ groupRows: batch, columns: units },
      a: { ...x, layout: 'rows' as const },
      b: { ...weights, layout: 'rows' as const },
      c,
    }
    forward.write(cost(units, batch) < cost(batch, units) ? byUnit : bySample, scratch)
  }

  const bindGradient = ({ batch, scratch }: Frame): void =>
    gradient.write(
      {
        groupRows: inputs,
        columns: units,
        segmentLength: batch,
        a: { address: at.x, layout: 'columns', stride: 4 * inputs },
        b: { address: at.dz, layout: 'rows', stride: 4 * units },
        c: { address: at.kernelGradient, stride: 4 * units },
      },
      scratch,
    )

  const stage: Stage = {
    forwardBuffers: [input.buffer, rowStarts, rowPairs, ...fused.buffers],
    planBackward() {
      const plan = planProductGradients(fused, input)
      dz = plan.dz
      return [...plan.buffers, rowStarts, rowPairs, columnPairs]
    },
    bind(frame) {
      at.x = frame.at(input.buffer)
      at.z = frame.at(fused.product)
      at.kernel = frame.parameter(kernel)
      at.bias = bias ? frame.parameter(shift) : 0
      at.rowStarts = frame.at(rowStarts)
      at.rowPairs = frame.at(rowPairs)
      bindForward(frame)
      if (!frame.training || dz === undefined) return
      at.dz = frame.at(dz)
      at.kernelGradient = frame.gradient(kernel)
      at.pairs = frame.at(columnPairs)
      bindGradient(frame)
    },
    forward(frame) {
      const { batch } = frame
      isSparse =
        kernels.compressRows(at.x, batch, inputs, pieceLength, 4 * units, at.rowStarts, at.rowPairs) === 1
      if (isSparse) {
        const { rowStarts, rowPairs, kernel, bias, z } = at
        kernels.sparseProduct(rowStarts, rowPairs, batch, pieces, kernel, units, bias, z, fused.code)
      } else forward.run()
      fused.forward(frame)
    },
    backward(frame) {
      fused.backward(frame)
      if (dz === undefined) return
      const { batch, scratch } = frame
      if (bias) kernels.columnSums(at.dz, batch, units, frame.gradient(shift), scratch.padded, 1)
      if (!isSparse || batch > DEPTH) {
        gradient.run()
        return
      }
      const { rowStarts, rowPairs, pairs } = at
      const stride = 4 * units
      kernels.transposePairs(rowStarts, rowPairs, batch, pieces, stride, stride, inputs, starts, pairs)
      const { descent } = frame
      if (descent === undefined || at.kernel % 16 !== 0) {
        kernels.sparseGradient(starts, pairs, inputs, at.dz, units, at.kernelGradient)
        return
      }
      // This is the last stage of the backward pass, so nobody reads the weights any more in this step.
      const { rate, momentum, weightDecay } = descent
      const velocities = frame.velocity(kernel)
      kernels.sparseDescend(
        starts,
        pairs,
        inputs,
        at.dz,
        units,
        scratch.padded,
        at.kernel,
        velocities,
        rate,
        momentum,
        weightDecay,
      )
      frame.updated = kernel
    },
  }
  return { stage, output }
}
