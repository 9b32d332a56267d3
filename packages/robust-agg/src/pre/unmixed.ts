/** Steps that leave models as they are, or only shorten them, mix nothing: the coefficients of that. */

import type { Mixture } from './definition.js'

/** Output k is input k, for n models. */
export function identityRows(n: number): Float64Array[] {
  return Array.from({ length: n }, (_, o) => {
    const row = new Float64Array(n)
    row[o] = 1
    return row
  })
}

/** What a step returns that does not fit the models: the inputs themselves. */
export function unmixed(models: readonly Float32Array[]): Mixture {
  return {
    models,
    outputOf: models.map((_, k) => k),
    coefficients: identityRows(models.length),
    unfit: true,
  }
}
