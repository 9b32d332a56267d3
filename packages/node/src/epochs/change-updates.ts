import type { Run } from '@tempered/protocol'
import { isChangeable } from '@tempered/protocol'
import type { Clock } from '../clock.js'
import { errorCode } from '../errors.js'
import type { Logger } from '../logger.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import { fetchChanges, newestDecided } from './change-exchange.js'
import type { Membership } from './membership.js'

/** Asks others for changes of the run, where there is reason to believe that this node lacks some. */
export interface ChangeUpdates {
  /** A neighbour has come. */
  from(peer: string): void
  /** Others are in an epoch that is not known here; asks one of these peers, and not again at once. */
  behind(peers: readonly string[]): void
  /** A peer refused this node as no member: exchanges changes with it both ways. Never rejects. */
  tell(peer: string, signal: AbortSignal): Promise<void>
}

export interface ChangeUpdatesInit {
  readonly run: Run
  readonly direct: DirectProtocols
  readonly membership: Membership
  readonly clock: Clock
  readonly logger: Logger
  readonly stopping: AbortSignal
}

/** Between two questions for the same reason. */
const AGAIN_MS = 2_000

export function createChangeUpdates(init: ChangeUpdatesInit): ChangeUpdates {
  const { run, direct, membership, clock, logger, stopping } = init
  let askedMs = Number.NEGATIVE_INFINITY
  const ask = (peer: string, tell: boolean, signal: AbortSignal): Promise<unknown> =>
    fetchChanges(direct, membership, peer, tell ? newestDecided(membership) : [], signal).catch((error) => {
      logger.debug({ peer, code: errorCode(error) }, 'changes of the run could not be exchanged')
    })
  return {
    from(peer) {
      if (isChangeable(run)) void ask(peer, false, stopping)
    },
    behind(peers) {
      const now = clock.monotonicMs()
      if (peers.length === 0 || now - askedMs < AGAIN_MS) return
      askedMs = now
      void ask(peers[Math.floor(now) % peers.length]!, false, stopping)
    },
    async tell(peer, signal) {
      if (isChangeable(run)) await ask(peer, true, signal)
    },
  }
}
