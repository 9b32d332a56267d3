import type { Evidence, Run } from '@tempered/protocol'
import type { BlobStore } from '../blobs/store.js'
import { errorCode } from '../errors.js'
import { type BlobLookup, withInitialModel } from '../ledger/blob-folders.js'
import type { Logger } from '../logger.js'
import type { RunNetwork } from '../transport/network.js'
import { blobsOfEvidence, type Judgement, judgeEvidence } from './judge.js'

/**
 * Judges evidence that needs blobs, one piece at a time. The blobs are fetched from the neighbour that sent the
 * evidence, which must have judged it itself, and the offender is quarantined only after this node is convinced. So
 * such evidence travels from neighbour to neighbour, and each of them has checked it.
 */
export interface Accusations {
  /** Takes evidence whose signatures are genuine, from a connected neighbour. */
  consider(evidence: Evidence, from: string): void
  /**
   * Evidence from this node's owner, with the blobs it needs. If it convicts, this node acts on it and publishes it.
   * The evidence must have passed `openEvidence`.
   */
  bring(evidence: Evidence, lookup: BlobLookup): Promise<Judgement>
  stop(): void
}

export interface AccusationsInit {
  readonly run: Run
  readonly network: Pick<RunNetwork, 'fetchModel'>
  readonly blobs: BlobStore
  readonly logger: Logger
  /** The evidence convinced this node; the blobs that prove it are now pinned. */
  onConvicted(evidence: Evidence): void
}

/** Most pieces that wait; more are dropped, since their senders will offer them again. */
const MAX_WAITING = 16

export function createAccusations(init: AccusationsInit): Accusations {
  const { run, network, blobs, logger } = init
  const controller = new AbortController()
  const { signal } = controller
  const convicted = new Set<string>()
  const waiting: { readonly evidence: Evidence; readonly from: string }[] = []
  let working = false

  /** Judges with these blobs; if the evidence convicts, pins the blobs and reports it. */
  const decide = async (evidence: Evidence, lookup: BlobLookup): Promise<Judgement> => {
    const judgement = await judgeEvidence(run, evidence, undefined, lookup)
    if (judgement.status !== 'proven') return judgement
    for (const cid of blobsOfEvidence(evidence, run)) {
      const bytes = await lookup(cid)
      if (bytes === undefined) continue
      blobs.pin(cid)
      await blobs.put(bytes)
    }
    convicted.add(evidence.offender)
    init.onConvicted(evidence)
    return judgement
  }

  /** This node's own blobs, then those of the neighbour that sent the accusation. */
  const lookupFrom = (from: string): BlobLookup => {
    const fetched = new Map<string, Uint8Array>()
    return withInitialModel(async (cid) => {
      const held = fetched.get(cid) ?? (await blobs.get(cid))
      if (held !== undefined) return held
      const bytes = new Uint8Array(run.modelBytes)
      try {
        await network.fetchModel(from, cid, bytes, signal)
      } catch (error) {
        logger.debug(
          { peer: from, cid, code: errorCode(error) },
          'a blob of an accusation could not be fetched',
        )
        return undefined
      }
      fetched.set(cid, bytes)
      return bytes
    }, run)
  }

  const work = async (): Promise<void> => {
    if (working) return
    working = true
    try {
      for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) {
        const { evidence, from } = next
        if (convicted.has(evidence.offender)) continue
        const about = { peer: evidence.offender, round: evidence.round, kind: evidence.kind, from }
        try {
          const judgement = await decide(evidence, lookupFrom(from))
          const what = judgement.status === 'unproven' ? 'blobs could not be fetched' : judgement.what
          logger.warn(about, `accusation ${judgement.status}: ${what}`)
        } catch (error) {
          logger.warn({ ...about, err: error }, 'an accusation could not be judged')
        }
      }
    } finally {
      working = false
    }
  }

  return {
    consider(evidence, from) {
      if (convicted.has(evidence.offender) || waiting.length >= MAX_WAITING) return
      const known = waiting.some(
        (other) => other.from === from && other.evidence.offender === evidence.offender,
      )
      if (known) return
      waiting.push({ evidence, from })
      void work()
    },
    bring: (evidence, lookup) => decide(evidence, withInitialModel(lookup, run)),
    stop: () => controller.abort(new DOMException('stop', 'AbortError')),
  }
}
