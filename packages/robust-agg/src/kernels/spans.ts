/**
 * Runs a span kernel over whole spans of 65,536 values. Spans are independent: each writes its own coordinates or its
 * own set of sums, which are added in index order afterwards, so it does not matter which thread runs which span, or
 * when.
 */

import { layout, SPAN_LENGTH, type WasmFunctions } from '../wasm/runtime.js'

/** One kernel over `length` values from the start of all rows. Addresses in bytes. */
export interface SpanJob {
  /** The WebAssembly.Module and the name of the kernel in it. */
  readonly module: object
  readonly kernel: string
  /** Address of the anchor's first value; 0 for kernels without an anchor. */
  readonly anchor: number
  /** Added to every row's address. */
  readonly shift: number
  readonly rows: number
  /** A multiple of 16. */
  readonly length: number
  /** Address of the first span's results, and the distance to those of the next span. */
  readonly out: number
  readonly outStep: number
  /** The results overwrite the kernel's input, so a span that was begun cannot be repeated. */
  readonly overwrites: boolean
  /** Resets the results of a span that another thread has begun and not finished. */
  restart(span: number): void
}

/** Runs every span of a job, on one thread or several, and returns when all are done. */
export type SpanRunner = (job: SpanJob, functions: WasmFunctions) => void

export const spanCount = (length: number): number => Math.ceil(length / SPAN_LENGTH)

/** The arguments of one span for the kernel, as wasm/span-parameters.ts lists them. */
export function spanArguments(job: SpanJob, span: number, scratch: number): number[] {
  const skip = 4 * SPAN_LENGTH * span
  return [
    job.anchor + skip,
    layout.table,
    job.shift + skip,
    layout.coefficients,
    job.rows,
    Math.min(SPAN_LENGTH, job.length - SPAN_LENGTH * span),
    job.out + job.outStep * span,
    scratch,
  ]
}

/** Every span on this thread. */
export const runAlone: SpanRunner = (job, functions) => {
  const kernel = functions[job.kernel]
  const spans = spanCount(job.length)
  for (let span = 0; span < spans; span++) kernel(...spanArguments(job, span, layout.scratch))
}

let together: SpanRunner | null = null

/** Installs the runner of jobs with several spans; null for this thread alone. */
export function setSpanRunner(runner: SpanRunner | null): void {
  together = runner
}

export const runSpans: SpanRunner = (job, functions) => {
  const runner = job.length > SPAN_LENGTH && together !== null ? together : runAlone
  runner(job, functions)
}
