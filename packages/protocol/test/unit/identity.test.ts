import { describe, expect, it } from 'vitest'
import {
  createSigner,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  verifySignature,
} from '../../src/identity.js'
import { codeOf, fromHex, hex, signers } from '../support/documents.js'

describe('peer ids', () => {
  it('carry the public key there and back', () => {
    for (const { peerId } of signers) {
      expect(peerId).toMatch(/^12D3Koo/)
      expect(peerIdFromPublicKey(publicKeyFromPeerId(peerId))).toBe(peerId)
    }
  })

  it.each([
    ['no base58', '12D3KooW0OIl'],
    ['an empty string', ''],
    ['an RSA id', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['a secp256k1 id', '16Uiu2HAm3rVUVvVN4QuDEXm9CkcjMEJ9Hvz8PZyXqJ5hjVoTr2gP'],
    ['an id of the right length with another prefix', `12D3Koo${'z'.repeat(45)}`],
    ['an id that is one character short', signers[0].peerId.slice(0, -1)],
  ])('refuses %s', (_what, id) => {
    expect(codeOf(() => publicKeyFromPeerId(id))).toBe('E_MALFORMED')
  })
})

describe('signers', () => {
  it.each([31, 33, 0, 64])('refuse a seed of %i bytes', (length) => {
    expect(codeOf(() => createSigner(new Uint8Array(length)))).toBe('E_MALFORMED')
  })

  it('create signatures that only their own peer id verifies, over exactly these bytes', () => {
    const bytes = fromHex('0102030405')
    const signature = signers[0].sign(bytes)
    expect(signature.byteLength).toBe(64)
    expect(verifySignature(signers[0].peerId, bytes, signature)).toBe(true)
    expect(verifySignature(signers[1].peerId, bytes, signature)).toBe(false)
    expect(verifySignature(signers[0].peerId, fromHex('0102030406'), signature)).toBe(false)
  })

  it('know a signature of which any bit is flipped as false', () => {
    const bytes = fromHex('00ff')
    const signature = signers[0].sign(bytes)
    for (let bit = 0; bit < 512; bit++) {
      const changed = signature.slice()
      changed[bit >> 3] ^= 1 << (bit & 7)
      expect(verifySignature(signers[0].peerId, bytes, changed)).toBe(false)
    }
  })

  it('know a signature whose S was raised by the group order as false', () => {
    const bytes = fromHex('00ff')
    const signature = signers[0].sign(bytes)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const s = BigInt(`0x${hex(signature.slice(32).reverse())}`) + order
    const raised = signature.slice()
    raised.set(fromHex(s.toString(16).padStart(64, '0')).reverse(), 32)
    expect(verifySignature(signers[0].peerId, bytes, raised)).toBe(false)
  })

  it.each([0, 63, 65])('answer false, not an error, to a signature of %i bytes', (length) => {
    expect(verifySignature(signers[0].peerId, new Uint8Array(3), new Uint8Array(length))).toBe(false)
  })
})
