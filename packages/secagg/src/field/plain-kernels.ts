/** The kernels in plain TypeScript: what `wasm-kernels.ts` must give, and what runs where there is no WebAssembly. */

import { add, elementOf, multiply, P, subtract } from './field.js'
import type { FieldKernels } from './kernels.js'

const MASK = P

export const plainKernels: FieldKernels = {
  combine(factors, vectors, out) {
    for (let k = 0; k < out.length; k++) {
      let total = 0n
      for (const [i, vector] of vectors.entries()) total += multiply(factors[i], vector[k])
      out[k] = total % P
    }
  },
  pairwiseSquaredDistances(vectors) {
    return vectors.flatMap((x, i) =>
      vectors.slice(i + 1).map((y) => {
        let total = 0n
        for (let k = 0; k < x.length; k++) {
          const apart = subtract(x[k], y[k])
          total = add(total, multiply(apart, apart))
        }
        return total
      }),
    )
  },
  evaluate(x, at) {
    let value = 0n
    for (let k = x.length - 1; k >= 0; k--) value = add(multiply(value, at), x[k])
    return value
  },
  reduceRandom(x) {
    for (let k = 0; k < x.length; k++) {
      const low = x[k] & MASK
      x[k] = low === P ? 0n : low
    }
  },
  project(x, rows, signs) {
    const totals = Array.from({ length: rows }, () => 0n)
    const bytes = new Uint8Array(2 * rows)
    for (let first = 0; first < x.length; first += 8) {
      signs(bytes)
      for (let row = 0; row < rows; row++)
        for (let bit = 0; bit < 8 && first + bit < x.length; bit++) {
          if (((bytes[2 * row] >> bit) & 1) === 1) totals[row] += x[first + bit]
          if (((bytes[2 * row + 1] >> bit) & 1) === 1) totals[row] -= x[first + bit]
        }
    }
    return totals.map(elementOf)
  },
}
