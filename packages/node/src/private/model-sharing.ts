import { blobCid, type Entry, type ModelBuffer } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/store.js'
import type { PrivateExchange } from './private-exchange.js'
import type { PrivateReport } from './private-report.js'
import type { PrivateStore } from './private-store.js'

/** What a node announces in a private round, and what proves it. */
export interface SharedModel {
  /** Undefined when no sum was opened. */
  readonly model: ModelBuffer | undefined
  /** For the ledger. */
  readonly links: NonNullable<Entry['privacy']>
  /** Undefined after a restart. */
  readonly report: PrivateReport | undefined
}

/** Private rounds whose outcome is stored before anything of it is announced. */
export interface ModelSharing {
  /** Undefined when the node was stopped. */
  share(round: number, model: Float32Array): Promise<SharedModel | undefined>
  /** The outcome of an earlier process whose announcement has no entry yet. */
  readonly recovered: SharedModel | undefined
  /** Bytes of the newest opened model, if it is the one of this CID. */
  held(cid: string): Uint8Array | undefined
}

export interface ModelSharingComponents {
  readonly exchange: PrivateExchange
  readonly blobs: BlobStore
  readonly store: PrivateStore
  onShare?(round: number, model: Float32Array): void
}

/** @param pendingRound - round of an announcement that has no entry yet; undefined for none */
export function createModelSharing(
  { exchange, blobs, store, onShare }: ModelSharingComponents,
  pendingRound: number | undefined,
): ModelSharing {
  const { outcome } = store.memory
  const isRecovered = outcome !== null && pendingRound !== undefined && outcome.round <= pendingRound
  let newest: { readonly cid: string; readonly bytes: Uint8Array } | undefined
  return {
    held: (cid) => (newest?.cid === cid ? newest.bytes : undefined),
    recovered: isRecovered
      ? {
          model: undefined,
          links: {
            transcript: CID.parse(outcome.transcript),
            sum: outcome.sum === null ? null : CID.parse(outcome.sum),
          },
          report: undefined,
        }
      : undefined,
    async share(round, model) {
      onShare?.(round, model)
      const shared = await exchange.share(round, model)
      if (shared === undefined) return undefined
      await blobs.put(shared.transcript)
      if (shared.sum !== undefined) await blobs.put(shared.sum)
      const transcript = blobCid(shared.transcript)
      const sum = shared.sum === undefined ? null : blobCid(shared.sum)
      await store.save({
        ...store.memory,
        outcome: { round, transcript: transcript.toString(), sum: sum?.toString() ?? null },
      })
      const { model: opened } = shared
      newest = opened && { cid: blobCid(opened.bytes).toString(), bytes: opened.bytes }
      return { model: opened, links: { transcript, sum }, report: shared.report }
    },
  }
}
