import { z } from 'zod'
import {
  contradicts,
  decodeAnnouncement,
  type SignedAnnouncement,
  verifyAnnouncement,
} from './announcement.js'
import { compareBytes, decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
import { decodeEntry, type SignedEntry, verifyEntry } from './entry.js'
import { ProtocolError } from './errors.js'
import { bytesField, parseFields } from './fields.js'
import { decodeGroupWord, groupWordsContradict, type SignedGroupWord, verifyGroupWord } from './group-word.js'
import { decodeHead, forks, type SignedHead, verifyHead } from './head.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION, type Run } from './manifest.js'

const version = z.literal(PROTOCOL_VERSION)
const evidenceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    version,
    kind: z.literal('announcement-equivocation'),
    /** Bytes of the two signed announcements, the lexicographically smaller first. */
    first: bytesField,
    second: bytesField,
  }),
  z.strictObject({
    version,
    kind: z.literal('forked-ledger'),
    /** Bytes of the two signed heads, the lexicographically smaller first. */
    first: bytesField,
    second: bytesField,
  }),
  z.strictObject({
    version,
    kind: z.literal('entry-equivocation'),
    /** Bytes of the two signed entries, the lexicographically smaller first. */
    first: bytesField,
    second: bytesField,
  }),
  z.strictObject({
    version,
    kind: z.literal('group-word-equivocation'),
    /** Bytes of the two signed words, the lexicographically smaller first. */
    first: bytesField,
    second: bytesField,
  }),
  z.strictObject({
    version,
    kind: z.literal('invalid-model'),
    /** Bytes of the signed announcement of a blob that is not a model of the run. */
    announcement: bytesField,
  }),
  z.strictObject({
    version,
    kind: z.literal('wrong-aggregate'),
    /** Bytes of the signed entry that names an aggregate, a verdict or a weight that its rule does not produce. */
    entry: bytesField,
  }),
])

interface EvidenceBase {
  readonly bytes: Uint8Array
  /** Peer id of the accused member. */
  readonly offender: string
  readonly round: number
}

/**
 * A portable proof of a member's misbehaviour. It needs no signature of its finder: anyone can check it. Two signed
 * messages that contradict each other prove themselves. The other kinds are proven by blobs whose hashes are in what
 * the offender signed, so `openEvidence` alone does not convict for them.
 */
export type Evidence = EvidenceBase &
  (
    | {
        readonly kind: 'announcement-equivocation'
        readonly announcements: readonly [SignedAnnouncement, SignedAnnouncement]
      }
    | { readonly kind: 'forked-ledger'; readonly heads: readonly [SignedHead, SignedHead] }
    | { readonly kind: 'entry-equivocation'; readonly entries: readonly [SignedEntry, SignedEntry] }
    | {
        readonly kind: 'group-word-equivocation'
        readonly words: readonly [SignedGroupWord, SignedGroupWord]
      }
    | { readonly kind: 'invalid-model'; readonly announcement: SignedAnnouncement }
    | { readonly kind: 'wrong-aggregate'; readonly entry: SignedEntry }
  )

export type EvidenceKind = Evidence['kind']
type EvidenceOf<K extends EvidenceKind> = Extract<Evidence, { readonly kind: K }>

/** True for evidence that convicts by its bytes alone; the other kinds need blobs. */
export function provesItself(evidence: Evidence): boolean {
  return evidence.kind !== 'invalid-model' && evidence.kind !== 'wrong-aggregate'
}

/** The evidence that two contradicting announcements form, in its one encoding. */
export function makeEvidence(
  a: SignedAnnouncement,
  b: SignedAnnouncement,
): EvidenceOf<'announcement-equivocation'> {
  const { pair: announcements, ...evidence } = contradiction(
    'announcement-equivocation',
    contradicts(a.body, b.body),
    a,
    b,
  )
  return { ...evidence, announcements }
}

/** The evidence that two heads of one author at one height form. */
export function makeForkEvidence(a: SignedHead, b: SignedHead): EvidenceOf<'forked-ledger'> {
  const { pair: heads, ...evidence } = contradiction('forked-ledger', forks(a.body, b.body), a, b)
  return { ...evidence, heads }
}

/** The evidence that two entries of one author at one height form, as two copies of its ledger may show. */
export function makeEntryEvidence(a: SignedEntry, b: SignedEntry): EvidenceOf<'entry-equivocation'> {
  const same = a.body.author === b.body.author && a.body.run.equals(b.body.run)
  const holds = same && a.body.height === b.body.height && !a.cid.equals(b.cid)
  const { pair: entries, ...evidence } = contradiction('entry-equivocation', holds, a, b)
  return { ...evidence, entries }
}

/** The evidence that two words of one kind that a member said in one private round form. */
export function makeGroupWordEvidence(
  a: SignedGroupWord,
  b: SignedGroupWord,
): EvidenceOf<'group-word-equivocation'> {
  const { pair: words, ...evidence } = contradiction(
    'group-word-equivocation',
    groupWordsContradict(a, b),
    a,
    b,
  )
  return { ...evidence, words }
}

