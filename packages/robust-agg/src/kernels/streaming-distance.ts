/**
 * ‖own − x‖² while x is still arriving. Chunks of the vector come in order; as the partial sum only grows, a transfer
 * can be cancelled as soon as the sum exceeds a threshold. The final distance has the bits of `squaredDistancesTo`
 * (kernels/distance.ts): lanes within 2,048 values, chunks within 65,536, then the spans.
 */

import { RobustAggError } from '../errors.js'
import { squaredDistancesTo } from './dispatch.js'
import { CHUNK_LENGTH, SPAN_LENGTH } from './distance.js'

/**
 * `over`: the distance of the whole vector is above the threshold, whatever follows. `not-finite`: a NaN or an
 * infinity arrived. `under`: neither, so far.
 */
export type StreamingVerdict = 'under' | 'over' | 'not-finite'

export interface StreamingDistance {
  /**
   * Takes the next values of the vector. A verdict other than `under` is final, and further values are ignored.
   *
   * @param values - at most as many as are missing; not kept
   * @throws RobustAggError E_ROUND_INPUT when there are more than own has
   */
  push(values: Float32Array): StreamingVerdict
  /** Number of values so far. */
  readonly received: number
  /** ‖own − x‖² when all values have arrived and were finite; otherwise null. */
  readonly squaredDistance: number | null
}

/**
 * @param own - length d, finite; must not change until the end
 * @param threshold - ‖own − x‖ above which a vector is useless, 0 or more; Infinity for the distance alone. It is
 *   compared as rules compare it: the root of the sum, strictly greater
 */
export function createStreamingDistance(own: Float32Array, threshold: number): StreamingDistance {
  const pending = new Float32Array(Math.min(CHUNK_LENGTH, own.length))
  const sum = new Float64Array(1)
  let held = 0
  let received = 0
  let span = 0
  let total = 0
  let verdict: StreamingVerdict = 'under'

  const addChunk = (values: Float32Array, at: number): void => {
    span += squaredDistancesTo(own.subarray(at, at + values.length), [values], sum)[0]
    const end = at + values.length
    const partial = total + span
    if (!Number.isFinite(partial)) verdict = 'not-finite'
    // Sums only grow, in floating point too, and the root is monotonic.
    else if (Math.sqrt(partial) > threshold) verdict = 'over'
    if (end % SPAN_LENGTH === 0 || end === own.length) {
      total += span
      span = 0
    }
  }

  return {
    push: (values) => {
      if (received + values.length > own.length) {
        const problem = `has more than own's ${own.length} values`
        throw new RobustAggError('E_ROUND_INPUT', `streamed vector ${problem}`, { field: 'values', problem })
      }
      for (let at = 0; at < values.length && verdict === 'under'; ) {
        const chunk = Math.min(CHUNK_LENGTH, own.length - (received - held))
        const taken = Math.min(chunk - held, values.length - at)
        const part = values.subarray(at, at + taken)
        if (taken === chunk) addChunk(part, received)
        else {
          pending.set(part, held)
          held += taken
          if (held === chunk) {
            addChunk(pending.subarray(0, chunk), received + taken - chunk)
            held = 0
          }
        }
        received += taken
        at += taken
      }
      return verdict
    },
    get received() {
      return received
    },
    get squaredDistance() {
      return received === own.length && verdict !== 'not-finite' && held === 0 ? total : null
    },
  }
}
