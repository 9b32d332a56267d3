import type { ChangeMessage, Evidence, EvidenceKind, Run, SignedHead } from '@tempered/protocol'
import type { CommonChainEvents } from './chain/common-chain.js'
import type { PhaseName, RoundReport } from './round/report.js'
import type { Notice } from './round/state.js'

export interface NodeEvents extends CommonChainEvents {
  /** The network is open; others can dial these multiaddrs. */
  onListening?(addresses: readonly string[]): void
  /** In a private run a model is about to be shared. Only experiments may use it: it must not leave the node. */
  onShare?(round: number, model: Float32Array): void
  /** The model of a round is on disk and about to be announced. */
  onPublished?(round: number, modelCid: string): void
  /** A phase of a round begins, and the one before ends; null when the last one of the round has ended. */
  onPhase?(round: number, phase: PhaseName | null): void
  /** The transfer of a neighbour's model begins. */
  onFetching?(round: number, peer: string): void
  /** It has ended: `code` says why the round cannot use the model, undefined that it can. Not told of those that a round cuts short. */
  onFetched?(round: number, peer: string, code: string | undefined): void
  onRound?(report: RoundReport): void
  /** The rounds do not go as usual: nobody answers, a neighbour is given up, rounds are skipped … */
  onNotice?(notice: Notice): void
  /** Evidence of this or an earlier start; each piece once per process. */
  onEvidence?(evidence: Evidence): void
  /** The node has signed a head of its own ledger. */
  onHead?(head: SignedHead): void
  onQuarantine?(peer: string, round: number, kind: EvidenceKind): void
  /** A change of the run is new to this node, or has new signatures; `isDecided` when no more are needed. */
  onChange?(message: ChangeMessage, isDecided: boolean): void
  /** The node goes on in another epoch: `run` has its members, rounds and deadlines. */
  onEpoch?(run: Run, round: number): void
  /** The node is no member any more from this round on, and ends. */
  onLeft?(round: number): void
  onRefused?(peer: string, code: string, message: string): void
}
