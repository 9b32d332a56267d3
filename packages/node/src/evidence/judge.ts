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
import { createReplay, type Difference } from '../ledger/replay.js'

/** What evidence whose signatures are genuine comes to once the blobs behind it are looked at. */
export type Judgement =
  | {
      readonly status: 'proven'
      /** What is wrong, in plain words. */
      readonly what: string
      /** For a wrong aggregate: the first thing that is not as computed. */
      readonly difference?: Difference
    }
  /** The offender did what it signed: whoever brought it was mistaken or lied. */
  | { readonly status: 'refuted'; readonly what: string }
  /** Blobs or entries that would decide it are not at hand. */
  | { readonly status: 'unproven'; readonly missing: readonly string[] }

/**
 * Judges evidence that `openEvidence` has opened (its signatures are genuine, its offender is a member of the run).
 * @param blobs where the models and memories lie that it is about; what it gives must match the CID
 * @param parent for a wrong aggregate of any but the first entry: the entry below, which rules that remember need.
 *   Throws E_PROOF when it is not the entry below.
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
    throw new ProtocolError('E_PROOF', `${parent.cid} is not the entry below entry ${height} of ${author}`)
  // What the rule remembered stands in the entry below: without it a true entry could look wrong.
  if (parent === undefined && height > 0 && createRunRule(run.manifest.rule).usesMemory)
    return { status: 'unproven', missing: [below.toString()] }
  const finding = await createReplay(run, blobs).check(entry, parent)
  if (finding.status === 'unproven') return finding
  if (finding.status === 'agrees')
    return { status: 'refuted', what: 'replaying the round gives what the entry says, bit for bit' }
  const { difference } = finding
  return { status: 'proven', what: differenceText(difference), difference }
}

/** `aggregate, parameter 17: recorded 0.5, computed 0.25` */
export function differenceText({ field, coordinate, recorded, computed }: Difference): string {
  const where = coordinate === undefined ? field : `${field}, parameter ${coordinate}`
  return `${where}: recorded ${recorded}, computed ${computed}`
}

/** What keeps a blob from being a model that a round can use; undefined for a good one. */
export function modelFlaw(blob: Uint8Array, parameterCount: number): NodeError | ProtocolError | undefined {
  try {
    const bad = firstNonFinite(decodeModel(blob, parameterCount))
    return bad < 0 ? undefined : new NodeError('E_NOT_FINITE', `parameter ${bad} is not finite`)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

/** CIDs of the blobs without which evidence of this kind convinces nobody. */
export function blobsOfEvidence(evidence: Evidence, run: Run): readonly string[] {
  if (evidence.kind === 'invalid-model') return [evidence.announcement.body.model.toString()]
  if (evidence.kind !== 'wrong-aggregate') return []
  const { entry } = evidence
  const needs = createReplay(run, async () => undefined).needs(entry, undefined)
  return [...new Set([...needs, entry.body.aggregate.toString()])]
}
