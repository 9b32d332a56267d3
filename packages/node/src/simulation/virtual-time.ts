import { type Clock, deadlineOf } from '../clock.js'
import { NodeError } from '../errors.js'
import { createTimerHeap, type VirtualTimer } from './timer-heap.js'

/**
 * Time under a program's control. It stands still while anything can still happen at this instant, then jumps to the
 * next timer, so a simulated hour costs only the work in it. The order of events at one instant depends on owners and
 * on what each of them did before, not on how long work really took: the same inputs give the same history.
 */
export interface VirtualTime {
  /** The clock of one owner, a node's index or another number. */
  clockOf(owner: number): Clock
  /**
   * Work that takes real time, such as training in a thread. Time stands still until it is done; its outcome is
   * delivered at the end of the instant, in order of owners.
   */
  hold<T>(owner: number, work: () => Promise<T>): Promise<T>
  /**
   * Moves time until `done` settles, and settles like it. Rejects with E_STUCK when nothing can happen any more and
   * `done` has not settled.
   */
  run<T>(done: Promise<T>): Promise<T>
  /** Milliseconds since the start. */
  readonly nowMs: number
}

/** Start of a simulation's wall clocks: 2026-01-01, so that ledgers are the same in every repetition. */
const EPOCH_MS = Date.UTC(2026, 0, 1)

interface Held {
  readonly owner: number
  readonly sequence: number
  readonly settled: Promise<void>
  /** Delivers the outcome. */
  release(): void
}

/** Lets everything run that only waits for promises. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export function createVirtualTime(): VirtualTime {
  const timers = createTimerHeap()
  const sequences = new Map<number, number>()
  let nowMs = 0
  let held: Held[] = []

  const nextSequence = (owner: number): number => {
    const sequence = (sequences.get(owner) ?? 0) + 1
    sequences.set(owner, sequence)
    return sequence
  }

  const clockOf = (owner: number): Clock => {
    const after: Clock['after'] = (delayMs, callback) => {
      const timer: VirtualTimer = {
        dueMs: nowMs + Math.max(0, delayMs),
        owner,
        sequence: nextSequence(owner),
        callback,
      }
      timers.push(timer)
      return () => {
        timer.callback = undefined
      }
    }
    return {
      wallMs: () => EPOCH_MS + nowMs,
      monotonicMs: () => nowMs,
      after,
      deadline: (delayMs, parent) => deadlineOf(after, delayMs, parent),
    }
  }

  /** Fires every timer of this instant, one after another, each with all its consequences. */
  const finishInstant = async (): Promise<void> => {
    for (;;) {
      await turn()
      const next = timers.peek()
      if (next === undefined || next.dueMs > nowMs) return
      timers.pop()
      next.callback!()
    }
  }

  const releaseHeld = async (): Promise<void> => {
    const ending = held
    held = []
    await Promise.all(ending.map(({ settled }) => settled))
    for (const work of ending.sort((a, b) => a.owner - b.owner || a.sequence - b.sequence)) {
      work.release()
      await turn()
    }
  }

  return {
    clockOf,
    hold(owner, work) {
      const outcome = work()
      return new Promise((resolve, reject) => {
        let release = (): void => undefined
        const settled = outcome.then(
          (value) => {
            release = () => resolve(value)
          },
          (error) => {
            release = () => reject(error)
          },
        )
        held.push({ owner, sequence: nextSequence(owner), settled, release: () => release() })
      })
    },
    async run(done) {
      let over = false
      const finish = (): void => {
        over = true
      }
      done.then(finish, finish)
      for (;;) {
        await finishInstant()
        if (over) return done
        if (held.length > 0) {
          await releaseHeld()
          continue
        }
        const next = timers.peek()
        if (next === undefined) {
          throw new NodeError(
            'E_STUCK',
            `the simulation is stuck at ${nowMs} ms: no timer is left and the run is not done`,
          )
        }
        nowMs = next.dueMs
      }
    },
    get nowMs() {
      return nowMs
    },
  }
}
