import { P } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import type { SecretStream } from './secret-stream.js'

/**
 * Uniformly random elements: 61 bits each, of which p counts as 0. That makes 0 more likely by 2⁻⁶¹, so d elements are
 * within a statistical distance of d·2⁻⁶¹ of uniform: 2⁻⁴¹ for a million.
 */
export function randomElements(stream: SecretStream, length: number, kernels: FieldKernels): BigUint64Array {
  const elements = new BigUint64Array(length)
  stream.fill(new Uint8Array(elements.buffer))
  kernels.reduceRandom(elements)
  return elements
}

/** One of them. */
export function randomElement(stream: SecretStream): bigint {
  const low = new DataView(stream.bytes(8).buffer).getBigUint64(0, true) & P
  return low === P ? 0n : low
}

/** A uniformly random whole number in [−bound, bound], by rejection. */
export function randomWithin(stream: SecretStream, bound: bigint): bigint {
  const count = 2n * bound + 1n
  const limit = (1n << 64n) - ((1n << 64n) % count)
  for (;;) {
    const drawn = new DataView(stream.bytes(8).buffer).getBigUint64(0, true)
    if (drawn < limit) return (drawn % count) - bound
  }
}
