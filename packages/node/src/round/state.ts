import type { NoSum } from '@tempered/secagg'
import type { Standing } from './standing.js'

/** The progress of a node in its run. Plain data: only the reducer in machine.ts writes it. */

export type Phase =
  /** Not started: neighbours may connect and announce, but nothing is done. */
  | 'idle'
  /** Waiting for neighbours before the first round of this process. */
  | 'joining'
  /** The run is under way without this node: neighbours' ledgers and their newest models are fetched. */
  | 'syncing'
  /** Local steps on own data. */
  | 'training'
  /** The trained model is being signed, stored and announced. */
  | 'publishing'
  /** Waiting for neighbours' models of this round. */
  | 'collecting'
  /** The rule runs, the entry is written. */
  | 'aggregating'
  /** All rounds done; neighbours may still need our last model. */
  | 'lingering'
  | 'done'

/** In the order in which a node goes through them. */
export const PHASES = Object.keys({
  idle: true,
  joining: true,
  syncing: true,
  training: true,
  publishing: true,
  collecting: true,
  aggregating: true,
  lingering: true,
  done: true,
} satisfies Record<Phase, true>) as readonly Phase[]

/** Constants of a run. */
export interface RoundConfig {
  /** Rounds of the run; the last one is `rounds − 1`. */
  readonly rounds: number
  /** Peer ids of the neighbours in member order. */
  readonly neighbours: readonly string[]
  /** Rounds in a row that a live neighbour may fail before this node stops waiting for it. */
  readonly patienceRounds: number
  /**
   * Rounds by which members may differ though nothing is wrong: the distance, in links, to the member farthest away,
   * since neighbours wait for one another.
   */
  readonly spread: number
  /** A member that was added while the run went on: it begins with a model of its neighbours. */
  readonly isNew?: boolean
  /** Neighbours that are waited for at the start; default: all. A node that goes on in another epoch knows who was there. */
  readonly awaited?: ReadonlySet<string> | undefined
}

export interface NeighbourState {
  /** Admitted and connected, or lost so recently that it may come back. */
  readonly live: boolean
  readonly standing: Standing
  /** Newest round it announced; −1 before the first. */
  readonly newestRound: number
  /** `newestRound` when this node last closed a round: what it has announced since shows that it follows. */
  readonly seenRound: number
  /** Its ledger holds the run's last round. */
  readonly finished: boolean
  /** Convicted by evidence: all its messages are ignored. */
  readonly quarantined: boolean
}

/** A neighbour's model of one round on its way to us. */
export type InboxItem =
  /** Announced for a round that is too far ahead to fetch yet. */
  | { readonly status: 'announced'; readonly model: string }
  | { readonly status: 'fetching'; readonly model: string }
  /** `arrival`: order among the models of its round, from 0. */
  | { readonly status: 'ready'; readonly model: string; readonly arrival: number }
  | { readonly status: 'failed'; readonly model: string; readonly code: string }
  /** The neighbour has gone past this round and has nothing for it. */
  | { readonly status: 'passed' }

/** Models of one round by neighbour. */
export type RoundInbox = ReadonlyMap<string, InboxItem>

/** What has happened while models of the current round are collected. */
export interface Collection {
  /** The time that rounds usually take is over: neighbours that failed recently are not waited for any longer. */
  readonly overdue: boolean
  /** The grace for neighbours that are not waited for, but follow. */
  readonly grace: 'unused' | 'running' | 'over'
  /** No neighbour has answered, and this was reported. */
  readonly alone: boolean
}

export interface RoundState {
  readonly config: RoundConfig
  readonly phase: Phase
  /** The round being worked on; `config.rounds` when all are done. */
  readonly round: number
  /** The announcement of `round` was signed before a crash: it must go out as it is, without training again. */
  readonly pending: boolean
  readonly neighbours: ReadonlyMap<string, NeighbourState>
  /** The newest round that more than a third of all members have announced; −1 before any. */
  readonly runRound: number
  /** `runRound` when this node last closed a round. */
  readonly seenRunRound: number
  readonly collection: Collection
  /** By round: the current one, the next one, and announcements further ahead. */
  readonly inbox: ReadonlyMap<number, RoundInbox>
}

/**
 * `collect`: the deadline of a round. `patience`: the time that rounds usually take, after which neighbours that failed
 * recently are not waited for. `grace`: a small part of a round, for neighbours that are not waited for, but follow.
 */
export type TimerName = 'join' | 'collect' | 'patience' | 'grace' | 'linger'

