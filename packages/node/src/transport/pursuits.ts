import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage } from '../errors.js'
import type { Logger } from '../logger.js'

/** Attempts to reach targets, one loop per target, with exponential back-off while a target cannot be reached. */
export interface Pursuits {
  /**
   * Begins after `firstDelayMs` and continues until the signal aborts.
   *
   * @param name - unique; for `wake` and for the log
   * @param attempt - true when the target is reached; then it is checked again every `FIRST_BACKOFF_MS`
   * @param onFailure - called for each attempt that failed, with how many failed in a row
   */
  pursue(
    name: string,
    attempt: () => Promise<boolean>,
    firstDelayMs: number,
    onFailure?: (error: unknown, inARow: number) => void,
  ): Promise<void>
  /** Ends the pause before the next attempt at a target and resets its back-off. */
  wake(name: string): void
}

const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 8_000

export function createPursuits(clock: Clock, logger: Logger, signal: AbortSignal): Pursuits {
  /** By name of a target that is paused: ends the pause. */
  const wakeCalls = new Map<string, () => void>()

  /** Waits for the next attempt at a target; false when it was woken before. */
  const pause = async (name: string, delayMs: number): Promise<boolean> => {
    const woken = new AbortController()
    wakeCalls.set(name, () => woken.abort())
    await sleep(clock, delayMs, AbortSignal.any([woken.signal, signal]))
    wakeCalls.delete(name)
    return !woken.signal.aborted
  }

  return {
    async pursue(name, attempt, firstDelayMs, onFailure) {
      await sleep(clock, firstDelayMs, signal)
      let backoffMs = FIRST_BACKOFF_MS
      let failures = 0
      while (!signal.aborted) {
        try {
          backoffMs = (await attempt()) ? FIRST_BACKOFF_MS : Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
          failures = 0
        } catch (error) {
          if (signal.aborted) return
          backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
          failures += 1
          onFailure?.(error, failures)
          logger.debug({ target: name, code: errorCode(error) }, `not connected yet: ${errorMessage(error)}`)
        }
        if (!(await pause(name, backoffMs))) backoffMs = FIRST_BACKOFF_MS
      }
    },
    wake: (name) => wakeCalls.get(name)?.(),
  }
}
