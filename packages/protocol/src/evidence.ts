import { z } from 'zod'
import { compareBytes, decodeCanonical, encodeCanonical } from './codec.js'
import { ProtocolError } from './errors.js'
import { bytesField, parseFields } from './fields.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION, type Run } from './manifest.js'
import { contradicts, decodeAnnouncement, type SignedAnnouncement, verifyAnnouncement } from './messages.js'

/**
 * A portable proof that a member told two stories: two signed announcements of one author for one round with
 * different models. It needs no signature of whoever found it: anyone can check it from the bytes alone.
 */
const evidenceSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  kind: z.literal('announcement-equivocation'),
  /** Bytes of the two signed announcements, the lexicographically smaller first. */
  first: bytesField,
  second: bytesField,
})

export interface Evidence {
  readonly bytes: Uint8Array
  readonly offender: string
  readonly round: number
  readonly announcements: readonly [SignedAnnouncement, SignedAnnouncement]
}

/** The evidence that two contradicting announcements form, in its one encoding. */
export function makeEvidence(a: SignedAnnouncement, b: SignedAnnouncement): Evidence {
  if (!contradicts(a.body, b.body)) {
    throw new ProtocolError('E_EVIDENCE', 'evidence: the two announcements do not contradict each other')
  }
  const [first, second] = compareBytes(a.bytes, b.bytes) < 0 ? [a, b] : [b, a]
  const bytes = encodeCanonical({
    version: PROTOCOL_VERSION,
    kind: 'announcement-equivocation',
    first: first.bytes,
    second: second.bytes,
  })
  return { bytes, offender: a.body.author, round: a.body.round, announcements: [first, second] }
}

/**
 * Decodes and proves evidence against a run. Throws E_EVIDENCE when it proves nothing, E_SIGNATURE when an
 * announcement is forged, E_WRONG_RUN or E_NOT_A_MEMBER when it is about others.
 */
export function openEvidence(bytes: Uint8Array, run: Run): Evidence {
  const value = decodeCanonical(bytes, LIMITS.maxEvidenceBytes, 'evidence')
  const fields = parseFields(evidenceSchema, value, 'evidence')
  const first = decodeAnnouncement(fields.first)
  const second = decodeAnnouncement(fields.second)
  if (!first.body.run.equals(run.id) || !second.body.run.equals(run.id)) {
    throw new ProtocolError('E_WRONG_RUN', 'evidence: about another run')
  }
  if (!run.memberIndex.has(first.body.author)) {
    throw new ProtocolError('E_NOT_A_MEMBER', `evidence: ${first.body.author} is no member of the run`)
  }
  if (!contradicts(first.body, second.body)) {
    throw new ProtocolError('E_EVIDENCE', 'evidence: the two announcements do not contradict each other')
  }
  if (compareBytes(fields.first, fields.second) >= 0) {
    throw new ProtocolError('E_EVIDENCE', 'evidence: announcements are not in order')
  }
  verifyAnnouncement(first)
  verifyAnnouncement(second)
  return { bytes, offender: first.body.author, round: first.body.round, announcements: [first, second] }
}