export type RoundEvent =
  /** `round`: the first round without an entry. `pending`: its announcement was already signed before a crash. */
  | { readonly type: 'start'; readonly round: number; readonly pending: boolean }
  /** `newestRound`: the newest round that it announced on arrival; −1 or undefined for none. */
  | { readonly type: 'neighbour-up'; readonly peer: string; readonly newestRound?: number }
  | { readonly type: 'neighbour-down'; readonly peer: string }
  | { readonly type: 'announced'; readonly peer: string; readonly round: number; readonly model: string }
  | { readonly type: 'fetched'; readonly peer: string; readonly round: number; readonly model: string }
  | {
      readonly type: 'fetch-failed'
      readonly peer: string
      readonly round: number
      readonly model: string
      readonly code: string
    }
  /** The neighbour was asked: it is past `round` and has no announcement for it any more. */
  | { readonly type: 'passed'; readonly peer: string; readonly round: number }
  | { readonly type: 'head'; readonly peer: string; readonly round: number }
  | { readonly type: 'quarantined'; readonly peer: string }
  /** More than a third of all members have announced `round`. */
  | { readonly type: 'run-progress'; readonly round: number }
  /** The neighbours' newest model has been taken over, or there is none. */
  | { readonly type: 'synced' }
  | { readonly type: 'trained' }
  | { readonly type: 'published'; readonly round: number }
  | { readonly type: 'aggregated'; readonly round: number }
  | { readonly type: 'timeout'; readonly timer: TimerName; readonly round: number }

/** The outcome of one neighbour in a round that is being closed. */
export type Answer =
  | { readonly peer: string; readonly status: 'ready'; readonly model: string; readonly arrival: number }
  /** `reason`: `quarantined`, `down`, `deadline`, `passed` or the code of a failed transfer. */
  | { readonly peer: string; readonly status: 'absent'; readonly reason: string }

/** What a person should know about the course of the rounds. */
export type Notice =
  /** No neighbour answers; the round stays open until its deadline. */
  | { readonly kind: 'alone'; readonly round: number }
  /** A neighbour answers again after rounds alone. */
  | { readonly kind: 'reunited'; readonly round: number }
  /** A neighbour has failed too often; it is not waited for until it has served `owed` models. */
  | { readonly kind: 'given-up'; readonly peer: string; readonly round: number; readonly owed: number }
  /** A neighbour that was given up has served again and is waited for. */
  | { readonly kind: 'trusted-again'; readonly peer: string; readonly round: number }
  /** The node has refused every model that arrived in the last `rounds` rounds: it trains alone. */
  | { readonly kind: 'isolated'; readonly round: number; readonly rounds: number }
  /** A pre-aggregator does not fit the models that it gets, and leaves them as they are: it protects from nothing. */
  | { readonly kind: 'unfit'; readonly round: number; readonly step: string }
  /** Its training loss was far above that of guessing in the last `rounds` rounds: training diverges. */
  | { readonly kind: 'high-loss'; readonly round: number; readonly rounds: number; readonly loss: number }
  /** The members of a chain have not agreed on a round for `seconds`; `members`: how many are connected. */
  | {
      readonly kind: 'no-agreement'
      readonly round: number
      readonly what: 'votes' | 'block'
      readonly seconds: number
      readonly members: number
    }
  /** Other members have gone on with blocks that exclude what is final here. */
  | { readonly kind: 'apart'; readonly peer: string; readonly height: number }
  /** The node ends without a final block of the last round; `round`: that of its newest final block. */
  | { readonly kind: 'unsettled'; readonly round: number | undefined }
  /** In a private run the model was farther from the initial one than the range, and was shortened to this part of it. */
  | { readonly kind: 'shortened'; readonly round: number; readonly part: number }
  /** No sum was opened in a private round: the node goes on with the model that it began with. */
  | { readonly kind: 'no-sum'; readonly round: number; readonly reason: NoSum }
  /** The rounds from `from` to `to − 1` are skipped, because the others are past them. */
  | { readonly kind: 'jumped'; readonly from: number; readonly to: number }

export type RoundEffect =
  | { readonly type: 'train'; readonly round: number }
  | { readonly type: 'sync'; readonly peers: readonly string[] }
  | { readonly type: 'publish'; readonly round: number }
  | { readonly type: 'fetch'; readonly peer: string; readonly round: number; readonly model: string }
  | { readonly type: 'arm'; readonly timer: TimerName; readonly round: number }
  | { readonly type: 'disarm'; readonly timer: TimerName }
  | { readonly type: 'aggregate'; readonly round: number; readonly answers: readonly Answer[] }
  /** Models of rounds below `round` will not be asked for again. */
  | { readonly type: 'forget'; readonly round: number }
  | { readonly type: 'notice'; readonly notice: Notice }
  | { readonly type: 'finish' }

export interface Step {
  readonly state: RoundState
  readonly effects: readonly RoundEffect[]
}
