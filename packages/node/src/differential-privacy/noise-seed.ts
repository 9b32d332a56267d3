import type { Run } from '@tempered/protocol'
import { sha256 } from '@tempered/protocol'
import { derivedSeed } from '@tempered/secagg'
import type { Identity } from '../identity-file.js'

/** The seed of a round's noise, from everything that the noise hides; the same for the same round, computed again. */
export type NoiseSeed = (round: number, ...vectors: readonly Float32Array[]) => Uint8Array

/**
 * Seeds that only the owner of the identity can compute. A node that repeats a round after a crash draws the same noise,
 * so that it announces the same model. One that comes to another model in the same round draws other noise: with the same,
 * the difference of the two models would be bare.
 */
export function createNoiseSeed(run: Run, { seed }: Identity): NoiseSeed {
  return (round, ...vectors) => {
    const contents = vectors.map((vector) =>
      Buffer.from(sha256(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))).toString(
        'hex',
      ),
    )
    return derivedSeed(seed, ['tempered/differential-privacy', run.id, round, ...contents].join('\0'))
  }
}
