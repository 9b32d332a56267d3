/**
 * Places of the buffers of a computation in the arena. Buffers that are not needed at the same time share memory. All
 * sizes are proportional to the batch, so one plan, made for one sample, serves every batch: place × batch.
 */

import { align } from './engine-memory.js'

/** Times are positions in the order of execution. */
interface Span {
  first: number
  last: number
  /** Bytes per sample from the beginning of the plan; −1: not used. */
  place: number
}

/** `floats` numbers of 4 bytes for each sample of a batch, samples one after the other. */
export interface ArenaBuffer {
  readonly floats: number
  readonly training: Span
  readonly evaluation: Span
}

export type Phase = 'training' | 'evaluation'

export function createBuffer(floats: number): ArenaBuffer {
  const unused = (): Span => ({ first: Number.POSITIVE_INFINITY, last: -1, place: -1 })
  return { floats, training: unused(), evaluation: unused() }
}

export class ArenaPlan {
  private readonly buffers = new Set<ArenaBuffer>()

  /** The buffer is read or written at this time. */
  use(buffer: ArenaBuffer, phase: Phase, time: number): void {
    this.buffers.add(buffer)
    const span = buffer[phase]
    span.first = Math.min(span.first, time)
    span.last = Math.max(span.last, time)
  }

  /** Gives each buffer its place, the largest first, each the lowest that is free. Returns the bytes per sample. */
  place(phase: Phase): number {
    const placed: { span: Span; bytes: number }[] = []
    let size = 0
    const bySize = [...this.buffers]
      .filter((buffer) => buffer[phase].last >= 0)
      .sort((a, b) => b.floats - a.floats || a[phase].first - b[phase].first)
    for (const buffer of bySize) {
      const span = buffer[phase]
      const bytes = align(4 * buffer.floats)
      let place = 0
      for (const other of placed) {
        if (other.span.first > span.last || other.span.last < span.first) continue
        if (other.span.place < place + bytes) place = Math.max(place, other.span.place + other.bytes)
      }
      span.place = place
      placed.push({ span, bytes })
      placed.sort((a, b) => a.span.place - b.span.place)
      size = Math.max(size, place + bytes)
    }
    return size
  }
}
