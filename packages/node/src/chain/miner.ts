import { type BlockBody, findNonce } from '@tempered/chain'
import type { Clock } from '../clock.js'

/** Looks for the nonce of one block at a time. */
export interface Miner {
  /** Leaves what it was looking for. `found` is called unless `stop` or another `start` comes first. */
  start(body: BlockBody, difficulty: number, found: (body: BlockBody) => void): void
  stop(): void
  /** Hashes so far, of all blocks. */
  readonly hashes: number
}

/** Makes the miner of a node. */
export type CreateMiner = (clock: Clock) => Miner

/** Hashes between two looks at the event loop: about two milliseconds. */
const HASHES_AT_A_TIME = 2_000

/** Mines on the node's own thread, in pieces, between its other work. */
export const threadMiner: CreateMiner = () => {
  let turn = 0
  let hashes = 0
  return {
    start(body, difficulty, found) {
      turn += 1
      const mine = turn
      let from = 0
      const look = (): void => {
        if (mine !== turn) return
        const result = findNonce(body, difficulty, { from, tries: HASHES_AT_A_TIME })
        hashes += result?.tries ?? HASHES_AT_A_TIME
        from += HASHES_AT_A_TIME
        if (result === undefined) setImmediate(look)
        else found(result.body)
      }
      setImmediate(look)
    },
    stop() {
      turn += 1
    },
    get hashes() {
      return hashes
    },
  }
}

/** Hashes per virtual millisecond of a simulated miner. */
const VIRTUAL_HASHES_PER_MS = 2

/**
 * The miner of a simulation: the hashes are real, but the time that they take is the clock's. Of two miners the one that
 * needs fewer hashes is faster.
 */
export const virtualMiner: CreateMiner = (clock) => {
  let cancel: (() => void) | undefined
  let hashes = 0
  const stop = (): void => {
    cancel?.()
    cancel = undefined
  }
  return {
    start(body, difficulty, found) {
      stop()
      let from = 0
      const look = (): void => {
        // As many as it can do before it might be told to stop.
        const result = findNonce(body, difficulty, { from, tries: VIRTUAL_HASHES_PER_MS * VIRTUAL_STEP_MS })
        const tries = result?.tries ?? VIRTUAL_HASHES_PER_MS * VIRTUAL_STEP_MS
        hashes += tries
        from += tries
        cancel = clock.after(tries / VIRTUAL_HASHES_PER_MS, () =>
          result === undefined ? look() : found(result.body),
        )
      }
      look()
    },
    stop,
    get hashes() {
      return hashes
    },
  }
}

/** Virtual time between two looks. */
const VIRTUAL_STEP_MS = 50
