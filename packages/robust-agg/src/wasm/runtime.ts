/**
 * The one shared WebAssembly memory, what lies where in it, and how functions get compiled against it. Everything here
 * is made on first use; where WebAssembly, its SIMD or shared memories are missing, there is no runtime, and the plain
 * TypeScript kernels do the work.
 */

import { encodeModule, FunctionCode, simd, V128 } from './code.js'

const PAGE = 65536
const MAX_PAGES = 65536

/** Values of a chunk: within it the lanes of a sum run, see kernels/distance.ts. */
export const CHUNK_LENGTH = 2048
/** Values of a span: chunk sums are added up in it, span sums after it, and threads take turns by it. */
export const SPAN_LENGTH = 65536

/** Threads that may work at once, the calling one included. */
export const MAX_THREADS = 16

/** Byte addresses. The table and the coefficients hold one entry a row. */
export const layout = {
  table: 1024,
  coefficients: 32768,
  /** One chunk of 2,048 float64 zeros: the anchor of a norm. */
  zeros: 65536,
  /** Lists of `shares`, up to the scratch memory. */
  lists: 131072,
  /** One part a thread: a chunk of float64, or strips of rows. */
  scratch: 1048576,
  scratchBytes: 65536,
  /** Sums, one set a span. */
  results: 2 * 1048576,
  resultBytes: 4 * 1048576,
  /** Where vectors that live elsewhere are copied to, a window at a time; the last row is the output. */
  staging: 6 * 1048576,
  stagingBytes: 9 * 1048576,
  /** From here on vectors of the arena. */
  arena: 15 * 1048576,
} as const

/** Rows that a kernel can take: the staging area holds as many chunks. */
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

/** A module and its instance on this thread. */
export interface CompiledModule {
  /** A WebAssembly.Module, for other threads to make instances of. */
  readonly module: object
  readonly functions: WasmFunctions
}

export interface Runtime {
  /** Views of the part below the arena, which never moves. */
  readonly int32: Int32Array
  readonly float32: Float32Array
  readonly float64: Float64Array
  compile(functions: Readonly<Record<string, FunctionCode>>): CompiledModule
  /** The memory itself, for other threads to import. */
  readonly memory: object
  /** The byte address of a vector that lives in the memory, −1 for any other. */
  addressOf(x: Float32Array): number
  /** Float32 vector of zeros in the memory, 64-byte aligned; null when the memory is full. */
  allocate(length: number): Float32Array | null
  /** Hands a vector from `allocate` back, for the next one of the same length. */
  release(x: Float32Array): void
}

/**
 * Bytes that a vector takes: whole lines of 64, and not close to a multiple of 4,096, or the rows of a round would all
 * fall into the same sets of the first-level cache.
 */
function bytesFor(length: number): number {
  const lines = Math.max(1, Math.ceil(length / 16))
  const beyond = lines % 64
  if (beyond < 5) return 64 * (lines + 5 - beyond)
  return 64 * (beyond > 58 ? lines + 69 - beyond : lines)
}

function createRuntime(): Runtime | null {
  const api = (globalThis as unknown as { WebAssembly?: WebAssemblyLike }).WebAssembly
  // WebAssembly memory is little-endian; the views below would not be on another machine.
  if (api === undefined || new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) return null
  let memory: MemoryLike
  const initial = layout.arena / PAGE
  const compile = (functions: Readonly<Record<string, FunctionCode>>): CompiledModule => {
    const module = new api.Module(encodeModule(functions, [initial, MAX_PAGES]))
    return { module, functions: new api.Instance(module, { env: { memory } }).exports }
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
    memory,
    addressOf: (x) => (buffers.has(x.buffer) ? x.byteOffset : -1),
    allocate: (length) => {
      const bytes = bytesFor(length)
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
