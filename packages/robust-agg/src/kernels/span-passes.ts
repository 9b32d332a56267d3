/**
 * One pass of a span kernel over vectors wherever they lie. What is in the arena is read and written in place, in whole
 * spans; all else, and the end that does not fill a chunk, goes through the staging area window by window, padded with zeros to
 * a multiple of 32 values, which adds +0 to sums that are never −0 and is dropped elsewhere. Nothing in the result
 * depends on where a vector lies.
 */

import { CHUNK_LENGTH, type CompiledModule, layout, type Runtime, SPAN_LENGTH } from '../wasm/runtime.js'
import { runSpans, type SpanJob, spanCount } from './spans.js'
import { padded, StagingArea } from './staging.js'

/** What a pass works on: vectors of one length d. */
export interface Pass {
  readonly code: CompiledModule
  readonly kernel: string
  readonly vectors: readonly Float32Array[]
  readonly anchor?: Float32Array
  /** For kernels that give vectors. */
  readonly out?: Float32Array
  /** For kernels that give sums: how many a span. */
  readonly sums?: number
}

/** For vectors of one length in the one memory. */
const overlap = (a: Float32Array, b: Float32Array): boolean =>
  Math.abs(a.byteOffset - b.byteOffset) < 4 * a.length

export class SpanPasses {
  private readonly runtime: Runtime
  private readonly staging: StagingArea

  constructor(runtime: Runtime) {
    this.runtime = runtime
    this.staging = new StagingArea(runtime)
  }

  /** Values from the start that can be worked on in place. */
  private inPlace({ vectors, anchor, out }: Pass, d: number): number {
    const home = (x: Float32Array | undefined): boolean => x === undefined || this.runtime.addressOf(x) >= 0
    return vectors.every(home) && home(anchor) && home(out) ? d - (d % CHUNK_LENGTH) : 0
  }

  private directly(
    pass: Pass,
    from: number,
    length: number,
    outStep: number,
    results = layout.results as number,
  ): void {
    const { runtime } = this
    const { code, kernel, vectors, anchor, out } = pass
    vectors.forEach((x, j) => {
      runtime.int32[layout.table / 4 + j] = runtime.addressOf(x)
    })
    const sums = pass.sums ?? 0
    const job: SpanJob = {
      module: code.module,
      kernel,
      anchor: anchor === undefined ? 0 : runtime.addressOf(anchor) + 4 * from,
      shift: 4 * from,
      rows: vectors.length,
      length,
      out: out === undefined ? results : runtime.addressOf(out) + 4 * from,
      outStep,
      overwrites: out !== undefined && [...vectors, anchor].some((x) => x !== undefined && overlap(x, out)),
      restart: (span) => {
        const at = results / 8 + span * sums
        runtime.float64.fill(0, at, at + sums)
      },
    }
    runSpans(job, code.functions)
  }

  /** The values from `from` up to `to` through the staging area; `sumsAt` says where a window's sums go. */
  private staged(pass: Pass, from: number, to: number, sumsAt: (from: number) => number): void {
    const { staging } = this
    const { code, kernel, vectors, anchor, out } = pass
    const rows = vectors.length
    const run = code.functions[kernel]
    const window = staging.windowFor(rows + 2)
    for (let first = from; first < to; first += window) {
      const end = Math.min(first + window, to)
      staging.bind(vectors, first, end)
      const mine = anchor === undefined ? 0 : staging.place(anchor, first, end, rows)
      const at = out === undefined ? sumsAt(first) : staging.target(out, first, end, rows + 1)
      run(mine, layout.table, 0, layout.coefficients, rows, padded(end - first), at, layout.scratch)
      if (out !== undefined) staging.collect(at, out, first, end, rows + 1)
    }
  }

  /** A kernel that gives one value a coordinate. */
  map(pass: Pass & { readonly out: Float32Array }): void {
    const d = pass.out.length
    const direct = this.inPlace(pass, d)
    if (direct > 0) this.directly(pass, 0, direct, 4 * SPAN_LENGTH)
    this.staged(pass, direct, d, () => 0)
  }

  /**
   * A kernel that gives several vectors, whose addresses `list` writes to the layout's lists. Staged results lie
   * behind the staged rows.
   */
  mapMany(
    code: CompiledModule,
    kernel: string,
    vectors: readonly Float32Array[],
    outs: readonly Float32Array[],
    list: (targets: readonly number[]) => void,
  ): void {
    const { runtime, staging } = this
    const d = vectors[0].length
    const home = (x: Float32Array): boolean => runtime.addressOf(x) >= 0
    const direct = [...vectors, ...outs].every(home) ? d - (d % CHUNK_LENGTH) : 0
    const rows = vectors.length
    if (direct > 0) {
      list(outs.map((out) => runtime.addressOf(out)))
      this.directly({ code, kernel, vectors }, 0, direct, 0, layout.lists)
    }
    const window = staging.windowFor(rows + outs.length)
    for (let from = direct; from < d; from += window) {
      const to = Math.min(from + window, d)
      staging.bind(vectors, from, to)
      const targets = outs.map((out, o) => staging.target(out, from, to, rows + o))
      list(targets)
      const length = padded(to - from)
      code.functions[kernel](
        0,
        layout.table,
        0,
        layout.coefficients,
        rows,
        length,
        layout.lists,
        layout.scratch,
      )
      outs.forEach((out, o) => {
        staging.collect(targets[o], out, from, to, rows + o)
      })
    }
  }

  /** A kernel that gives sums: chunks added up in a span, then spans in order. */
  sum(pass: Pass & { readonly sums: number }, d: number): Float64Array {
    const { float64 } = this.runtime
    const { sums } = pass
    const totals = new Float64Array(sums)
    const atOnce = Math.floor(layout.resultBytes / 8 / sums)
    const direct = this.inPlace(pass, d)
    for (let from = 0; from < d; from += atOnce * SPAN_LENGTH) {
      const to = Math.min(d, from + atOnce * SPAN_LENGTH)
      const spans = spanCount(to - from)
      const first = layout.results / 8
      float64.fill(0, first, first + spans * sums)
      const middle = Math.max(from, Math.min(direct, to))
      if (middle > from) this.directly(pass, from, middle - from, 8 * sums)
      const slot = (at: number): number => layout.results + 8 * sums * Math.floor((at - from) / SPAN_LENGTH)
      this.staged(pass, middle, to, slot)
      for (let span = 0; span < spans; span++) {
        for (let k = 0; k < sums; k++) totals[k] += float64[first + span * sums + k]
      }
    }
    return totals
  }

  /** The address of one vector's window for a kernel of one vector, and back to it if `write`. */
  each(x: Float32Array, write: boolean, body: (at: number, length: number) => void): void {
    const window = this.staging.windowFor(1)
    const home = this.runtime.addressOf(x)
    const direct = home < 0 ? 0 : x.length - (x.length % CHUNK_LENGTH)
    if (direct > 0) body(home, direct)
    for (let from = direct; from < x.length; from += window) {
      const to = Math.min(from + window, x.length)
      const at = this.staging.place(x, from, to, 0)
      body(at, padded(to - from))
      if (write) this.staging.collect(at, x, from, to, 0)
    }
  }
}
