import type { SignedAnnouncement } from '@tempered/protocol'
import type { AbsentModel, ArrivedModel } from '../aggregate/pipeline.js'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'
import { createHeardAnnouncements } from './heard-announcements.js'
import { createModelFetcher } from './model-fetcher.js'
import type { Answer, RoundEvent } from './state.js'

/** Neighbours' announcements and models of the rounds that are not over yet. */
export interface NeighbourModels {
  /** Remembers a verified announcement of a neighbour. */
  remember(message: SignedAnnouncement, currentRound: number): void
  /** Starts pulling the announced model; the outcome is dispatched as `fetched` or `fetch-failed`. */
  fetch(round: number, peer: string): void
  /**
   * What the rule gets from a neighbour; `announcedMs` is when the node's own announcement was sent, on the monotonic
   * clock.
   */
  collect(answer: Answer, round: number, announcedMs: number): ArrivedModel | AbsentModel
  /** A neighbour's model that has arrived, for others whose transfer from its author broke. */
  open(cid: string): OpenBlob | undefined
  /** Releases everything of rounds below `round`. */
  forget(round: number): void
  /** Cancels all transfers; models that have arrived can still be read. */
  stop(): void
  /** Releases everything, once no round reads a model any more. */
  close(): void
}

export interface NeighbourModelsInit {
  readonly network: Pick<RunNetwork, 'fetchModel' | 'borrowModel'>
  readonly clock: Clock
  readonly logger: Logger
  readonly parameterCount: number
  readonly neighbours: readonly string[]
  /** A neighbour announced bytes that are not a model; they are only lent. */
  onInvalidModel(announcement: SignedAnnouncement, bytes: Uint8Array): void
  /** The transfer of a neighbour's model begins. */
  onFetching(round: number, peer: string): void
  /** It has ended: `code` says why a round cannot use the model, undefined that it can. */
  onFetched(round: number, peer: string, code: string | undefined): void
  dispatch(event: RoundEvent): void
}

export function createNeighbourModels(init: NeighbourModelsInit): NeighbourModels {
  const { network, clock, logger, parameterCount, neighbours, dispatch } = init
  const heard = createHeardAnnouncements()
  const fetcher = createModelFetcher({
    network,
    clock,
    parameterCount,
    holders: (author) => neighbours.filter((peer) => peer !== author),
    onInvalid: init.onInvalidModel,
    onOutcome(peer, round, model, code) {
      init.onFetched(round, peer, code)
      if (code === undefined) {
        dispatch({ type: 'fetched', peer, round, model })
        return
      }
      logger.warn({ peer, round, code }, 'model rejected')
      dispatch({ type: 'fetch-failed', peer, round, model, code })
    },
  })
  return {
    remember: heard.remember,
    fetch(round, peer) {
      const message = heard.find(round, peer)
      if (message === undefined) return
      init.onFetching(round, peer)
      fetcher.fetch(peer, message)
    },
    collect(answer, round, announcedMs) {
      const { peer } = answer
      const model = answer.status === 'ready' ? fetcher.take(peer, round) : undefined
      if (answer.status === 'absent' || model === undefined) {
        const reason = answer.status === 'absent' ? answer.reason : 'E_INTERNAL'
        return { status: 'absent', peer, reason, announcement: heard.find(round, peer)?.bytes ?? null }
      }
      return {
        status: 'ready',
        peer,
        parameters: model.parameters,
        announcement: model.announcement.bytes,
        arrival: answer.arrival,
        latenessMs: Math.max(0, Math.round(model.arrivedMs - announcedMs)),
        opinions: model.announcement.body.opinions,
      }
    },
    open: fetcher.open,
    forget(round) {
      fetcher.forget(round)
      heard.forget(round)
    },
    stop: fetcher.stop,
    close: fetcher.close,
  }
}
