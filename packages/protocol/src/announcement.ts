import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical } from './codec.js'
import {
  counter,
  documentLink,
  modelLink,
  parseFields,
  peerIdField,
  signatureField,
  statementField,
} from './fields.js'
import type { Signer } from './identity.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION, type Run } from './manifest.js'
import { type SignedMessage, signBody, verifySigned } from './signing.js'
import type { Statement } from './statement.js'
import { verifyStatement } from './statement-check.js'

/** "In this round my trained model is this blob." The announcement is gossiped; the blob itself is pulled. */
const announcementSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  author: peerIdField,
  /** 0-based. */
  round: counter,
  model: modelLink,
  /** Length of the blob in bytes, header included. */
  byteLength: counter,
  /** The author's newest ledger entry, or the run id before the first. */
  parent: documentLink,
  /** L2 norm of the parameters, as the author claims. Cannot be checked before the blob has arrived. */
  norm: z.number().min(0),
  /**
   * For rules that exchange opinions: what the author's last aggregation says about each of its neighbours, in member
   * order. 1 trusted, 0 not trusted, null no statement. Null for all other rules and before the first aggregation.
   */
  opinions: z
    .array(z.literal([0, 1]).nullable())
    .max(LIMITS.maxNeighbours)
    .nullable(),
  /** The author's account says the same (`announcementStatement`); only in runs whose manifest names accounts. */
  statement: statementField.optional(),
})
export type Announcement = z.infer<typeof announcementSchema>

export type SignedAnnouncement = SignedMessage<Announcement>

const signedAnnouncementSchema = z.strictObject({ body: announcementSchema, signature: signatureField })

/** Signs an announcement, and its statement if the signer has an account; one in the body is replaced. */
export function signAnnouncement(
  { statement: _, ...body }: Omit<Announcement, 'version' | 'author'>,
  signer: Signer,
): SignedAnnouncement {
  const statement = signer.account?.sign(announcementStatement(body))
  return signBody(
    'announcement',
    {
      version: PROTOCOL_VERSION,
      author: signer.peerId,
      ...body,
      ...(statement === undefined ? {} : { statement }),
    } as Announcement,
    signer,
  )
}

/** What an account says of an announcement. */
export function announcementStatement({
  run,
  round,
  model,
}: Pick<Announcement, 'run' | 'round' | 'model'>): Statement {
  return { kind: 'announcement', run: run.multihash.digest, slot: round, value: model.multihash.digest }
}

/** Checks size, encoding and fields, but not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL. */
export function decodeAnnouncement(bytes: Uint8Array): SignedAnnouncement {
  const value = decodeCanonical(bytes, LIMITS.maxAnnouncementBytes, 'announcement')
  return { ...parseFields(signedAnnouncementSchema, value, 'announcement'), bytes }
}

/** Throws E_SIGNATURE. */
export function verifyAnnouncement(message: SignedAnnouncement): void {
  verifySigned('announcement', message)
}

/** Throws E_STATEMENT unless the statement is the one that the run asks for. */
export function verifyAnnouncementStatement({ body }: SignedAnnouncement, run: Run): void {
  verifyStatement(body, announcementStatement(body), run)
}

/**
 * Decodes an announcement and checks its signature. Throws what `decodeAnnouncement` and `verifyAnnouncement` throw.
 */
export function openAnnouncement(bytes: Uint8Array): SignedAnnouncement {
  const message = decodeAnnouncement(bytes)
  verifyAnnouncement(message)
  return message
}

/** True when two announcements of one author for one round name different models: an equivocation. */
export function contradicts(a: Announcement, b: Announcement): boolean {
  return a.author === b.author && a.round === b.round && sameCid(a.run, b.run) && !sameCid(a.model, b.model)
}

function sameCid(a: CID, b: CID): boolean {
  return a.equals(b)
}
