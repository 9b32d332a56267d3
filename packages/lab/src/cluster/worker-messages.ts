import type { BackendChoice, EvaluationPlan, PartitionScheme, RoundReport } from '@tempered/node'
import type { EvidenceKind } from '@tempered/protocol'
import type { Conditions } from '../faults/conditions.js'
import type { PlannedAttack } from '../scenario/plan.js'
import { residentShare } from './memory-share.js'

/** What a cluster's launcher and its host processes say to each other, over Node's IPC channel. */

/** A node that a host is to run. */
export interface HostedNode {
  readonly index: number
  readonly name: string
  /** 32-byte Ed25519 seed. */
  readonly seed: Uint8Array
  readonly stateFolder: string
  readonly attack: PlannedAttack | undefined
}

export interface HostLaunch {
  /** Canonical manifest bytes. */
  readonly manifest: Uint8Array
  readonly nodes: readonly HostedNode[]
  /** Indices of all honest nodes of the cluster, for attacks that see them. */
  readonly honest: readonly number[]
  /** `mnist`, or a folder with IDX files. */
  readonly source: string
  readonly partition: PartitionScheme
  /** What faults have made of links and trainers before. */
  readonly conditions: Conditions
  /** Indices of nodes that will join later. */
  readonly absent: readonly number[]
  readonly cacheFolder: string
  readonly evaluation: EvaluationPlan
  readonly backend: BackendChoice
  readonly keepRounds: number
  readonly logFile: string
  readonly logLevel: string
}

export type ToHost =
  | { readonly type: 'launch'; readonly launch: HostLaunch }
  | { readonly type: 'addresses'; readonly peer: string; readonly addresses: readonly string[] }
  /** An honest node's model of a round is on disk: the side channel of colluding attackers. */
  | { readonly type: 'honest-model'; readonly index: number; readonly round: number; readonly path: string }
  | { readonly type: 'honest-gone'; readonly index: number }
  | { readonly type: 'conditions'; readonly conditions: Conditions }
  /** One node is to stop, cleanly and for good; it is done then. */
  | { readonly type: 'leave'; readonly index: number }
  | { readonly type: 'stop' }

/** A round as the launcher sees it: announcements stay in the ledger. */
export type HostedRound = Omit<RoundReport, 'neighbours'> & {
  readonly neighbours: readonly Omit<RoundReport['neighbours'][number], 'announcement'>[]
  /** Resident memory of the node's process after the round by the number of nodes in it; older versions did not measure it. */
  readonly residentBytes?: number
}

export function hostedRound(report: RoundReport): HostedRound {
  return {
    ...report,
    neighbours: report.neighbours.map(({ announcement: _, ...record }) => record),
    residentBytes: residentShare(),
  }
}

export type FromHost =
  | { readonly type: 'ready'; readonly backend: string; readonly notice: string }
  | {
      readonly type: 'listening'
      readonly index: number
      readonly peer: string
      readonly addresses: readonly string[]
    }
  | { readonly type: 'published'; readonly index: number; readonly round: number; readonly modelCid: string }
  | { readonly type: 'round'; readonly index: number; readonly report: HostedRound }
  | {
      readonly type: 'quarantine'
      readonly index: number
      readonly peer: string
      readonly round: number
      /** What the evidence shows. */
      readonly kind: EvidenceKind
    }
  | { readonly type: 'done'; readonly index: number }
  | { readonly type: 'failed'; readonly index: number; readonly code: string; readonly message: string }
  /** Bytes of memory that the process holds (resident set), after the last node is done. */
  | { readonly type: 'memory'; readonly residentBytes: number }
