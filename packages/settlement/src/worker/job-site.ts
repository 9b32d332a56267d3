/** What a node that accepts jobs needs from its environment. */

import type { DeliveryAnswer, NodeEvents, TemperedNode } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Hex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import type { JobBoard } from '../jobs/job-board.js'
import type { SealedJob } from '../jobs/job-document.js'
import type { JobResult } from '../jobs/outcome.js'

/** Which jobs a node accepts. */
export interface JobPolicy {
  /** Minimum pay of a member if a job takes all its rounds, in wei. */
  readonly leastFee: bigint
  /** Maximum stake that a job may lock, in wei. */
  readonly mostStake: bigint
  readonly mostRounds: number
  /** Parameters of the model. */
  readonly mostParameters: number
  /** Samples that a member trains on, in all rounds together. */
  readonly mostSamples: number
  /** Time until a job must be settled, from now, in seconds. */
  readonly mostSeconds: number
  /** How long others may still accept, from now, in seconds: the stake is locked meanwhile. */
  readonly mostWaitSeconds: number
}

/** What a worker needs from the node around it. */
export interface JobSite {
  /** This node's peer id. */
  readonly peerId: string
  /** Multiaddrs of the node in a run, with its peer id. */
  readonly where: readonly string[]
  fetchDocument(where: readonly string[], digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** Rejects with the reason when this node's data or software do not fit. */
  check(job: SealedJob, members: number): Promise<void>
  /** A document that was kept for this job; undefined for none. */
  kept(job: Hex): Promise<Uint8Array | undefined>
  keep(job: Hex, document: Uint8Array): Promise<void>
  openNode(job: Hex, run: Run, members: readonly string[], events: NodeEvents): Promise<TemperedNode>
  /** Delivers a model to the user. */
  deliver(
    where: readonly string[],
    model: CID,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<DeliveryAnswer>
  /**
   * Keeps the model of a result before the result is signed: every signer can deliver. Others than this one and the `current`
   * ones need not be kept any longer.
   */
  keepModel(job: Hex, model: CID, bytes: Uint8Array, current: readonly CID[]): Promise<void>
  /** Keeps the result of a job, and only the settled one of its models. */
  keepResult(job: Hex, result: JobResult): Promise<void>
  /** The bytes of a model that was kept; undefined for none. */
  modelOf(job: Hex, model: CID): Promise<Uint8Array | undefined>
  /** Models not delivered yet, including those of earlier starts. */
  undelivered(): Promise<readonly Delivery[]>
  /** Saves that a user waits for a model. */
  owe(delivery: Delivery): Promise<void>
  /** Saves that the user of a job no longer waits. */
  delivered(job: Hex): Promise<void>
}

/** A model that a user has paid for. */
export interface Delivery {
  readonly job: Hex
  readonly model: CID
  /** Multiaddrs of the user. */
  readonly where: readonly string[]
  /** When members stop trying, in ms since 1970. */
  readonly until: number
}

export interface JobWorkerInit {
  readonly client: SettlementClient
  readonly outbox: Outbox
  readonly board: JobBoard
  readonly policy: JobPolicy
  /** A block before any job of interest. */
  readonly from: bigint
  readonly site: JobSite
  /** Number of ledger entries between two anchored heads. */
  readonly anchorEvery: number
  readonly signal: AbortSignal
  /** Between two polls of the chain, in ms. */
  readonly pollMs: number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** In ms since 1970. */
  now(): number
  log(level: 'info' | 'warn', what: string): void
}

/** The first digits of a job's id, for logs. */
export const shortId = (id: Hex): string => id.slice(0, 10)
