/** The kernels in WebAssembly. Vectors are copied into its memory piece by piece, so that it stays small. */

import { multiply, P, power } from './field.js'
import type { FieldKernels } from './kernels.js'
import { KERNELS_BASE64 } from './kernels-binary.js'
import { webAssembly } from './web-assembly.js'

interface Exports {
  combine(vectors: number, factors: number, count: number, to: number, length: number): void
  squaredDistance(x: number, y: number, length: number): bigint
  evaluate(x: number, at: bigint, length: number): bigint
  reduceRandom(x: number, length: number): void
  project(x: number, bits: number, rows: number, table: number, totals: number, length: number): void
}

/** Elements of a piece: some vectors of them fit into the processor's second cache. */
const PIECE = 2_048
const ELEMENT_BYTES = 8
const PAGE_BYTES = 65_536
/** Most vectors of a combination, or of a table of distances; and most rows of a projection. */
export const MOST_VECTORS = 128
export const MOST_ROWS = 256

const POINTERS = 4_096
const FACTORS = POINTERS + 4 * MOST_VECTORS
const TOTALS = FACTORS + 8 * MOST_VECTORS
const TABLE = TOTALS + 8 * MOST_ROWS
const SIGNS = TABLE + 8 * 256
const SIGN_BYTES = (PIECE / 8) * 2 * MOST_ROWS
const VECTORS = SIGNS + SIGN_BYTES
const MOST_BYTES = VECTORS + (MOST_VECTORS + 1) * PIECE * ELEMENT_BYTES

/** Undefined where there is no WebAssembly with integers of 64 bits. */
export function createWasmKernels(): FieldKernels | undefined {
  if (webAssembly === undefined) return undefined
  const pages = Math.ceil(MOST_BYTES / PAGE_BYTES)
  const memory = new webAssembly.Memory({ initial: pages, maximum: pages })
  const module = new webAssembly.Module(bytesOf(KERNELS_BASE64))
  const run = new webAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports
  const elements = new BigUint64Array(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const addressOf = (place: number): number => VECTORS + place * PIECE * ELEMENT_BYTES

  /** Copies a piece of a vector to a place; gives its address. */
  const bring = (vector: BigUint64Array, first: number, length: number, place: number): number => {
    const address = addressOf(place)
    elements.set(vector.subarray(first, first + length), address / ELEMENT_BYTES)
    return address
  }
  const take = (address: number, length: number): BigUint64Array =>
    elements.subarray(address / ELEMENT_BYTES, address / ELEMENT_BYTES + length)
  const eachPiece = (all: number, work: (first: number, length: number) => void): void => {
    for (let first = 0; first < all; first += PIECE) work(first, Math.min(PIECE, all - first))
  }

  return {
    combine(factors, vectors, out) {
      const pointers = new Uint32Array(memory.buffer, POINTERS, vectors.length)
      for (const [i, factor] of factors.entries()) elements[FACTORS / ELEMENT_BYTES + i] = factor
      eachPiece(out.length, (first, length) => {
        for (const [i, vector] of vectors.entries()) pointers[i] = bring(vector, first, length, i)
        const to = addressOf(vectors.length)
        run.combine(POINTERS, FACTORS, vectors.length, to, length)
        out.set(take(to, length), first)
      })
    },
    pairwiseSquaredDistances(vectors) {
      const n = vectors.length
      const totals = new BigUint64Array((n * (n - 1)) / 2)
      eachPiece(vectors[0]?.length ?? 0, (first, length) => {
        for (const [i, vector] of vectors.entries()) bring(vector, first, length, i)
        let at = 0
        for (let i = 0; i < n; i++)
          for (let j = i + 1; j < n; j++, at++)
            totals[at] = plus(totals[at], run.squaredDistance(addressOf(i), addressOf(j), length))
      })
      return Array.from(totals)
    },
    evaluate(x, at) {
      const step = power(at, BigInt(PIECE))
      let total = 0n
      let factor = 1n
      eachPiece(x.length, (first, length) => {
        const value = BigInt.asUintN(64, run.evaluate(bring(x, first, length, 0), at, length))
        total = plus(total, multiply(value, factor))
        factor = multiply(factor, step)
      })
      return total
    },
    reduceRandom(x) {
      eachPiece(x.length, (first, length) => {
        const address = bring(x, first, length, 0)
        run.reduceRandom(address, length)
        x.set(take(address, length), first)
      })
    },
    project(x, rows, signs) {
      const totals = take(TOTALS, rows)
      totals.fill(0n)
      eachPiece(x.length, (first, length) => {
        const address = bring(x, first, length, 0)
        const whole = 8 * Math.ceil(length / 8)
        take(address, whole).fill(0n, length)
        const groups = bytes.subarray(SIGNS, SIGNS + (whole / 8) * 2 * rows)
        signs(groups)
        run.project(address, SIGNS, rows, TABLE, TOTALS, whole)
      })
      return Array.from(totals)
    },
  }
}

/** `b` comes from the module as a signed number of 64 bits. */
const plus = (a: bigint, b: bigint): bigint => (a + BigInt.asUintN(64, b)) % P

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
}
