import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../src/codec.js'
import { verifySignature } from '../../src/identity.js'
import { type SignedKind, signBody, verifySigned } from '../../src/signing.js'
import { codeOf, signers, stranger } from '../support/documents.js'

const KINDS: SignedKind[] = ['announcement', 'head', 'entry']
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
    expect(codeOf(() => verifySigned('entry', { body, signature: bare }))).toBe('E_SIGNATURE')
    const { signature } = signBody('entry', body, signers[0])
    expect(verifySignature(body.author, encodeCanonical(body), signature)).toBe(false)
  })

  it('do not verify when a field was changed or when another author is claimed', () => {
    const signed = signBody('head', body, signers[0])
    expect(codeOf(() => verifySigned('head', { ...signed, body: { ...body, text: 'hullo' } as never }))).toBe(
      'E_SIGNATURE',
    )
    const claimed = { ...signed, body: { ...body, author: signers[1].peerId } }
    expect(codeOf(() => verifySigned('head', claimed))).toBe('E_SIGNATURE')
  })

  it('cannot be signed in the name of another peer', () => {
    expect(codeOf(() => signBody('head', body, stranger))).toBe('E_WRONG_AUTHOR')
  })
})
