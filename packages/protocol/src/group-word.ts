import { z } from 'zod'
import { decodeCanonical, equalBytes } from './codec.js'
import {
  bytesField,
  counter,
  digestField,
  documentLink,
  parseFields,
  peerIdField,
  signatureField,
} from './fields.js'
import type { Signer } from './identity.js'
import { LIMITS } from './limits.js'
import { type SignedMessage, signBody, type VerifySignature, verifySigned } from './signing.js'

/** Version of the words of private rounds. */
export const GROUP_WORD_VERSION = 1

/** Members of a group are named by their places in it, which are in member order. */
const place = z
  .int()
  .min(0)
  .max(LIMITS.maxGroupMembers - 1)
const places = z.array(place).max(LIMITS.maxGroupMembers)

const common = {
  version: z.literal(GROUP_WORD_VERSION),
  run: documentLink,
  author: peerIdField,
  /** 0-based. */
  round: counter,
}

/**
 * What a member says to its group in a private round, one word of each kind per round; packages/secagg/src/session has
 * what the numbers mean. Numbers of the field are 8 bytes each, little-endian.
 */
const groupWordSchema = z.discriminatedUnion('kind', [
  /**
   * "My shares are dealt": SHA-256 of the two parts of each member's parcel, 32 bytes each; with pairwise masks also a key and the
   * SHA-256 of a seed, before the hashes of the second parts.
   */
  z.strictObject({ ...common, kind: z.literal('deal'), vectors: bytesField, masks: bytesField }),
  /** Test values about each parcel that the author holds, and members that it does not want in the sum. */
  z.strictObject({
    ...common,
    kind: z.literal('answers'),
    about: z
      .array(
        z.strictObject({
          dealer: place,
          /** SHA-256 of the dealer's word. */
          deal: digestField,
          values: bytesField,
        }),
      )
      .max(LIMITS.maxGroupMembers),
    refused: places,
  }),
  /** Its share of the squared distance of each pair of these dealers. */
  z.strictObject({ ...common, kind: z.literal('distances'), dealers: places, values: bytesField }),
  /** Which dealers are in the sum, with what weights; the digest names all that this follows from. */
  z.strictObject({
    ...common,
    kind: z.literal('vote'),
    decision: digestField,
    dealers: places,
    weights: z.array(z.int().min(0).max(65_535)).max(LIMITS.maxGroupMembers),
  }),
  /** "My model is masked": SHA-256 of the masked vector, which has masks of these dealers. */
  z.strictObject({ ...common, kind: z.literal('masked'), dealers: places, vector: digestField }),
  /** Check values of its share of the sum, and the SHA-256 of that share; with pairwise masks also its shares of their seeds. */
  z.strictObject({
    ...common,
    kind: z.literal('opening'),
    decision: digestField,
    values: bytesField,
    share: digestField,
  }),
  /** "I have added up the masked vectors": SHA-256 of their sum, and dealers whose check values are missing or wrong. */
  z.strictObject({
    ...common,
    kind: z.literal('combined'),
    decision: digestField,
    dealers: places,
    share: digestField,
  }),
  /** "What these dealers gave me does not fit": the author shows those parcels to its group. */
  z.strictObject({ ...common, kind: z.literal('complaint'), dealers: places }),
])

export type GroupWord = z.infer<typeof groupWordSchema>
export type GroupWordKind = GroupWord['kind']
export type GroupWordOf<K extends GroupWordKind> = Extract<GroupWord, { readonly kind: K }>
export type SignedGroupWord<K extends GroupWordKind = GroupWordKind> = SignedMessage<GroupWordOf<K>>

const signedSchema = z.strictObject({ body: groupWordSchema, signature: signatureField })

/** A word without what its signer adds. */
export type GroupWordBody = GroupWord extends infer W
  ? W extends GroupWord
    ? Omit<W, 'version' | 'author'>
    : never
  : never

export function signGroupWord(body: GroupWordBody, signer: Signer): SignedGroupWord {
  return signBody(
    'group-word',
    { version: GROUP_WORD_VERSION, author: signer.peerId, ...body } as GroupWord,
    signer,
  )
}

/** Checks size, encoding and fields, but not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL. */
export function decodeGroupWord(bytes: Uint8Array): SignedGroupWord {
  const value = decodeCanonical(bytes, LIMITS.maxGroupWordBytes, 'word of a group')
  return { ...parseFields(signedSchema, value, 'word of a group'), bytes }
}

/** Throws E_SIGNATURE. */
export function verifyGroupWord(word: SignedGroupWord, verify?: VerifySignature): void {
  verifySigned('group-word', word, verify)
}

/** True when one author said two different words of one kind in one round. */
export function groupWordsContradict(a: SignedGroupWord, b: SignedGroupWord): boolean {
  const [one, other] = [a.body, b.body]
  return (
    one.author === other.author &&
    one.round === other.round &&
    one.kind === other.kind &&
    one.run.equals(other.run) &&
    !equalBytes(saidIn(a), saidIn(b))
  )
}

/** All but the signature, which is at the end: one that is signed twice says the same. */
const saidIn = ({ bytes }: SignedGroupWord): Uint8Array => bytes.subarray(0, -64)
