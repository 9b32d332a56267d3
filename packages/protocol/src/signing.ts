import { encodeCanonical } from './codec.js'
import { ProtocolError } from './errors.js'
import { type Signer, verifySignature } from './identity.js'

/** What a signature is for. A signature for one kind is not valid for another. */
export type SignedKind = 'announcement' | 'head' | 'entry'

/** A body with its author's signature over `tempered/<kind>/v1`, a NUL byte and the body's canonical bytes. */
export interface Signed<B> {
  readonly body: B
  /** 64-byte Ed25519 signature. */
  readonly signature: Uint8Array
}

interface Authored {
  /** Peer id of the signer. */
  readonly author: string
}

function preimage(kind: SignedKind, body: unknown): Uint8Array {
  const domain = new TextEncoder().encode(`tempered/${kind}/v1\0`)
  const bytes = encodeCanonical(body)
  const all = new Uint8Array(domain.byteLength + bytes.byteLength)
  all.set(domain)
  all.set(bytes, domain.byteLength)
  return all
}

/** Signs a body; its `author` must be the signer, else E_WRONG_AUTHOR. */
export function signBody<B extends Authored>(kind: SignedKind, body: B, signer: Signer): Signed<B> {
  if (body.author !== signer.peerId) {
    throw new ProtocolError(
      'E_WRONG_AUTHOR',
      `${kind}: author ${body.author} cannot be signed by ${signer.peerId}`,
    )
  }
  return { body, signature: signer.sign(preimage(kind, body)) }
}

/** Throws E_SIGNATURE unless the signature was made with the author's key. */
export function verifySigned(kind: SignedKind, signed: Signed<Authored>): void {
  if (!verifySignature(signed.body.author, preimage(kind, signed.body), signed.signature)) {
    throw new ProtocolError('E_SIGNATURE', `${kind}: the signature is not ${signed.body.author}'s`, {
      author: signed.body.author,
    })
  }
}
