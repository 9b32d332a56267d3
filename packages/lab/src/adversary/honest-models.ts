import { type Clock, sleep } from '@tempered/node'
import { decodeModel } from '@tempered/protocol'

/**
 * The side channel of omniscient attackers in a local cluster: honest nodes' models of a round, as soon as they are
 * announced. None of this goes through the protocol.
 */
export interface HonestModels {
  /** An honest node has stored its model of a round; `read` gives its blob. */
  note(index: number, round: number, read: ReadBlob): void
  gone(index: number): void
  /** Models of these honest nodes in index order; waits for all of them, but no longer than `limitMs`. */
  collect(round: number, indices: readonly number[], limitMs: number): Promise<Float32Array[]>
}

export type ReadBlob = () => Promise<Uint8Array>

const LOOK_MS = 20

export function createHonestModels(parameterCount: number, clock: Clock): HonestModels {
  const blobs = new Map<number, Map<number, ReadBlob>>()
  const lost = new Set<number>()
  return {
    note(index, round, read) {
      const models = blobs.get(round) ?? new Map<number, ReadBlob>()
      blobs.set(round, models.set(index, read))
      for (const old of blobs.keys()) if (old < round - 4) blobs.delete(old)
    },
    gone: (index) => lost.add(index),
    async collect(round, indices, limitMs) {
      const until = clock.monotonicMs() + limitMs
      const complete = (): boolean =>
        indices.every((index) => lost.has(index) || blobs.get(round)?.has(index))
      while (!complete() && clock.monotonicMs() < until) await sleep(clock, LOOK_MS)
      const models: Float32Array[] = []
      for (const index of [...indices].sort((a, b) => a - b)) {
        const read = blobs.get(round)?.get(index)
        if (read !== undefined) models.push(decodeModel(await read(), parameterCount))
      }
      return models
    },
  }
}
