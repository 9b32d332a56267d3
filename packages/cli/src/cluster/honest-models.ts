import { readFile } from 'node:fs/promises'
import { type Clock, sleep } from '@tempered/node'
import { decodeModel } from '@tempered/protocol'

/**
 * The side channel of omniscient attackers in a local cluster: honest nodes' models of a round, read from their
 * folders as soon as they are announced. Nothing of it goes through the protocol.
 */
export interface HonestModels {
  note(index: number, round: number, path: string): void
  gone(index: number): void
  /** Models of these honest nodes in index order; waits for all of them, but no longer than `limitMs`. */
  collect(round: number, indices: readonly number[], limitMs: number): Promise<Float32Array[]>
}

const LOOK_MS = 20

export function createHonestModels(parameterCount: number, clock: Clock): HonestModels {
  const paths = new Map<number, Map<number, string>>()
  const lost = new Set<number>()
  return {
    note(index, round, path) {
      const models = paths.get(round) ?? new Map<number, string>()
      paths.set(round, models.set(index, path))
      for (const old of paths.keys()) if (old < round - 4) paths.delete(old)
    },
    gone: (index) => lost.add(index),
    async collect(round, indices, limitMs) {
      const until = clock.monotonicMs() + limitMs
      const complete = (): boolean =>
        indices.every((index) => lost.has(index) || paths.get(round)?.has(index))
      while (!complete() && clock.monotonicMs() < until) await sleep(clock, LOOK_MS)
      const models: Float32Array[] = []
      for (const index of [...indices].sort((a, b) => a - b)) {
        const path = paths.get(round)?.get(index)
        if (path !== undefined) models.push(decodeModel(await readFile(path), parameterCount))
      }
      return models
    },
  }
}
