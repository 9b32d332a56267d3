import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
import {
  type CosignedReference,
  inListOrder,
  packReference,
  referenceSchema,
  referTo,
  unpackReference,
} from './cosigned-reference.js'
import { ProtocolError } from './errors.js'
import {
  bytesField,
  counter,
  digestField,
  documentLink,
  parseFields,
  peerIdField,
  signatureField,
  statementField,
} from './fields.js'
import type { Signer } from './identity.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION, type Run } from './manifest.js'
import { leafHash, merkleRoot, rootFromInclusion } from './merkle.js'
import { type SignedMessage, signBody, verifySigned } from './signing.js'
import type { Statement } from './statement.js'
import { verifyStatement } from './statement-check.js'

/** "My ledger now ends here, and this is where I saw others' ledgers end." */
const headSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  /** Epoch of the run that the author was in: whose roster its lists count by. Absent before the first change. */
  epoch: documentLink.optional(),
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
  /** The author's account says the same (`headStatement`); only in runs whose manifest names accounts. */
  statement: statementField.optional(),
})
export type Head = z.infer<typeof headSchema>
export type SignedHead = SignedMessage<Head>

/** A head in the form in which a witness lists it. */
export interface WitnessedHead {
  /** Whose head it is, as an index into the run's roster. */
  readonly member: number
  readonly height: number
  readonly round: number
  /** Hash of its leaf in the tree over a list of witnessed heads; see `witnessedLeaf`. */
  readonly leaf: Uint8Array
}

/** A head with a reference to the list that its signature covers; this is what is gossiped. */
export interface HeadMessage {
  readonly head: SignedHead
  readonly cosigned: CosignedReference
  readonly bytes: Uint8Array
}

const signedHeadSchema = z.strictObject({ body: headSchema, signature: signatureField })
const messageSchema = z.strictObject({ head: bytesField, cosigned: referenceSchema })

/**
 * Leaf of a witnessed head: member and height as big-endian uint32, then the digests of its entry (SHA-256) and its
 * tree. Fixed and plain, so that every node computes it once per head.
 */
function witnessedLeaf(member: number, { height, entry, root }: Head): Uint8Array {
  const packed = new Uint8Array(4 + 4 + 32 + 32)
  const view = new DataView(packed.buffer)
  view.setUint32(0, member)
  view.setUint32(4, height)
  packed.set(entry.multihash.digest, 8)
  packed.set(root, 40)
  return leafHash(packed)
}

/** Leaf data of the ledger tree for an entry. */
export function entryLeaf(entry: CID): Uint8Array {
  return leafHash(entry.multihash.digest)
}

/**
 * Signs a head together with heads of others, in any order, each once, and its statement if the signer has an account; one
 * in the body is replaced.
 */
export function signHead(
  { statement: _, ...body }: Omit<Head, 'version' | 'author' | 'witnessed'>,
  witnessed: readonly WitnessedHead[],
  signer: Signer,
): HeadMessage {
  const list = inListOrder(witnessed)
  const statement = signer.account?.sign(headStatement(body))
  const head = signBody(
    'head',
    {
      version: PROTOCOL_VERSION,
      author: signer.peerId,
      ...body,
      witnessed: { size: list.length, root: merkleRoot(list.map(({ leaf }) => leaf)) },
      ...(statement === undefined ? {} : { statement }),
    } as Head,
    signer,
  )
  const cosigned = referTo(list)
  return { head, cosigned, bytes: encodeCanonical({ head: head.bytes, cosigned: packReference(cosigned) }) }
}

/** What an account says of a head. */
export function headStatement({ run, height, entry }: Pick<Head, 'run' | 'height' | 'entry'>): Statement {
  return { kind: 'head', run: run.multihash.digest, slot: height, value: entry.multihash.digest }
}

/** Throws E_STATEMENT unless the statement is the one that the run asks for. */
export function verifyHeadStatement({ body }: SignedHead, run: Run): void {
  verifyStatement(body, headStatement(body), run)
}

/** Checks size, encoding and fields, but not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL. */
export function decodeHead(bytes: Uint8Array): SignedHead {
  const value = decodeCanonical(bytes, LIMITS.maxHeadBytes, 'head')
  return { ...parseFields(signedHeadSchema, value, 'head'), bytes }
}

/**
 * A head with the reference to its list. Checks size, encoding and fields, and that the reference names as many heads
 * as were signed for; not the signature, and not the list, for which the heads in it are needed. Throws E_TOO_LARGE,
 * E_MALFORMED, E_NOT_CANONICAL.
 */
export function decodeHeadMessage(bytes: Uint8Array, run: Run): HeadMessage {
  const value = decodeCanonical(bytes, LIMITS.maxHeadMessageBytes, 'head message')
  const fields = parseFields(messageSchema, value, 'head message')
  const head = decodeHead(fields.head)
  const cosigned = unpackReference(fields.cosigned, viewOfHead(head.body, run).roster.length)
  const { size } = head.body.witnessed
  if (size !== cosigned.size) {
    throw new ProtocolError(
      'E_MALFORMED',
      `head message: ${size} co-signed heads were signed for, but ${cosigned.size} are named`,
    )
  }
  return { head, cosigned, bytes }
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

/** The run in the epoch of a head. Throws E_EPOCH for one that is not known. */
export function viewOfHead({ epoch }: Head, run: Run): Run {
  const view = run.viewOf(epoch)
  if (view !== undefined) return view
  throw new ProtocolError('E_EPOCH', `head: it is of epoch ${epoch}, which is not known here`)
}

/** The peer id of the witness that co-signed `head`. Throws E_PROOF, E_SIGNATURE and what decoding throws. */
export function verifyCosignature(cosignature: Cosignature, head: Head, run: Run): string {
  const witness = decodeHead(cosignature.head)
  const { author, run: ofRun, witnessed } = witness.body
  if (!ofRun.equals(run.id) || !run.memberIndex.has(author)) {
    throw new ProtocolError('E_PROOF', `co-signature: ${author} cannot be a witness in run ${run.id}`)
  }
  verifyHead(witness)
  const { leaf } = asWitnessed(head, run)
  const root = rootFromInclusion(leaf, cosignature.index, witnessed.size, cosignature.path)
  if (!equalBytes(root, witnessed.root)) {
    throw new ProtocolError('E_PROOF', `co-signature: ${author} did not sign for this head`)
  }
  return author
}

/** A head in the form in which a witness lists it. Throws E_NOT_A_MEMBER. */
export function asWitnessed(head: Head, run: Run): WitnessedHead {
  const member = run.rosterIndex.get(head.author)
  if (member === undefined)
    throw new ProtocolError('E_NOT_A_MEMBER', `head: ${head.author} is not a member of the run`)
  return { member, height: head.height, round: head.round, leaf: witnessedLeaf(member, head) }
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
