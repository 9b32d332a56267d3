/** What a node that takes jobs needs of its surroundings. */

import type { DeliveryAnswer, NodeEvents, TemperedNode } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Hex } from 'viem'
import type { SettlementClient } from '../client/open-client.js'
import type { Outbox } from '../client/outbox.js'
import type { JobBoard } from '../jobs/job-board.js'
import type { SealedJob } from '../jobs/job-document.js'
import type { JobResult } from '../jobs/outcome.js'

/** Which jobs a node takes. */
export interface JobPolicy {
  /** The least that a member gets if the target is reached after the most rounds, in wei. */
  readonly leastFee: bigint
  /** The most that a job may lock of its stake, in wei. */
  readonly mostStake: bigint
  readonly mostRounds: number
  /** Parameters of the model. */
  readonly mostParameters: number
  /** Samples that a member trains on in all rounds together. */
  readonly mostSamples: number
  /** Until when it must be settled, from now, in seconds. */
  readonly mostSeconds: number
}

/** What a worker needs of the node around it. */
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
  /** Hands a model to the user. */
  deliver(
    where: readonly string[],
    model: CID,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<DeliveryAnswer>
  keepModel(job: Hex, result: JobResult, model: Uint8Array): Promise<void>
}

export interface JobWorkerInit {
  readonly client: SettlementClient
  readonly outbox: Outbox
  readonly board: JobBoard
  readonly policy: JobPolicy
  /** A block before any job of interest. */
  readonly from: bigint
  readonly site: JobSite
  /** Every how many rounds a head of the ledger is anchored. */
  readonly anchorEvery: number
  readonly signal: AbortSignal
  /** Between two looks at the chain, in ms. */
  readonly pollMs: number
  sleep(ms: number, signal: AbortSignal): Promise<void>
  log(level: 'info' | 'warn', what: string): void
}

/** The first digits of a job's number, for logs. */
export const shortId = (id: Hex): string => id.slice(0, 10)
