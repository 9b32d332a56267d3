import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import type { SignedMessage } from './announcement.js'
import { decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
import { ProtocolError } from './errors.js'
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
import { PROTOCOL_VERSION, type Run } from './manifest.js'
import { inclusionPath, leafHash, merkleRoot, rootFromInclusion } from './merkle.js'
import { signBody, verifySigned } from './signing.js'

/** "My ledger now ends here, and this is where I saw others' ledgers end." */
const headSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  author: peerIdField,
  /** Height of the author's newest entry: 0 for the first. */
  height: counter,
  /** Round of that entry. */
  round: counter,
  entry: documentLink,
  /** CID of the previous entry, or the run id for the first. */
  parent: documentLink,
  /** Root of the Merkle tree (RFC 9162) whose leaves are the digests of the author's entries 0…height. */
  root: digestField,
  /** The co-signed heads of others: their number, and the root of the Merkle tree over them in list order. */
  witnessed: z.strictObject({ size: counter, root: digestField }),
})
export type Head = z.infer<typeof headSchema>
export type SignedHead = SignedMessage<Head>

/** Another member's head whose signature, link and tree the author of a head message has checked. */
export interface WitnessedHead {
  /** Whose head it is, as an index into the run's members. */
  readonly member: number
  readonly height: number
  /** SHA-256 digest of the entry. */
  readonly entry: Uint8Array
  /** Merkle root of the ledger up to that entry. */
  readonly root: Uint8Array
}

/** A signed head with the list that its signature covers; this is what is gossiped. */
export interface HeadMessage {
  readonly head: SignedHead
  readonly witnessed: readonly WitnessedHead[]
  readonly bytes: Uint8Array
}

const signedHeadSchema = z.strictObject({ body: headSchema, signature: signatureField })
const messageSchema = z.strictObject({ head: bytesField, witnessed: bytesField })

/**
 * Size of a witnessed head: member and height as big-endian uint32, then the two digests. Fixed and plain, because a
 * run of n members reads n² of them per round.
 */
const WITNESSED_BYTES = 4 + 4 + 32 + 32

function packWitnessed(heads: readonly WitnessedHead[]): Uint8Array {
  const packed = new Uint8Array(WITNESSED_BYTES * heads.length)
  const view = new DataView(packed.buffer)
  for (const [k, { member, height, entry, root }] of heads.entries()) {
    const at = WITNESSED_BYTES * k
    view.setUint32(at, member)
    view.setUint32(at + 4, height)
    packed.set(entry, at + 8)
    packed.set(root, at + 40)
  }
  return packed
}

function unpackWitnessed(packed: Uint8Array): WitnessedHead[] {
  const count = packed.byteLength / WITNESSED_BYTES
  if (!Number.isInteger(count) || count > LIMITS.maxWitnessedHeads)
    throw malformed(`${packed.byteLength} bytes are no list of witnessed heads`)
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: count }, (_, k) => {
    const at = WITNESSED_BYTES * k
    return {
      member: view.getUint32(at),
      height: view.getUint32(at + 4),
      entry: packed.slice(at + 8, at + 40),
      root: packed.slice(at + 40, at + 72),
    }
  })
}

/** Leaf hashes of a packed list. */
function witnessedLeaves(packed: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < packed.byteLength; at += WITNESSED_BYTES)
    leaves.push(leafHash(packed.subarray(at, at + WITNESSED_BYTES)))
  return leaves
}

/** Leaf data of the ledger tree for an entry. */
export function entryLeaf(entry: CID): Uint8Array {
  return leafHash(entry.multihash.digest)
}

/** Signs a head together with at most LIMITS.maxWitnessedHeads heads of others. */
export function signHead(
  body: Omit<Head, 'version' | 'author' | 'witnessed'>,
  witnessed: readonly WitnessedHead[],
  signer: Signer,
): HeadMessage {
  const packed = packWitnessed(witnessed)
  const signed = signBody(
    'head',
    {
      version: PROTOCOL_VERSION,
      author: signer.peerId,
      ...body,
      witnessed: { size: witnessed.length, root: merkleRoot(witnessedLeaves(packed)) },
    } as Head,
    signer,
  )
  const head: SignedHead = { ...signed, bytes: encodeCanonical(signed) }
  return { head, witnessed, bytes: encodeCanonical({ head: head.bytes, witnessed: packed }) }
}

