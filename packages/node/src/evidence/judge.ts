import {
  decodeModel,
  type Evidence,
  firstNonFinite,
  ProtocolError,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
} from '@tempered/protocol'
import { createRunRule } from '../aggregate/run-rule.js'
import { NodeError } from '../errors.js'
import type { BlobLookup } from '../ledger/blob-folders.js'
import type { Difference } from '../ledger/difference.js'
import { createReplay } from '../ledger/replay.js'

/** The result of judging evidence with genuine signatures by its blobs. */
export type Judgement =
  | {
      readonly status: 'proven'
      /** What is wrong, in plain words. */
      readonly what: string
      /** For a wrong aggregate: the first field that differs from the computation. */
      readonly difference?: Difference
    }
  /** The accused did what it signed: the accuser was mistaken or lied. */
  | { readonly status: 'refuted'; readonly what: string }
  /** Blobs or entries that are needed to decide are missing. */
  | { readonly status: 'unproven'; readonly missing: readonly string[] }

/**
 * Judges evidence that `openEvidence` has opened (its signatures are genuine, its offender is a member of the run).
 * @param blobs a lookup of the models and memories that it is about; results must match the CID
 * @param parent for a wrong aggregate of any but the first entry: the previous entry, which rules with memory need.
 *   Throws E_PROOF when it is not the previous entry.
 */
export async function judgeEvidence(
  run: Run,
  evidence: Evidence,
  parent: SignedEntry | undefined,
  blobs: BlobLookup,
): Promise<Judgement> {
  if (evidence.kind === 'wrong-aggregate') return judgeEntry(run, evidence.entry, parent, blobs)
  if (evidence.kind === 'invalid-model') return judgeModel(run, evidence.announcement, blobs)
  return { status: 'proven', what: 'two signed messages contradict each other' }
}

async function judgeModel(run: Run, announcement: SignedAnnouncement, blobs: BlobLookup): Promise<Judgement> {
  const cid = announcement.body.model.toString()
  const blob = await blobs(cid)
  if (blob === undefined) return { status: 'unproven', missing: [cid] }
  const flaw = modelFlaw(blob, run.manifest.model.parameterCount)
  if (flaw !== undefined) return { status: 'proven', what: flaw.message }
  return { status: 'refuted', what: 'the blob that it announced is a model of the run, and finite' }
}

async function judgeEntry(
  run: Run,
  entry: SignedEntry,
  parent: SignedEntry | undefined,
  blobs: BlobLookup,
): Promise<Judgement> {
  const { height, author, parent: below } = entry.body
  if (parent !== undefined && (parent.body.author !== author || !parent.cid.equals(below)))
    throw new ProtocolError(
      'E_PROOF',
      `${parent.cid} is not the entry before entry ${height + 1} of ${author}`,
    )
  // The rule's memory is named in the previous entry: without it a correct entry could look wrong.
  if (parent === undefined && height > 0 && createRunRule(run.manifest.rule).usesMemory)
    return { status: 'unproven', missing: [below.toString()] }
  const finding = await createReplay(run, blobs).check(entry, parent)
  if (finding.status === 'unproven') return finding
  // So are the models of the round before, with which scores of contributions compare.
  if (
    finding.status === 'agrees' &&
    parent === undefined &&
    height > 0 &&
    entry.body.contribution?.neighbours
  )
    return { status: 'unproven', missing: [below.toString()] }
  if (finding.status === 'agrees')
    return { status: 'refuted', what: 'a replay of the round agrees with the entry, bit for bit' }
  const { difference } = finding
  return { status: 'proven', what: differenceText(difference), difference }
}

/** `aggregate, parameter 17: recorded 0.5, computed 0.25` */
export function differenceText({ field, coordinate, recorded, computed }: Difference): string {
  const where = coordinate === undefined ? field : `${field}, parameter ${coordinate}`
  return `${where}: recorded ${recorded}, computed ${computed}`
}

/** Why a blob is not a model that a round can use; undefined for a usable one. */
export function modelFlaw(blob: Uint8Array, parameterCount: number): NodeError | ProtocolError | undefined {
  try {
    const bad = firstNonFinite(decodeModel(blob, parameterCount))
    return bad < 0 ? undefined : new NodeError('E_NOT_FINITE', `parameter ${bad} is not finite`)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

/** CIDs of the blobs that are needed to judge evidence of this kind. */
export function blobsOfEvidence(evidence: Evidence, run: Run): readonly string[] {
  if (evidence.kind === 'invalid-model') return [evidence.announcement.body.model.toString()]
  if (evidence.kind !== 'wrong-aggregate') return []
  const { entry } = evidence
  const needs = createReplay(run, async () => undefined).needs(entry, undefined)
  return [...new Set([...needs, entry.body.aggregate.toString()])]
}
