import {
  allocateModel,
  blobCid,
  decodeAnnouncement,
  ProtocolError,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import {
  decodeMean,
  elementsIn,
  fieldKernels,
  isOpenedSum,
  openTranscript,
  SecaggError,
  weightOf,
} from '@tempered/secagg'
import type { BlobLookup } from './blob-folders.js'
import type { Difference } from './difference.js'

/** CIDs of the blobs that a private round is checked by. */
export function privateNeeds({ body }: SignedEntry): string[] {
  const { privacy } = body
  if (privacy === undefined) return []
  return [privacy.transcript, privacy.sum].flatMap((cid) => (cid === null ? [] : [cid.toString()]))
}

/**
 * Computes the verdicts of a private round again from what its members have said, and checks that the announced model is the
 * opened sum. Gives the first difference. The blobs of `privateNeeds` must be there.
 *
 * @param initial - the parameters with which the run began, length d
 * @param parent - the entry before, undefined for the first, or where it is not known
 */
export async function comparePrivateRound(
  run: Run,
  { body }: SignedEntry,
  blobs: BlobLookup,
  initial: Float32Array,
  parent: SignedEntry | undefined,
): Promise<Difference | undefined> {
  const { privacy } = body
  if (privacy === undefined) return undefined
  const transcript = await blobs(privacy.transcript.toString())
  let opened: ReturnType<typeof openTranscript>
  try {
    opened = openTranscript(run, transcript!)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { field: 'privacy.transcript', recorded: 'a transcript of the round', computed: error.message }
  }
  const { group, decision } = opened
  // A node that the others have overtaken announces what it has for their round: then its last entry is older than that.
  const isOld = parent !== undefined && group.round <= parent.body.round
  const isEarly = body.height === 0 ? false : parent === undefined && group.round !== body.round
  if (opened.author !== body.author || group.round > body.round || isOld || isEarly)
    return {
      field: 'privacy.transcript',
      recorded: `of round ${body.round} by ${body.author}`,
      computed: `of round ${group.round} by ${opened.author}`,
    }
  if ((opened.opened === undefined) !== (privacy.sum === null))
    return {
      field: 'privacy.sum',
      recorded: privacy.sum === null ? 'none' : 'a sum',
      computed: opened.opened === undefined ? `none: ${opened.reason}` : 'a sum',
    }
  if (opened.opened === undefined) return undefined
  // What a member has heard may not suffice to come to the same decision; then the votes of the others count.
  if (typeof decision === 'object' && hex(decision.digest) !== hex(opened.opened.digest))
    return { field: 'privacy.decision', recorded: hex(opened.opened.digest), computed: hex(decision.digest) }
  const sum = tryElements((await blobs(privacy.sum!.toString()))!)
  if (sum === undefined || !isOpenedSum(opened, sum, fieldKernels()))
    return {
      field: 'privacy.sum',
      recorded: privacy.sum!.toString(),
      computed: 'not the sum of the shares that were opened',
    }
  const model = allocateModel(run.manifest.model.parameterCount)
  decodeMean(group.plan.encoding, sum, weightOf(opened.opened), initial, model.parameters)
  const due = blobCid(model.bytes).toString()
  const recorded = decodeAnnouncement(body.announcement).body.model.toString()
  return recorded === due ? undefined : { field: 'announcement', recorded, computed: due }
}

function tryElements(bytes: Uint8Array): BigUint64Array | undefined {
  if (bytes.byteLength % 8 !== 0) return undefined
  try {
    return elementsIn(bytes)
  } catch (error) {
    if (error instanceof SecaggError) return undefined
    throw error
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
