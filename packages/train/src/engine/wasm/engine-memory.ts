/**
 * The memory of an engine: what programs keep (parameters, states of optimisers, tasks) from the bottom, and above it
 * one arena that all programs use in turn. Addresses and sizes are bytes, multiples of ALIGNMENT.
 */

import { TrainError } from '../../trainer/train-error.js'
import { type WasmMemory, webAssembly } from './web-assembly.js'

export const ALIGNMENT = 64
const PAGE = 65_536
/** The most a WebAssembly memory with 32-bit addresses has. */
const MAX_PAGES = 65_536
/** Kernels may read, never use, so many bytes past the end of what they work on. */
const SLACK = 256
/** Compiled kernels keep their static data, of which there are none, below this. */
const FIRST = 2048

interface MemoryViews {
  readonly buffer: ArrayBuffer
  readonly bytes: Uint8Array
  readonly int32: Int32Array
  readonly float32: Float32Array
}

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

export class EngineMemory {
  readonly memory: WasmMemory
  /** First byte of the arena. Moves up when a program reserves memory. */
  arena = FIRST
  /** Bytes at the arena's beginning that move with it: samples that wait for their step. */
  kept = 0
  private views: MemoryViews | undefined

  constructor(maxPages = MAX_PAGES) {
    this.memory = new webAssembly.Memory({ initial: 1, maximum: maxPages })
  }

  /** Zeroed memory that stays. Throws TrainError. */
  reserve(bytes: number): number {
    const place = this.arena
    const size = align(bytes)
    this.grow(place + size + this.kept)
    const all = new Uint8Array(this.memory.buffer)
    all.copyWithin(place + size, place, place + this.kept)
    all.fill(0, place, place + size)
    this.arena = place + size
    return place
  }

  /** Makes the arena at least this large. Throws TrainError. */
  ensureArena(bytes: number): void {
    this.grow(this.arena + bytes)
  }

  get bytes(): Uint8Array {
    return this.current().bytes
  }

  get int32(): Int32Array {
    return this.current().int32
  }

  get float32(): Float32Array {
    return this.current().float32
  }

  /** Views of the whole memory; growth replaces its buffer. */
  private current(): MemoryViews {
    const buffer = this.memory.buffer
    if (this.views?.buffer === buffer) return this.views
    const views = {
      buffer,
      bytes: new Uint8Array(buffer),
      int32: new Int32Array(buffer),
      float32: new Float32Array(buffer),
    }
    this.views = views
    return views
  }

  private grow(end: number): void {
    const missing = end + SLACK - this.memory.buffer.byteLength
    if (missing <= 0) return
    try {
      this.memory.grow(Math.ceil(missing / PAGE))
    } catch (cause) {
      const megabytes = Math.ceil((end + SLACK) / 1e6)
      throw new TrainError(
        'E_TRAIN_INTERNAL',
        `the model and its batch need ${megabytes} MB of memory, which cannot be had; use smaller batches or a smaller model`,
        cause,
      )
    }
  }
}
