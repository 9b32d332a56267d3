/**
 * The one shared WebAssembly memory, what lies where in it, and how functions get compiled against it. Everything here
 * is made on first use; where WebAssembly, its SIMD or shared memories are missing, there is no runtime, and the plain
 * TypeScript kernels do the work.
 */

import { encodeModule, FunctionCode, simd, V128 } from './code.js'

const PAGE = 65536
const MAX_PAGES = 65536

/** Byte addresses. Pointer table and coefficients hold one entry a row. */
export const layout = {
  table: 1024,
  coefficients: 32768,
  /** One chunk of 2,048 float64 each: the anchor of a distance, and zeros for norms. */
  anchor: 65536,
  zeros: 81920,
  /** Up to 256 × 256 float64. */
  results: 131072,
  /** Where vectors that live elsewhere are copied to, a window at a time; the last row is the output. */
  stage: 1048576,
  stageBytes: 8 * 1048576,
  /** From here on vectors of the arena. */
  arena: 9 * 1048576,
} as const

/** Rows that a kernel can take: the stage holds as many chunks. */
export const MAX_ROWS = 1000
/** Rows of a matrix of results. */
export const MAX_MATRIX_ROWS = 256

/** Exported functions: i32 in, i32 or nothing out. */
export type WasmFunctions = Readonly<Record<string, (...args: number[]) => number>>

interface MemoryLike {
  readonly buffer: SharedArrayBuffer
  grow(pages: number): number
}

/** The part of the standard global that is used; the Node types of this project do not have it. */
interface WebAssemblyLike {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: boolean }) => MemoryLike
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (
    module: object,
    imports: { env: { memory: MemoryLike } },
  ) => { readonly exports: WasmFunctions }
}

export interface Runtime {
  /** Views of the part below the arena, which never moves. */
  readonly int32: Int32Array
  readonly float32: Float32Array
  readonly float64: Float64Array
  compile(functions: Readonly<Record<string, FunctionCode>>): WasmFunctions
  /** The byte address of a vector that lives in the memory, −1 for any other. */
  addressOf(x: Float32Array): number
  /** Float32 vector of zeros in the memory, 64-byte aligned; null when the memory is full. */
  allocate(length: number): Float32Array | null
  /** Hands a vector from `allocate` back, for the next one of the same length. */
  release(x: Float32Array): void
}

function createRuntime(): Runtime | null {
  const api = (globalThis as unknown as { WebAssembly?: WebAssemblyLike }).WebAssembly
  // WebAssembly memory is little-endian; the views below would not be on another machine.
  if (api === undefined || new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) return null
  let memory: MemoryLike
  const initial = layout.arena / PAGE
  const compile = (functions: Readonly<Record<string, FunctionCode>>): WasmFunctions => {
    const module = new api.Module(encodeModule(functions, [initial, MAX_PAGES]))
    return new api.Instance(module, { env: { memory } }).exports
  }
  try {
    memory = new api.Memory({ initial, maximum: MAX_PAGES, shared: true })
    const probe = new FunctionCode(0)
    probe.set(probe.i32(0).simd(simd.splatI32).local(V128))
    compile({ probe })
  } catch {
    return null
  }
  const base = memory.buffer
  const buffers = new WeakSet<object>([base])
  const free = new Map<number, number[]>()
  const taken = new Map<number, number>()
  let next: number = layout.arena
  let size: number = layout.arena

  const reserve = (bytes: number): number => {
    const reused = free.get(bytes)?.pop()
    if (reused !== undefined) return reused
    const at = next
    const missing = Math.ceil((at + bytes - size) / PAGE)
    if (missing > 0) {
      if (size / PAGE + missing > MAX_PAGES) return -1
      try {
        memory.grow(missing)
      } catch {
        return -1
      }
      size += missing * PAGE
    }
    next = at + bytes
    return at
  }
  return {
    int32: new Int32Array(base, 0, layout.arena / 4),
    float32: new Float32Array(base, 0, layout.arena / 4),
    float64: new Float64Array(base, 0, layout.arena / 8),
    compile,
    addressOf: (x) => (buffers.has(x.buffer) ? x.byteOffset : -1),
    allocate: (length) => {
      const bytes = Math.max(64, Math.ceil(length / 16) * 64)
      const at = reserve(bytes)
      if (at < 0) return null
      const { buffer } = memory
      buffers.add(buffer)
      taken.set(at, bytes)
      return new Float32Array(buffer, at, length).fill(0)
    },
    release: (x) => {
      const bytes = buffers.has(x.buffer) ? taken.get(x.byteOffset) : undefined
      if (bytes === undefined) return
      taken.delete(x.byteOffset)
      free.set(bytes, [...(free.get(bytes) ?? []), x.byteOffset])
    },
  }
}

let runtime: Runtime | null | undefined

/** The runtime, made on first use; null where the machine cannot. */
export function wasmRuntime(): Runtime | null {
  if (runtime === undefined) runtime = createRuntime()
  return runtime
}
