/**
 * Convolution as products whose first operand is the image itself: a row of it is the window of one output position,
 * height pieces of width·channels numbers that are contiguous in the image. Only the pieces in work are ever gathered.
 */

import type { ConvOperation, Window } from '../../../task/operation.js'
import type { ArenaBuffer } from '../arena-plan.js'
import type { Padding, Product } from '../gemm-task.js'
import type { Frame, Stage, Value, Workshop } from '../stage.js'
import {
  type ConvInputGradient,
  createConvInputGradient,
  createWinogradInputGradient,
} from './conv-input-gradient.js'
import { activatedValue, fuseActivation, planProductGradients } from './fused-activation.js'
import { createWinograd, suitsWinograd } from './winograd.js'

/** Bytes between rows of the padded image, and the frame itself unless there is no padding. */
export function paddingOf({ from, pad }: Window): { rowBytes: number; frame: Padding | undefined } {
  const [height, width, channels] = from
  const { top, bottom, left, right } = pad
  const rowBytes = 4 * (width + left + right) * channels
  if (top + bottom + left + right === 0) return { rowBytes, frame: undefined }
  const frame = {
    rows: height,
    rowBytes: 4 * width * channels,
    start: top * rowBytes + 4 * left * channels,
    paddedRowBytes: rowBytes,
    bytes: (height + top + bottom) * rowBytes,
  }
  return { rowBytes, frame }
}

function forwardProduct(
  { window, tensors, bias }: ConvOperation,
  frame: Frame,
  input: number,
  output: number,
  activation: number,
): Product {
  const { size, stride, from, to } = window
  const [, , channels] = from
  const [height, width, filters] = to
  const padding = paddingOf(window)
  return {
    groups: height,
    groupRows: width,
    columns: filters,
    items: frame.batch,
    a: {
      address: input,
      item: 4 * from[0] * from[1] * channels,
      layout: 'rows',
      groupStride: stride[0] * padding.rowBytes,
      stride: 4 * stride[1] * channels,
    },
    segments: size[0],
    segmentLength: size[1] * channels,
    segmentStride: padding.rowBytes,
    b: { address: frame.parameter(tensors[0]), layout: 'rows', stride: 4 * filters },
    c: { address: output, item: 4 * height * width * filters, stride: 4 * filters },
    bias: bias ? frame.parameter(tensors[1]) : 0,
    activation,
    frame: padding.frame,
  }
}

function kernelProduct({ window, tensors }: ConvOperation, frame: Frame, input: number, dz: number): Product {
  const { size, stride, from, to } = window
  const [, , channels] = from
  const [height, width, filters] = to
  const padding = paddingOf(window)
  return {
    groups: size[0],
    groupRows: size[1] * channels,
    columns: filters,
    items: frame.batch,
    a: {
      address: input,
      item: 4 * from[0] * from[1] * channels,
      layout: 'columns',
      groupStride: padding.rowBytes,
      stride: 4 * stride[1] * channels,
    },
    segments: height,
    segmentLength: width,
    segmentStride: stride[0] * padding.rowBytes,
    b: { address: dz, item: 4 * height * width * filters, layout: 'rows', stride: 4 * filters },
    c: { address: frame.gradient(tensors[0]), stride: 4 * filters },
    frame: padding.frame,
  }
}

/** One of the two computations from the image: the outputs, or the gradient of the kernel. */
interface ConvProduct {
  /** z: address of the product or its gradient. */
  bind(frame: Frame, input: number, z: number): void
  run(): void
}

function createForward(operation: ConvOperation, activation: number, workshop: Workshop): ConvProduct {
  const { window, tensors, bias } = operation
  const { size, from, to, pad } = window
  if (suitsWinograd(window)) {
    const winograd = createWinograd({ from, to, top: pad.top, left: pad.left }, workshop)
    return {
      bind(frame, input, z) {
        const [kernel, shift] = [frame.parameter(tensors[0]), bias ? frame.parameter(tensors[1]) : 0]
        winograd.bind(frame, { from: input, kernel, bias: shift, to: z, activation })
      },
      run: () => winograd.run(),
    }
  }
  const task = workshop.task(size[0] * size[1] * from[2], paddingOf(window).frame?.bytes ?? 0)
  return {
    bind: (frame, input, z) =>
      task.write(forwardProduct(operation, frame, input, z, activation), frame.scratch),
    run: () => task.run(),
  }
}

function createKernelGradient(operation: ConvOperation, workshop: Workshop): ConvProduct {
  const { window, tensors } = operation
  const { from, to, pad } = window
  if (suitsWinograd(window)) {
    const winograd = createWinograd({ from, to, top: pad.top, left: pad.left }, workshop)
    return {
      bind(frame, input, z) {
        const kernel = frame.gradient(tensors[0])
        winograd.bind(frame, { from: input, kernel, bias: 0, to: z, activation: 0 })
      },
      run: () => winograd.kernelGradient(),
    }
  }
  const task = workshop.task(to[0] * to[1], paddingOf(window).frame?.bytes ?? 0)
  return {
    bind: (frame, input, z) => task.write(kernelProduct(operation, frame, input, z), frame.scratch),
    run: () => task.run(),
  }
}

export function createConvStage(
  operation: ConvOperation,
  input: Value,
  workshop: Workshop,
): { stage: Stage; output: Value } {
  const { window, bias, activation, tensors } = operation
  const { kernels } = workshop
  const [height, width, filters] = window.to
  const positions = height * width
  const output = activatedValue(positions * filters, activation)
  const fused = fuseActivation(activation, output, kernels)
  const forward = createForward(operation, fused.code, workshop)
  const kernelGradient = createKernelGradient(operation, workshop)
  workshop.needs(8 * filters)
  let dz: ArenaBuffer | undefined
  let dx: ArenaBuffer | undefined
  let inputGradient: ConvInputGradient | undefined
  const stage: Stage = {
    forwardBuffers: [input.buffer, ...fused.buffers],
    planBackward() {
      const plan = planProductGradients(fused, input)
      dz = plan.dz
      dx = plan.dx
      if (dx !== undefined) {
        inputGradient = (suitsWinograd(window) ? createWinogradInputGradient : createConvInputGradient)(
          window,
          workshop,
        )
      }
      return plan.buffers
    },
    bind(frame) {
      const x = frame.at(input.buffer)
      forward.bind(frame, x, frame.at(fused.product))
      if (!frame.training || dz === undefined) return
      kernelGradient.bind(frame, x, frame.at(dz))
      if (dx !== undefined)
        inputGradient?.bind(frame, frame.parameter(tensors[0]), frame.at(dz), frame.at(dx))
    },
    forward(frame) {
      forward.run()
      fused.forward(frame)
    },
    backward(frame) {
      fused.backward(frame)
      if (dz === undefined) return
      if (bias) {
        const rows = frame.batch * positions
        kernels.columnSums(frame.at(dz), rows, filters, frame.gradient(tensors[1]), frame.scratch.padded, 1)
      }
      kernelGradient.run()
      inputGradient?.run(frame)
    },
  }
  return { stage, output }
}
