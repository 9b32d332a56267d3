import { describe, expect, it } from 'vitest'
import { encodeCanonical, equalBytes } from '../../src/codec.js'
import { verifySignature } from '../../src/identity.js'
import { type SignedKind, signBody, verifySigned } from '../../src/signing.js'
import { codeOf, signers, stranger } from '../support/documents.js'

const KINDS: SignedKind[] = ['announcement', 'head', 'entry']
const message = (claimed: typeof body, signature: Uint8Array) => ({
  body: claimed,
  signature,
  bytes: encodeCanonical({ body: claimed, signature }),
})
const body = { author: signers[0].peerId, text: 'hello' }

describe('signed bodies', () => {
  it('verify for the kind they were signed as and for no other', () => {
    for (const kind of KINDS) {
      const signed = signBody(kind, body, signers[0])
      for (const other of KINDS) {
        if (other === kind) expect(() => verifySigned(other, signed)).not.toThrow()
        else expect(codeOf(() => verifySigned(other, signed))).toBe('E_SIGNATURE')
      }
    }
  })

  it('are signed under a domain: a signature of the bare bytes is not valid, and vice versa', () => {
    const bare = signers[0].sign(encodeCanonical(body))
    expect(codeOf(() => verifySigned('entry', message(body, bare)))).toBe('E_SIGNATURE')
    const { signature } = signBody('entry', body, signers[0])
    expect(verifySignature(body.author, encodeCanonical(body), signature)).toBe(false)
  })

  it('do not verify when a field was changed or when another author is claimed', () => {
    const { signature } = signBody('head', body, signers[0])
    for (const other of [
      { ...body, text: 'hullo' },
      { ...body, author: signers[1].peerId },
    ])
      expect(codeOf(() => verifySigned('head', message(other, signature)))).toBe('E_SIGNATURE')
  })

  it('do not verify when their bytes are no signed message', () => {
    const signed = signBody('head', body, signers[0])
    for (const bytes of [
      new Uint8Array(),
      signed.bytes.slice(1),
      signed.bytes.slice(0, -1),
      encodeCanonical(body),
    ])
      expect(codeOf(() => verifySigned('head', { ...signed, bytes }))).toBe('E_SIGNATURE')
  })

  it('have the canonical bytes of body and signature', () => {
    const { signature, bytes } = signBody('entry', body, signers[0])
    expect(equalBytes(bytes, encodeCanonical({ body, signature }))).toBe(true)
  })

  it('cannot be signed in the name of another peer', () => {
    expect(codeOf(() => signBody('head', body, stranger))).toBe('E_WRONG_AUTHOR')
  })
})
