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

/** Constants of a run. */
export interface RoundConfig {
  /** Rounds of the run; the last one is `rounds − 1`. */
  readonly rounds: number
  /** Peer ids of the neighbours in member order. */
  readonly neighbours: readonly string[]
  /** Deadlines in a row that a live neighbour may miss before this node stops waiting for it. */
  readonly patienceRounds: number
}

export interface NeighbourState {
  /** Admitted and connected, or lost so recently that it may come back. */
  readonly live: boolean
  /** Deadlines missed in a row. */
  readonly missed: number
  /** Newest round it announced; −1 before the first. */
  readonly newestRound: number
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

export interface RoundState {
  readonly config: RoundConfig
  readonly phase: Phase
  /** The round being worked on; `config.rounds` when all are done. */
  readonly round: number
  /** The announcement of `round` was signed before a crash: it must go out as it is, without training again. */
  readonly pending: boolean
  readonly neighbours: ReadonlyMap<string, NeighbourState>
  /** By round: the current one, the next one, and announcements further ahead. */
  readonly inbox: ReadonlyMap<number, RoundInbox>
}

export type TimerName = 'join' | 'collect' | 'linger'

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
  | { readonly type: 'finish' }

export interface Step {
  readonly state: RoundState
  readonly effects: readonly RoundEffect[]
}
