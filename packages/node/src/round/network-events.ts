import type { Evidence } from '@tempered/protocol'
import type { Agreement } from '../chain/agreement.js'
import { NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { PrivateExchange } from '../private/private-exchange.js'
import type { NetworkHandlers } from '../transport/network.js'
import type { Witnessing } from '../witness/witnessing.js'
import { createArrivals } from './arrivals.js'
import type { NeighbourModels } from './neighbour-models.js'
import type { RunProgress } from './run-progress.js'
import type { RoundEvent } from './state.js'

export interface NetworkEventsComponents {
  readonly models: NeighbourModels
  readonly witnessing: Witnessing
  readonly progress: RunProgress
  /** Undefined for runs without a common chain. */
  readonly agreement: Agreement | undefined
  /** Undefined for runs that are not private. */
  readonly exchange: PrivateExchange | undefined
  readonly logger: Logger
}

export interface NetworkEventsInit {
  readonly neighbours: readonly string[]
  currentRound(): number
  /** Entries in the node's own ledger. */
  ownLength(): number
  dispatch(event: RoundEvent): void
  onEvidence(evidence: Evidence): void
  onAccusation(evidence: Evidence, from: string): void
  /** This node cannot continue. */
  onError(error: unknown): void
}

/** Turns what the network delivers into events of the round machine. */
export function createNetworkEvents(
  { models, witnessing, progress, agreement, exchange, logger }: NetworkEventsComponents,
  init: NetworkEventsInit,
): Omit<NetworkHandlers, 'refused'> {
  const isNeighbour = new Set(init.neighbours)
  const arrivals = createArrivals(init.dispatch)
  const noteProgress = (member: string, announced: number): void => {
    const round = progress.heard(member, announced)
    if (round !== undefined) init.dispatch({ type: 'run-progress', round })
  }
  return {
    neighbourUp(peer) {
      logger.info({ peer }, 'neighbour up')
      agreement?.neighbourUp(peer)
      exchange?.up(peer)
      if (isNeighbour.has(peer)) arrivals.up(peer)
    },
    neighbourDown(peer) {
      logger.warn({ peer, round: init.currentRound() }, 'neighbour down')
      agreement?.neighbourDown(peer)
      exchange?.down(peer)
      if (isNeighbour.has(peer)) arrivals.down(peer)
    },
    announcement(message) {
      const { author, round, model } = message.body
      noteProgress(author, round)
      if (!isNeighbour.has(author)) return
      const currentRound = init.currentRound()
      if (round >= currentRound) models.remember(message, currentRound)
      arrivals.heard({ type: 'announced', peer: author, round, model: model.toString() })
    },
    head(message) {
      witnessing.head(message)
      const { author, round } = message.head.body
      noteProgress(author, round)
      arrivals.heard({ type: 'head', peer: author, round })
    },
    ownHead(head) {
      if (head.body.height < init.ownLength()) return
      // Going on would create a second history, which is equivocation.
      init.onError(
        new NodeError(
          'E_ROLLED_BACK',
          `this node has signed entry ${head.body.height + 1} of its ledger before, as a neighbour shows, but its state folder ` +
            `holds only ${init.ownLength()}: it is an old copy. Restore the newest copy. Without one, this node cannot go ` +
            'on in this run, since a second history would convict it; the others continue, and it can be a member of ' +
            'the next run',
          { height: head.body.height },
        ),
      )
    },
    block: (block) => agreement?.block(block),
    chainMessage: (message) => agreement?.message(message),
    groupWord: (word) => exchange?.word(word),
    evidence: init.onEvidence,
    accusation: init.onAccusation,
  }
}
