/**
 * The default engine: forward and backward passes in WebAssembly with 128-bit SIMD, on one thread. Every number is
 * computed by float32 and float64 operations of IEEE 754 in an order that depends on the model and the batch only, so
 * that the same program on the same data gives the same bits on every machine. (The bits of a NaN are not fixed.)
 *
 * GELU is x·Φ(x) with the error function, not its approximation by tanh; leaky ReLU has slope 0.01 below zero.
 *
 * Programs share the arena: between `inputs` and the `step` or `forward` that uses them no other program of the engine
 * may be given inputs.
 */

import type { Model } from '../../task/operation.js'
import type { Engine, LossName, Program } from '../engine.js'
import { EngineMemory } from './engine-memory.js'
import { startKernels } from './kernels.js'
import { WasmProgram } from './wasm-program.js'

export interface WasmEngineInit {
  /** The most memory it takes, in pages of 64 KiB. Default: 4 GiB. */
  readonly maxPages?: number
}

/** Throws TrainError E_BACKEND_UNAVAILABLE where there is no WebAssembly SIMD. */
export function createWasmEngine({ maxPages }: WasmEngineInit = {}): Engine {
  const memory = new EngineMemory(maxPages)
  const kernels = startKernels(memory.memory)
  return {
    name: 'wasm-simd',
    compile: (model: Model, loss: LossName): Program => new WasmProgram(model, loss, memory, kernels),
    run: async (compute) => compute(),
  }
}
