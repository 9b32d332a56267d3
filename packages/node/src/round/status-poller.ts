import type { Clock } from '../clock.js'
import { errorCode } from '../errors.js'
import type { Logger } from '../logger.js'
import type { PeerStatus, RunNetwork } from '../transport/network.js'

/**
 * Gossip may lose a message and never repeats one. While a round waits, silent neighbours are asked directly; their
 * replies go through the usual validation.
 */
export interface StatusPoller {
  /** From now on asks, every `POLL_MS`, the peers that `missing` returns at that moment. */
  watch(
    round: number,
    missing: () => readonly string[],
    onStatus: (peer: string, status: PeerStatus) => void,
  ): void
  stop(): void
}

const POLL_MS = 1_000
/** One for all: its creation takes the stack, and a round ends several waits. */
const NO_LONGER_WAITING = new DOMException('no longer waiting', 'AbortError')

export function createStatusPoller(
  network: Pick<RunNetwork, 'pollStatus'>,
  clock: Clock,
  logger: Logger,
): StatusPoller {
  let cancel: (() => void) | undefined
  let controller = new AbortController()
  const stop = (): void => {
    cancel?.()
    cancel = undefined
    controller.abort(NO_LONGER_WAITING)
  }
  return {
    watch(round, missing, onStatus) {
      stop()
      controller = new AbortController()
      const { signal } = controller
      const asking = new Set<string>()
      const poll = (): void => {
        for (const peer of missing()) {
          if (asking.has(peer)) continue
          asking.add(peer)
          network
            .pollStatus(peer, round, signal)
            .then((status) => {
              if (!signal.aborted) onStatus(peer, status)
            })
            .catch((error) => {
              if (!signal.aborted)
                logger.debug({ peer, round, code: errorCode(error) }, 'status not received')
            })
            .finally(() => asking.delete(peer))
        }
        cancel = clock.after(POLL_MS, poll)
      }
      cancel = clock.after(POLL_MS, poll)
    },
    stop,
  }
}
