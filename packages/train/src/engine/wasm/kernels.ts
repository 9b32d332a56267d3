/** The compiled kernels, and how they are started. Addresses are bytes in the engine's memory, sizes are counts. */

import type { Activation } from '../../task/layer-schema.js'
import { TrainError } from '../../trainer/train-error.js'
import { KERNELS_BASE64 } from './kernels-binary.js'
import { type WasmMemory, webAssembly } from './web-assembly.js'

/** As `kernels/activation-code.ts` numbers them. */
export const ACTIVATION_CODES: Readonly<Record<Activation, number>> = {
  linear: 0,
  relu: 1,
  'leaky-relu': 2,
  gelu: 3,
  silu: 4,
  tanh: 5,
  sigmoid: 6,
}

/** As `kernels/loss.ts` numbers them; cross-entropy is a kernel of its own. */
export const LOSS_CODES = { 'binary-cross-entropy': 0, squared: 1, absolute: 2, huber: 3 } as const

type Kernel = (...values: number[]) => void

/** Their parameters are documented in `packages/train/kernels`. */
export interface Kernels {
  readonly gemm: (task: number) => void
  readonly flipKernel: Kernel
  readonly winograd: (task: number) => void
  readonly winogradGradient: (task: number) => void
  readonly reverseKernel: Kernel
  readonly activate: (code: number, from: number, to: number, length: number) => void
  readonly activationGradient: (code: number, from: number, upper: number, to: number, length: number) => void
  readonly sum: (x: number, y: number, to: number, length: number) => void
  readonly exponential: (from: number, to: number, length: number) => void
  readonly columnSums: (
    from: number,
    rows: number,
    columns: number,
    to: number,
    sums: number,
    factor: number,
  ) => void
  readonly dropout: Kernel
  readonly addToRows: Kernel
  readonly fillRows: (count: number, length: number, row: number, to: number) => void
  readonly copyRows: Kernel
  readonly addRows: Kernel
  readonly scaleBytes: (from: number, count: number, channels: number, tables: number, to: number) => void
  readonly compressRows: (...values: number[]) => number
  readonly sparseProduct: Kernel
  readonly transposePairs: Kernel
  readonly sparseGradient: Kernel
  readonly sparseDescend: Kernel
  readonly transpose: (from: number, rows: number, columns: number, to: number) => void
  readonly embed: Kernel
  readonly embedGradient: Kernel
  readonly maxPool: (window: number, samples: number, from: number, to: number, taps: number) => void
  readonly maxPoolGradient: Kernel
  readonly averagePool: (window: number, samples: number, from: number, to: number) => void
  readonly averagePoolGradient: (window: number, samples: number, upper: number, to: number) => void
  readonly globalAverage: Kernel
  readonly globalAverageGradient: Kernel
  readonly globalMax: Kernel
  readonly globalMaxGradient: Kernel
  readonly depthwise: Kernel
  readonly depthwiseInputGradient: Kernel
  readonly depthwiseKernelGradient: Kernel
  readonly layerNorm: Kernel
  readonly layerNormGradient: Kernel
  readonly groupNorm: Kernel
  readonly groupNormGradient: Kernel
  readonly attentionWeights: Kernel
  readonly attentionGradient: Kernel
  readonly lstmStep: Kernel
  readonly lstmStepGradient: Kernel
  readonly gruStep: Kernel
  readonly gruStepGradient: Kernel
  readonly crossEntropy: (...values: number[]) => number
  readonly elementLoss: (...values: number[]) => number
  readonly descend: Kernel
  readonly adam: Kernel
}

let compiled: object | undefined

function compile(): object {
  try {
    return new webAssembly.Module(Buffer.from(KERNELS_BASE64, 'base64'))
  } catch (cause) {
    throw new TrainError(
      'E_BACKEND_UNAVAILABLE',
      `this processor or version of Node has no WebAssembly SIMD, which training needs: ${String(cause)}`,
      cause,
    )
  }
}

/** Kernels that work on this memory. They are compiled once per thread. Throws TrainError. */
export function startKernels(memory: WasmMemory): Kernels {
  compiled ??= compile()
  const { exports } = new webAssembly.Instance(compiled, { env: { memory } })
  return exports as unknown as Kernels
}
