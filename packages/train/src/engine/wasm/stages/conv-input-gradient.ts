/**
 * The gradient of a convolution's input is a convolution of the output's gradient with the kernel in reverse order.
 * With stride s the input positions that are equal modulo s see the same rows of the kernel, every s-th, so each of
 * these s·s phases is a convolution with stride 1.
 */

import type { Window } from '../../../task/operation.js'
import { align } from '../engine-memory.js'
import type { GemmTask, Product } from '../gemm-task.js'
import type { Frame, Workshop } from '../stage.js'
import { createWinograd } from './winograd.js'

/** One axis of one phase: input positions first, first + s, …, `count` of them. */
interface Axis {
  readonly first: number
  readonly count: number
  /** Rows of the kernel: firstTap, firstTap + s, …, `taps` of them. */
  readonly firstTap: number
  readonly taps: number
  /** The output position, possibly negative, that the first input position and the last tap meet. */
  readonly origin: number
}

function phasesOf(length: number, size: number, stride: number, before: number): Axis[] {
  const phases: Axis[] = []
  for (let first = 0; first < Math.min(stride, length); first++) {
    const firstTap = (first + before) % stride
    const taps = Math.max(0, Math.ceil((size - firstTap) / stride))
    const origin = (first + before - firstTap) / stride - (taps - 1)
    phases.push({ first, count: Math.ceil((length - first) / stride), firstTap, taps, origin })
  }
  return phases
}

/** Zeros before and after an axis of `length` outputs, so that every phase finds what it reads. */
function margins(phases: readonly Axis[], length: number): { before: number; after: number } {
  let [before, after] = [0, 0]
  for (const { count, taps, origin } of phases) {
    if (taps === 0) continue
    before = Math.max(before, -origin)
    after = Math.max(after, origin + count - 1 + taps - 1 - (length - 1))
  }
  return { before, after }
}

export interface ConvInputGradient {
  bind(frame: Frame, kernel: number, dz: number, dx: number): void
  run(frame: Frame): void
}

export function createConvInputGradient(window: Window, workshop: Workshop): ConvInputGradient {
  const { size, stride, pad, from, to } = window
  const [height, width, channels] = from
  const [outHeight, outWidth, filters] = to
  const rows = phasesOf(height, size[0], stride[0], pad.top)
  const columns = phasesOf(width, size[1], stride[1], pad.left)
  const [vertical, horizontal] = [margins(rows, outHeight), margins(columns, outWidth)]
  const rowBytes = 4 * (horizontal.before + outWidth + horizontal.after) * filters
  const paddedBytes = (vertical.before + outHeight + vertical.after) * rowBytes
  const paddingNeeded = vertical.before + vertical.after + horizontal.before + horizontal.after > 0
  const frameOf = {
    rows: outHeight,
    rowBytes: 4 * outWidth * filters,
    start: vertical.before * rowBytes + 4 * horizontal.before * filters,
    paddedRowBytes: rowBytes,
    bytes: paddedBytes,
  }
  const flippedBytes = align(4 * size[0] * size[1] * channels * filters)
  const phases = rows.flatMap((row) => columns.map((column) => ({ row, column })))
  const used = phases.filter(({ row, column }) => row.taps > 0 && column.taps > 0)
  const tasks: GemmTask[] = used.map(({ row, column }) =>
    workshop.task(row.taps * column.taps * filters, flippedBytes + paddedBytes),
  )

  const productOf = (
    batch: number,
    flipped: number,
    dz: number,
    dx: number,
    row: Axis,
    column: Axis,
  ): Product => ({
    groups: row.count,
    groupRows: column.count,
    columns: channels,
    items: batch,
    a: {
      address: dz,
      item: 4 * outHeight * outWidth * filters,
      start: (vertical.before + row.origin) * rowBytes + 4 * (horizontal.before + column.origin) * filters,
      layout: 'rows',
      groupStride: rowBytes,
      stride: 4 * filters,
    },
    segments: row.taps,
    segmentLength: column.taps * filters,
    segmentStride: rowBytes,
    b: { address: flipped, layout: 'columns', stride: 4 * row.taps * column.taps * filters },
    c: {
      address: dx + 4 * (row.first * width + column.first) * channels,
      item: 4 * height * width * channels,
      groupStride: 4 * stride[0] * width * channels,
      stride: 4 * stride[1] * channels,
    },
    frame: paddingNeeded ? frameOf : undefined,
  })

  let [kernelAt, dxAt] = [0, 0]
  return {
    bind({ batch, scratch }, kernel, dz, dx) {
      kernelAt = kernel
      dxAt = dx
      const own = { ...scratch, padded: scratch.padded + flippedBytes }
      used.forEach(({ row, column }, k) => {
        tasks[k]?.write(productOf(batch, scratch.padded, dz, dx, row, column), own)
      })
    },
    run({ batch, scratch }) {
      const { kernels } = workshop
      if (used.length < phases.length) kernels.fillRows(batch, height * width * channels, 0, dxAt)
      used.forEach(({ row, column }, k) => {
        kernels.flipKernel(
          ...[kernelAt, size[1], channels, filters],
          ...[row.firstTap, stride[0], row.taps, column.firstTap, stride[1], column.taps, scratch.padded],
        )
        tasks[k]?.run()
      })
    },
  }
}

/** The same for kernels 3×3 with stride 1. */
export function createWinogradInputGradient(
  { from, to, pad }: Window,
  workshop: Workshop,
): ConvInputGradient {
  const [channels, filters] = [from[2], to[2]]
  const bytes = align(36 * channels * filters)
  const winograd = createWinograd(
    { from: to, to: from, top: 2 - pad.top, left: 2 - pad.left },
    workshop,
    bytes,
  )
  let kernelAt = 0
  return {
    bind(frame, kernel, dz, dx) {
      kernelAt = kernel
      const reversed = frame.scratch.padded
      winograd.bind(frame, { from: dz, kernel: reversed, bias: 0, to: dx, activation: 0 })
    },
    run({ scratch }) {
      workshop.kernels.reverseKernel(kernelAt, 9, channels, filters, scratch.padded)
      winograd.run()
    },
  }
}
