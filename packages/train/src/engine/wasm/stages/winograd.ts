/** Convolutions 3×3 with stride 1 by fewer multiplications; see `packages/train/kernels/winograd.ts`. */

import type { Window } from '../../../task/operation.js'
import { align } from '../engine-memory.js'
import type { Frame, Workshop } from '../stage.js'

/** Between images of [height, width, channels] and [toHeight, toWidth, filters]. */
export interface WinogradInit {
  readonly from: readonly [number, number, number]
  readonly to: readonly [number, number, number]
  /** Zeros before the first row and column. */
  readonly top: number
  readonly left: number
}

export interface Winograd {
  bind(frame: Frame, at: { from: number; kernel: number; bias: number; to: number; activation: number }): void
  /** The convolution of `from` with `kernel`, into `to`. */
  run(): void
  /** The gradient of the kernel from the image `from` and the gradient `to`, into `kernel`. */
  kernelGradient(): void
}

/** With fewer channels or filters the transforms cost more than they save. */
const LEAST_CHANNELS = 8
/** With more channels, what the innermost loop reads does not fit into the first-level cache. */
const MOST_CHANNELS = 512
/** Bytes of transformed tiles and products in work: a fraction of the second-level cache. */
const TILE_BYTES = 192 * 1024

export function suitsWinograd({ size, stride, from, to }: Window): boolean {
  const square = size[0] === 3 && size[1] === 3 && stride[0] === 1 && stride[1] === 1
  const [fewer, more] = [Math.min(from[2], to[2]), Math.max(from[2], to[2])]
  return square && fewer >= LEAST_CHANNELS && more <= MOST_CHANNELS
}

/** `before`: bytes at the beginning of the scratch memory that stay free for the caller. */
export function createWinograd(
  { from, to, top, left }: WinogradInit,
  workshop: Workshop,
  before = 0,
): Winograd {
  const [channels, filters] = [from[2], to[2]]
  const [tilesY, tilesX] = [Math.ceil(to[0] / 2), Math.ceil(to[1] / 2)]
  const fitting = Math.floor(TILE_BYTES / (64 * (channels + filters)))
  const atOnce = 2 * Math.max(1, Math.min(Math.ceil((tilesY * tilesX) / 2), fitting >> 1))
  // 512 bytes below the frame belong to it.
  const halves = 512
  const parts = [
    halves + 4 * (2 * tilesY + 2) * (2 * tilesX + 2) * channels,
    64 * channels * 16 * Math.ceil(filters / 16),
    128 * atOnce * Math.ceil(channels / 2),
    64 * atOnce * 16 * Math.ceil(filters / 16),
  ].map(align) as [number, number, number, number]
  workshop.needs(parts.reduce((sum, bytes) => sum + bytes, before))
  const { memory, kernels } = workshop
  const fields = 19
  const task = memory.reserve(4 * fields)
  return {
    bind({ batch, scratch }, at) {
      const frame = scratch.padded + before
      const transformed = frame + parts[0]
      const tiles = transformed + parts[1]
      memory.int32.set(
        [
          ...[batch, from[0], from[1], channels, to[0], to[1], filters, top, left],
          ...[at.from, at.kernel, at.bias, at.to, at.activation, atOnce],
          ...[frame + halves, transformed, tiles, tiles + parts[2]],
        ],
        task / 4,
      )
    },
    run: () => kernels.winograd(task),
    kernelGradient: () => kernels.winogradGradient(task),
  }
}
