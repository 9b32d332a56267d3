/**
 * Parameters that a run begins with: each tensor uniform in ±limit, or constant. The limits are those of Glorot and
 * Bengio (AISTATS 2010): ±√(6/(fan in + fan out)); fans of a convolution are area × channels.
 */

import { createRng } from '@tempered/robust-agg/rng'
import type { Model } from './operation.js'

/**
 * Initial parameters: from this project's seeded randomness and + − × ÷ √ on float64, rounded to float32 once, so the
 * same bits on every machine and engine. Nodes with the same seed begin with the same parameters.
 */
export function drawInitialParameters(model: Model, seed: number | string): Float32Array {
  const flat = new Float32Array(model.parameterCount)
  for (const { name, offset, length, limit, value } of model.tensors) {
    if (limit === 0) {
      if (value !== 0) flat.fill(value, offset, offset + length)
      continue
    }
    const rng = createRng(seed, 'initial-parameters', name)
    for (let k = 0; k < length; k++) flat[offset + k] = (2 * rng.uniform() - 1) * limit
  }
  return flat
}
