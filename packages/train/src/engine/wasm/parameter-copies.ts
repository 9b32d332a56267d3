import type { Model } from '../../task/operation.js'
import type { EngineMemory } from './engine-memory.js'
import type { Kernels } from './kernels.js'
import type { Workshop } from './stage.js'

/** A tensor that the engine keeps transposed. */
interface Transposed {
  /** First number of it in the vector of parameters, and how many it has. */
  readonly offset: number
  readonly length: number
  /** As the task has it. */
  readonly rows: number
  readonly columns: number
}

/** Parameters, or their gradient, between the order of the task and that of the engine's memory. */
export class ParameterCopies {
  private readonly memory: EngineMemory
  private readonly kernels: Kernels
  private readonly tensors: readonly Transposed[]
  /** Address of room for the largest transposed tensor. */
  private readonly staging: number

  constructor(memory: EngineMemory, kernels: Kernels, model: Model, transposed: Workshop['transposed']) {
    this.memory = memory
    this.kernels = kernels
    this.tensors = [...transposed].map(([tensor, shape]) => {
      const { offset, length } = model.tensors[tensor]!
      return { ...shape, offset, length }
    })
    const largest = Math.max(0, ...this.tensors.map(({ length }) => length))
    this.staging = largest === 0 ? 0 : memory.reserve(4 * largest)
  }

  /** @param address - of the copy in the engine's memory */
  write(parameters: Float32Array, address: number): void {
    const { float32 } = this.memory
    float32.set(parameters, address / 4)
    for (const { offset, length, rows, columns } of this.tensors) {
      float32.set(parameters.subarray(offset, offset + length), this.staging / 4)
      this.kernels.transpose(this.staging, rows, columns, address + 4 * offset)
    }
  }

  read(address: number, out: Float32Array): void {
    const { float32 } = this.memory
    out.set(float32.subarray(address / 4, address / 4 + out.length))
    for (const { offset, length, rows, columns } of this.tensors) {
      this.kernels.transpose(address + 4 * offset, columns, rows, this.staging)
      out.set(float32.subarray(this.staging / 4, this.staging / 4 + length), offset)
    }
  }
}
