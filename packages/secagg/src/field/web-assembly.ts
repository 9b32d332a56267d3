/** The part of the standard global that the kernels use; this project's Node types lack it. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

interface WebAssemblyLike {
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: object }
}

export const webAssembly = (globalThis as unknown as { WebAssembly?: WebAssemblyLike }).WebAssembly
