import { encodeCanonical, signBody } from '@tempered/protocol'
import { base64url } from 'multiformats/bases/base64'
import { describe, expect, it } from 'vitest'
import {
  MAX_INVITATION_BYTES,
  openInvitation,
  readInvitation,
  writeInvitation,
} from '../../../src/epochs/invitation.js'
import { run, signers } from '../../support/run-fixture.js'

const init = { run: run.id, addresses: ['/ip4/127.0.0.1/tcp/4001'], expires: 1_900_000_000_000 }
const text = writeInvitation(init, signers[0])
const refusal = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}
const body = { ...init, author: signers[0].peerId, nonce: 'a'.repeat(32) }
const bytesOf = (fields: Record<string, unknown>): Uint8Array =>
  signBody('invitation', { ...body, ...fields }, signers[0]).bytes

describe('an invitation', () => {
  it('is one line that says where to ask', () => {
    expect(text).not.toMatch(/\s/)
    const { invitation, bytes } = readInvitation(` ${text}\n`)
    expect(invitation).toMatchObject({ ...init, author: signers[0].peerId })
    expect(invitation.run.equals(run.id)).toBe(true)
    expect(openInvitation(bytes)).toEqual(invitation)
  })

  it('is another one each time', () => {
    expect(writeInvitation(init, signers[0])).not.toBe(text)
  })

  it('is refused where it is cut off or changed anywhere', () => {
    for (let k = 0; k < text.length; k++) {
      expect(
        refusal(() => readInvitation(text.slice(0, k))),
        `cut at ${k}`,
      ).toBe('E_INVITATION')
      const other = text[k] === 'A' ? 'B' : 'A'
      const changed = `${text.slice(0, k)}${other}${text.slice(k + 1)}`
      expect(
        refusal(() => readInvitation(changed)),
        `changed at ${k}`,
      ).toBe('E_INVITATION')
    }
  })

  it('is refused where another one signed it, or for something else', () => {
    const { signature } = signBody('invitation', { ...body, author: signers[1].peerId }, signers[1])
    expect(refusal(() => openInvitation(encodeCanonical({ body, signature })))).toBe('E_INVITATION')
    const other = signBody('approval', body, signers[0])
    expect(refusal(() => openInvitation(other.bytes))).toBe('E_INVITATION')
    expect(refusal(() => openInvitation(bytesOf({})))).toBe('none')
  })

  it.each([
    ['no address', { addresses: [] }],
    ['nine addresses', { addresses: Array.from({ length: 9 }, () => '/ip4/1.1.1.1') }],
    ['a long address', { addresses: ['x'.repeat(257)] }],
    ['a nonce that is none', { nonce: 'a'.repeat(31) }],
    ['an end before 1970', { expires: -1 }],
    ['more fields', { more: 1 }],
  ])('is refused with %s', (_what, fields) => {
    expect(refusal(() => openInvitation(bytesOf(fields)))).toBe('E_INVITATION')
  })

  it('fits into its limit at its largest', () => {
    const largest = bytesOf({ addresses: Array.from({ length: 8 }, () => 'x'.repeat(256)) })
    expect(largest.byteLength).toBeLessThan(MAX_INVITATION_BYTES)
    expect(openInvitation(largest).addresses).toHaveLength(8)
    expect(refusal(() => openInvitation(new Uint8Array(MAX_INVITATION_BYTES + 1)))).toBe('E_INVITATION')
  })

  it('may be a text of any length without harm', () => {
    expect(refusal(() => readInvitation(`tempered-invitation-u${'A'.repeat(200_000)}`))).toBe('E_INVITATION')
    expect(base64url.encode(Uint8Array.of(1))[0]).toBe('u')
  })
})
