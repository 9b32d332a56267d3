/** Moves windows of vectors to where the WebAssembly kernels can read them. */

import { CHUNK_LENGTH, layout, type Runtime } from '../wasm/runtime.js'

/** Values that the rows of a window hold together: with their copies they stay in the second-level cache. */
const WINDOW_VALUES = 131072
const LONGEST_WINDOW = 16384
/** Staged rows lie so many values apart beyond their length, or all would fall into the same cache sets. */
const STAGGER = 80

/** The multiple of 32 that a window is padded to. */
export const padded = (length: number): number => (length + 31) & ~31

export class StagingArea {
  readonly runtime: Runtime
  private stride = LONGEST_WINDOW + STAGGER

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Values of a window for so many rows: chunks, a power of two of them, so that no window crosses a span. */
  windowFor(rows: number): number {
    let length = LONGEST_WINDOW
    while (length > CHUNK_LENGTH && length * rows > WINDOW_VALUES) length /= 2
    this.stride = length + STAGGER
    return length
  }

  /** The address of a staged row. */
  rowAt(row: number): number {
    return layout.staging + 4 * row * this.stride
  }

  /** The address of x[from … to) in the memory, copied to staged row `row` unless it can be read where it is. */
  place(x: Float32Array, from: number, to: number, row: number): number {
    const home = this.runtime.addressOf(x)
    const length = to - from
    if (home >= 0 && length === padded(length)) return home + 4 * from
    const at = this.rowAt(row)
    const { float32 } = this.runtime
    float32.set(from === 0 && to === x.length ? x : x.subarray(from, to), at / 4)
    if (length < padded(length)) float32.fill(0, at / 4 + length, at / 4 + padded(length))
    return at
  }

  /** Fills the table with the addresses of all vectors' windows. */
  bind(vectors: readonly Float32Array[], from: number, to: number): void {
    const { int32 } = this.runtime
    for (let j = 0; j < vectors.length; j++) {
      int32[layout.table / 4 + j] = this.place(vectors[j], from, to, j)
    }
  }

  /** Where the window of `out` is to be written: in place, or in row `row` to be copied by `collect`. */
  target(out: Float32Array, from: number, to: number, row: number): number {
    const home = this.runtime.addressOf(out)
    return home >= 0 && to - from === padded(to - from) ? home + 4 * from : this.rowAt(row)
  }

  collect(at: number, out: Float32Array, from: number, to: number, row: number): void {
    if (at !== this.rowAt(row)) return
    out.set(this.runtime.float32.subarray(at / 4, at / 4 + to - from), from)
  }
}
