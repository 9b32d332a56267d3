import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { contradicts, decodeAnnouncement, verifyAnnouncement } from '../../src/announcement.js'
import { encodeCanonical } from '../../src/codec.js'
import { documentCid } from '../../src/hashing.js'
import { decodeHead, verifyHead } from '../../src/head.js'
import { LIMITS } from '../../src/limits.js'
import { announce, codeOf, headMessage, modelCid, otherRun, refusal, signers } from '../support/documents.js'

const announcement = announce(signers[0], 3)
const { head } = headMessage(signers[0], 2)

const MESSAGES = {
  announcement: {
    message: announcement,
    decode: decodeAnnouncement,
    verify: verifyAnnouncement as (message: never) => void,
    maxBytes: LIMITS.maxAnnouncementBytes,
    wrong: {
      version: [1, 3, '2'],
      run: ['x', modelCid(1), null],
      author: ['someone', 5],
      round: [-1, 0.5, '3', null],
      model: [documentCid(Uint8Array.of(1)), 'bafk', null],
      byteLength: [-1, 0.5],
      parent: [modelCid(1), null],
      norm: [-0.5, '1', null],
      opinions: [[2], [0.5], ['1'], 1, Array.from({ length: 257 }, () => 1)],
    } as Record<string, unknown[]>,
  },
  head: {
    message: head,
    decode: decodeHead,
    verify: verifyHead as (message: never) => void,
    maxBytes: LIMITS.maxHeadBytes,
    wrong: {
      version: [0, 1, 3],
      run: [modelCid(1)],
      author: ['12D3Koo'],
      height: [-1, 0.5],
      round: [-1, '1'],
      entry: [modelCid(1), null],
      parent: [modelCid(1), null],
      root: [new Uint8Array(31), 'x', null],
      witnessed: [null, { size: -1, root: new Uint8Array(32) }, { size: 0, root: new Uint8Array(33) }],
    } as Record<string, unknown[]>,
  },
}

describe.each(Object.entries(MESSAGES))('%s', (kind, { message, decode, verify, maxBytes, wrong }) => {
  const encode = (body: unknown, rest: Record<string, unknown> = {}) =>
    encodeCanonical({ body, signature: message.signature, ...rest })

  it('decodes to what was signed, keeps its bytes and verifies', () => {
    const decoded = decode(message.bytes)
    expect(decoded.bytes).toBe(message.bytes)
    expect(encodeCanonical(decoded.body)).toEqual(encodeCanonical(message.body))
    expect(() => verify(decoded as never)).not.toThrow()
  })

  it.each(
    Object.entries(wrong).flatMap(([field, values]) =>
      values.map((value): [string, unknown] => [field, value]),
    ),
  )('refuses %s = %s and names the field', (field, value) => {
    const error = refusal(() => decode(encode({ ...message.body, [field]: value })))
    expect(error.code).toBe('E_MALFORMED')
    expect(error.message).toContain(`field body.${field}`)
    expect(error.message).toContain(kind)
  })

  it.each(Object.keys(message.body))('refuses a body without %s', (field) => {
    const { [field]: _, ...rest } = message.body as unknown as Record<string, unknown>
    expect(codeOf(() => decode(encode(rest)))).toBe('E_MALFORMED')
  })

  it('refuses unknown fields outside and inside', () => {
    expect(codeOf(() => decode(encode(message.body, { extra: 1 })))).toBe('E_MALFORMED')
    expect(codeOf(() => decode(encode({ ...message.body, extra: 1 })))).toBe('E_MALFORMED')
  })

  it('refuses a signature that is not 64 bytes', () => {
    for (const signature of [new Uint8Array(63), new Uint8Array(65), 'x'.repeat(64), null]) {
      expect(codeOf(() => decode(encode(message.body, { signature })))).toBe('E_MALFORMED')
    }
  })

  it('measures size first: at the limit it is looked at, one byte above it is not', () => {
    const filler = (total: number) => encodeCanonical(new Uint8Array(total - 3))
    expect(filler(maxBytes).byteLength).toBe(maxBytes)
    expect(codeOf(() => decode(filler(maxBytes)))).toBe('E_MALFORMED')
    expect(codeOf(() => decode(filler(maxBytes + 1)))).toBe('E_TOO_LARGE')
  })

  it('does not survive a flip in any byte: it is refused or its signature is false', () => {
    for (let k = 0; k < message.bytes.byteLength; k++) {
      const changed = message.bytes.slice()
      changed[k] ^= 1 << (k % 8)
      expect(() => verify(decode(changed) as never)).toThrow(
        expect.objectContaining({ name: 'ProtocolError' }) as never,
      )
    }
  })
})

describe('links', () => {
  it('with a digest that was cut short are refused, though the codec and the hash function are right', () => {
    const short = CID.createV1(0x55, createDigest(0x12, new Uint8Array(20)))
    const bytes = encodeCanonical({
      body: { ...announcement.body, model: short },
      signature: announcement.signature,
    })
    expect(codeOf(() => decodeAnnouncement(bytes))).toBe('E_MALFORMED')
  })

  it('with another hash function are refused', () => {
    const sha512 = CID.createV1(0x55, createDigest(0x13, new Uint8Array(32)))
    const bytes = encodeCanonical({
      body: { ...announcement.body, model: sha512 },
      signature: announcement.signature,
    })
    expect(codeOf(() => decodeAnnouncement(bytes))).toBe('E_MALFORMED')
  })
})

describe('domain separation', () => {
  it('makes the signature of an announcement invalid for a head, and vice versa', () => {
    expect(codeOf(() => verifyHead({ ...head, signature: announcement.signature }))).toBe('E_SIGNATURE')
    expect(codeOf(() => verifyAnnouncement({ ...announcement, signature: head.signature }))).toBe(
      'E_SIGNATURE',
    )
    // The very same body under the other kind.
    expect(codeOf(() => verifyHead(announcement as never))).toBe('E_SIGNATURE')
  })
})

describe('contradicts', () => {
  const base = announce(signers[0], 3).body
  it('holds for two models of one author in one round and for nothing else', () => {
    expect(contradicts(base, announce(signers[0], 3, { model: modelCid(77) }).body)).toBe(true)
    expect(contradicts(base, base)).toBe(false)
    expect(contradicts(base, announce(signers[0], 3, { norm: 9 }).body)).toBe(false)
    expect(contradicts(base, announce(signers[1], 3, { model: modelCid(77) }).body)).toBe(false)
    expect(contradicts(base, announce(signers[0], 4, { model: modelCid(77) }).body)).toBe(false)
    expect(contradicts(base, announce(signers[0], 3, { model: modelCid(77), run: otherRun.id }).body)).toBe(
      false,
    )
  })
})