/** Checks size, encoding and fields, but not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL. */
export function decodeHead(bytes: Uint8Array): SignedHead {
  const value = decodeCanonical(bytes, LIMITS.maxHeadBytes, 'head')
  return { ...parseFields(signedHeadSchema, value, 'head'), bytes }
}

/**
 * A head with its list. Checks size, encoding and fields, that the list is the signed one, and that it is ordered by
 * member and height, has each pair once and leaves out the author; not the signature. Throws E_TOO_LARGE,
 * E_MALFORMED, E_NOT_CANONICAL.
 */
export function decodeHeadMessage(bytes: Uint8Array, run: Run): HeadMessage {
  const value = decodeCanonical(bytes, LIMITS.maxHeadMessageBytes, 'head message')
  const fields = parseFields(messageSchema, value, 'head message')
  const head = decodeHead(fields.head)
  const witnessed = unpackWitnessed(fields.witnessed)
  const { size, root } = head.body.witnessed
  if (size !== witnessed.length || !equalBytes(root, merkleRoot(witnessedLeaves(fields.witnessed)))) {
    throw malformed('the list of witnessed heads is not the one that was signed')
  }
  const own = run.memberIndex.get(head.body.author)
  for (const [k, { member, height }] of witnessed.entries()) {
    if (member >= run.manifest.members.length || member === own) {
      throw malformed(`witnesses member ${member}`)
    }
    const before = witnessed[k - 1]
    if (
      before !== undefined &&
      (before.member > member || (before.member === member && before.height >= height))
    ) {
      throw malformed('witnessed heads are not in order of member and height')
    }
  }
  return { head, witnessed, bytes }
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('E_MALFORMED', `head message: ${what}`)
}

/** Throws E_SIGNATURE. */
export function verifyHead(message: SignedHead): void {
  verifySigned('head', message)
}

/** A co-signature of one head, taken from the list it was signed with: the witness's own head and a Merkle path. */
export interface Cosignature {
  /** Bytes of the witness's signed head. */
  readonly head: Uint8Array
  /** Position in its list. */
  readonly index: number
  readonly path: readonly Uint8Array[]
}

/** Element `index` of a message's list as a co-signature. */
export function cosignatureOf(message: HeadMessage, index: number): Cosignature {
  return {
    head: message.head.bytes,
    index,
    path: inclusionPath(witnessedLeaves(packWitnessed(message.witnessed)), index),
  }
}

/** The peer id of the witness that co-signed `head`. Throws E_PROOF, E_SIGNATURE and what decoding throws. */
export function verifyCosignature(cosignature: Cosignature, head: Head, run: Run): string {
  const witness = decodeHead(cosignature.head)
  const { author, run: ofRun, witnessed } = witness.body
  if (!ofRun.equals(run.id) || !run.memberIndex.has(author)) {
    throw new ProtocolError('E_PROOF', `co-signature: ${author} cannot be a witness in run ${run.id}`)
  }
  verifyHead(witness)
  const leaf = leafHash(packWitnessed([asWitnessed(head, run)]))
  const root = rootFromInclusion(leaf, cosignature.index, witnessed.size, cosignature.path)
  if (!equalBytes(root, witnessed.root)) {
    throw new ProtocolError('E_PROOF', `co-signature: ${author} did not sign for this head`)
  }
  return author
}

/** A head in the form in which a witness lists it. Throws E_NOT_A_MEMBER. */
export function asWitnessed(head: Head, run: Run): WitnessedHead {
  const member = run.memberIndex.get(head.author)
  if (member === undefined)
    throw new ProtocolError('E_NOT_A_MEMBER', `head: ${head.author} is no member of the run`)
  return { member, height: head.height, entry: head.entry.multihash.digest, root: head.root }
}

/** True when two heads of one author show different entries, or different trees, at one height: a forked ledger. */
export function forks(a: Head, b: Head): boolean {
  return (
    a.author === b.author &&
    a.height === b.height &&
    a.run.equals(b.run) &&
    !(a.entry.equals(b.entry) && equalBytes(a.root, b.root))
  )
}
