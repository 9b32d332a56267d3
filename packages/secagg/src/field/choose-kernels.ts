import type { FieldKernels } from './kernels.js'
import { plainKernels } from './plain-kernels.js'
import { createWasmKernels } from './wasm-kernels.js'

let chosen: FieldKernels | undefined

/** The fastest kernels that run here; the bits are the same with all of them. */
export function fieldKernels(): FieldKernels {
  chosen ??= createWasmKernels() ?? plainKernels
  return chosen
}