/** Two signed messages as evidence, the lexicographically smaller first. Throws E_EVIDENCE unless `holds`. */
function contradiction<
  K extends EvidenceKind,
  M extends {
    readonly bytes: Uint8Array
    readonly body: { readonly author: string; readonly round: number }
  },
>(kind: K, holds: boolean, a: M, b: M) {
  if (!holds) {
    throw new ProtocolError(
      'E_EVIDENCE',
      `evidence of ${kind}: the two messages do not contradict each other`,
    )
  }
  const pair: readonly [M, M] = compareBytes(a.bytes, b.bytes) < 0 ? [a, b] : [b, a]
  const [first, second] = pair
  return {
    kind,
    bytes: encodeCanonical({ version: PROTOCOL_VERSION, kind, first: first.bytes, second: second.bytes }),
    offender: first.body.author,
    round: first.body.round,
    pair,
  }
}

/** The accusation that the blob named in an announcement is not a model of the run; the blob proves it. */
export function accuseModel(announcement: SignedAnnouncement): EvidenceOf<'invalid-model'> {
  const kind = 'invalid-model'
  return {
    kind,
    bytes: encodeCanonical({ version: PROTOCOL_VERSION, kind, announcement: announcement.bytes }),
    offender: announcement.body.author,
    round: announcement.body.round,
    announcement,
  }
}

/** The accusation that an entry's rule does not produce what the entry says; the blobs it names prove it. */
export function accuseEntry(entry: SignedEntry): EvidenceOf<'wrong-aggregate'> {
  const kind = 'wrong-aggregate'
  return {
    kind,
    bytes: encodeCanonical({ version: PROTOCOL_VERSION, kind, entry: entry.bytes }),
    offender: entry.body.author,
    round: entry.body.round,
    entry,
  }
}

/**
 * Decodes evidence and proves what its bytes alone can prove: that the offender signed the statements it is accused
 * of and, for two messages, that they contradict each other. Throws E_EVIDENCE when it proves nothing, E_SIGNATURE
 * when a signature is forged, E_WRONG_RUN or E_NOT_A_MEMBER when it is about another run or a non-member.
 */
export function openEvidence(bytes: Uint8Array, run: Run): Evidence {
  const evidence = decodeEvidence(bytes)
  for (const message of signedParts(evidence)) {
    if (!message.body.run.equals(run.id)) {
      throw new ProtocolError('E_WRONG_RUN', 'evidence: it is about another run')
    }
  }
  if (!run.rosterIndex.has(evidence.offender)) {
    throw new ProtocolError('E_NOT_A_MEMBER', `evidence: ${evidence.offender} is not a member of the run`)
  }
  switch (evidence.kind) {
    case 'announcement-equivocation':
      evidence.announcements.forEach(verifyAnnouncement)
      break
    case 'forked-ledger':
      evidence.heads.forEach(verifyHead)
      break
    case 'entry-equivocation':
      evidence.entries.forEach(verifyEntry)
      break
    case 'group-word-equivocation':
      for (const word of evidence.words) verifyGroupWord(word)
      break
    case 'invalid-model':
      verifyAnnouncement(evidence.announcement)
      break
    case 'wrong-aggregate':
      verifyEntry(evidence.entry)
      break
  }
  return evidence
}

/** Decodes evidence without checking signatures: enough to know the accused member. Throws as `openEvidence`. */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  const value = decodeCanonical(bytes, LIMITS.maxEvidenceBytes, 'evidence')
  const fields = parseFields(evidenceSchema, value, 'evidence')
  switch (fields.kind) {
    case 'announcement-equivocation':
      return inOrder(makeEvidence(decodeAnnouncement(fields.first), decodeAnnouncement(fields.second)), bytes)
    case 'forked-ledger':
      return inOrder(makeForkEvidence(decodeHead(fields.first), decodeHead(fields.second)), bytes)
    case 'entry-equivocation':
      return inOrder(makeEntryEvidence(decodeEntry(fields.first), decodeEntry(fields.second)), bytes)
    case 'group-word-equivocation':
      return inOrder(
        makeGroupWordEvidence(decodeGroupWord(fields.first), decodeGroupWord(fields.second)),
        bytes,
      )
    case 'invalid-model':
      return accuseModel(decodeAnnouncement(fields.announcement))
    case 'wrong-aggregate':
      return accuseEntry(decodeEntry(fields.entry))
  }
}

function signedParts(evidence: Evidence): readonly { readonly body: { readonly run: Run['id'] } }[] {
  switch (evidence.kind) {
    case 'announcement-equivocation':
      return evidence.announcements
    case 'forked-ledger':
      return evidence.heads
    case 'entry-equivocation':
      return evidence.entries
    case 'group-word-equivocation':
      return evidence.words
    case 'invalid-model':
      return [evidence.announcement]
    case 'wrong-aggregate':
      return [evidence.entry]
  }
}

/** Rejects evidence whose two messages are not in the canonical order. */
function inOrder<E extends Evidence>(evidence: E, bytes: Uint8Array): E {
  if (!equalBytes(evidence.bytes, bytes)) {
    throw new ProtocolError('E_EVIDENCE', 'evidence: its two messages are not in order')
  }
  return evidence
}
