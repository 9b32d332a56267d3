import { concatenated, encodeCanonical, equalBytes } from './codec.js'
import { ProtocolError } from './errors.js'
import { type Signer, verifySignature } from './identity.js'

/** What a signature is for. A signature for one kind is not valid for another. */
export type SignedKind =
  | 'announcement'
  | 'head'
  | 'entry'
  | 'block'
  | 'chain-message'
  | 'group-word'
  | 'approval'
  | 'invitation'

/** A body with its author's signature over `tempered/<kind>/v1`, a NUL byte and the body's canonical bytes. */
export interface Signed<B> {
  readonly body: B
  /** 64-byte Ed25519 signature. */
  readonly signature: Uint8Array
}

/** A signed body with its canonical bytes: as it was signed or as it arrived, for forwarding and for evidence. */
export interface SignedMessage<B> extends Signed<B> {
  readonly bytes: Uint8Array
}

/** Whether a signature over these bytes is this peer's: `verifySignature`, or a cheap one in tests of many schedules. */
export type VerifySignature = (peerId: string, bytes: Uint8Array, signature: Uint8Array) => boolean

interface Authored {
  /** Peer id of the signer. */
  readonly author: string
}

const DOMAINS: Readonly<Record<SignedKind, Uint8Array>> = {
  announcement: domainOf('announcement'),
  head: domainOf('head'),
  entry: domainOf('entry'),
  block: domainOf('block'),
  'chain-message': domainOf('chain-message'),
  'group-word': domainOf('group-word'),
  approval: domainOf('approval'),
  invitation: domainOf('invitation'),
}

function domainOf(kind: SignedKind): Uint8Array {
  return new TextEncoder().encode(`tempered/${kind}/v1\0`)
}

/**
 * The canonical encoding of { body, signature } is the body's own between two constants, before the 64 bytes of the
 * signature. So a message is signed and verified without encoding its body a second time.
 */
const BEFORE_BODY = encodeCanonical({ body: 0 }).slice(0, -1).with(0, 0xa2)
const SIGNATURE_BYTES = 64
const BEFORE_SIGNATURE = encodeCanonical({ signature: new Uint8Array(SIGNATURE_BYTES) }).slice(
  1,
  -SIGNATURE_BYTES,
)
const AFTER_BODY = BEFORE_SIGNATURE.byteLength + SIGNATURE_BYTES

/** The body's canonical bytes inside those of a signed message; undefined where they are not such a message. */
function bodyInside(bytes: Uint8Array): Uint8Array | undefined {
  const end = bytes.byteLength - AFTER_BODY
  const fits =
    end > BEFORE_BODY.byteLength &&
    equalBytes(bytes.subarray(0, BEFORE_BODY.byteLength), BEFORE_BODY) &&
    equalBytes(bytes.subarray(end, end + BEFORE_SIGNATURE.byteLength), BEFORE_SIGNATURE)
  return fits ? bytes.subarray(BEFORE_BODY.byteLength, end) : undefined
}

/** Signs a body; its `author` must be the signer, else E_WRONG_AUTHOR. */
export function signBody<B extends Authored>(kind: SignedKind, body: B, signer: Signer): SignedMessage<B> {
  if (body.author !== signer.peerId) {
    throw new ProtocolError(
      'E_WRONG_AUTHOR',
      `${kind}: author ${body.author} cannot be signed by ${signer.peerId}`,
    )
  }
  const encoded = encodeCanonical(body)
  const signature = signer.sign(concatenated(DOMAINS[kind], encoded))
  return { body, signature, bytes: concatenated(BEFORE_BODY, encoded, BEFORE_SIGNATURE, signature) }
}

/**
 * Throws E_SIGNATURE unless the signature was made with the author's key over the body inside `bytes`, which must be
 * the canonical bytes that the other fields were decoded from.
 */
export function verifySigned(
  kind: SignedKind,
  { body, signature, bytes }: SignedMessage<Authored>,
  verify: VerifySignature = verifySignature,
): void {
  const signed = bodyInside(bytes)
  if (signed !== undefined && verify(body.author, concatenated(DOMAINS[kind], signed), signature)) return
  throw new ProtocolError('E_SIGNATURE', `${kind}: the signature is not ${body.author}'s`, {
    author: body.author,
  })
}
