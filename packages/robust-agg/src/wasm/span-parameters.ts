/**
 * The parameters of every span kernel, in order: a kernel processes a range of coordinates, while other threads may
 * process others. Addresses and lengths refer to the shared memory; each kernel reads the parameters it needs.
 */

import { FunctionCode, I32, wasm } from './code.js'
import { CHUNK_LENGTH } from './runtime.js'

export const SPAN_PARAMETERS = 8

export const spanParameters = {
  /** Address of the anchor's first value of the span. */
  anchor: 0,
  /** Address of the table of row addresses. */
  rows: 1,
  /** Bytes to add to each of them for the span. */
  shift: 2,
  /** Address of the float64 coefficients, one per row, or of other data about the rows. */
  coefficients: 3,
  /** Rows, at least 1. */
  count: 4,
  /** Values of the span, a multiple of 16, at least 16. */
  length: 5,
  /** Where results are written: values of the span, or sums to add to. */
  out: 6,
  /** This thread's own memory, `layout.scratchBytes`. */
  scratch: 7,
} as const

/**
 * A span kernel that works chunk by chunk: the body gets a local with the number of values of the chunk; anchor and
 * shift are advanced after it.
 */
export function chunked(body: (code: FunctionCode, chunk: number) => void): FunctionCode {
  const code = new FunctionCode(SPAN_PARAMETERS)
  const { anchor, shift, length } = spanParameters
  const chunk = code.local(I32)
  return code.loop(() => {
    code
      .get(length)
      .i32(CHUNK_LENGTH)
      .get(length)
      .i32(CHUNK_LENGTH)
      .op(wasm.i32LtU)
      .op(wasm.select)
      .set(chunk)
    body(code, chunk)
    code.advance(anchor, 4 * CHUNK_LENGTH).advance(shift, 4 * CHUNK_LENGTH)
    code.get(length).get(chunk).op(wasm.i32Sub).tee(length)
  })
}
