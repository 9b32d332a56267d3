/** Moves windows of vectors to where the WebAssembly kernels can read them. */

import { layout, type Runtime } from '../wasm/runtime.js'
import { CHUNK_LENGTH } from './distance.js'

/** Values that the rows of a window hold together: with their copies they stay in the second-level cache. */
const WINDOW_VALUES = 131072
const LONGEST_WINDOW = 16384

/**
 * Up to so many rows an interleaving kernel reads arena vectors where they are. More streams than that, a few bytes from each in turn, outrun
 * the processor's prefetching, and one copy of each window, row after row, is faster.
 */
const DIRECT_ROWS = 16
/** Rows of the stage lie so many values apart beyond their length, or all would fall into the same cache sets. */
const STAGGER = 16

/** The multiple of 16 that a window is padded to. */
export const padded = (length: number): number => (length + 15) & ~15

export class Stage {
  readonly runtime: Runtime
  private stride = LONGEST_WINDOW + STAGGER
  private direct = true

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /**
   * Values of a window for so many rows: whole chunks, as many as fit.
   *
   * @param interleaved - the kernel reads a little of every row in turn, instead of one row after the other
   */
  windowFor(rows: number, interleaved: boolean): number {
    const chunks = Math.floor(WINDOW_VALUES / CHUNK_LENGTH / rows)
    const length = Math.max(CHUNK_LENGTH, Math.min(LONGEST_WINDOW, chunks * CHUNK_LENGTH))
    this.stride = length + STAGGER
    this.direct = !interleaved || rows <= DIRECT_ROWS + 2
    return length
  }

  /** The address of x[from … to) in the memory, copied to the stage's row `row` unless it is there already. */
  place(x: Float32Array, from: number, to: number, row: number): number {
    const home = this.runtime.addressOf(x)
    const length = to - from
    if (this.direct && home >= 0 && (length & 15) === 0) return home + 4 * from
    const at = layout.stage + 4 * row * this.stride
    const { float32 } = this.runtime
    float32.set(from === 0 && to === x.length ? x : x.subarray(from, to), at / 4)
    if ((length & 15) !== 0) float32.fill(0, at / 4 + length, at / 4 + padded(length))
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
    return home >= 0 && ((to - from) & 15) === 0 ? home + 4 * from : layout.stage + 4 * row * this.stride
  }

  collect(at: number, out: Float32Array, from: number, to: number, row: number): void {
    if (at !== layout.stage + 4 * row * this.stride) return
    out.set(this.runtime.float32.subarray(at / 4, at / 4 + to - from), from)
  }
}
