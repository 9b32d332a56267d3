import { blobCid, cidFromDigest, DAG_CBOR } from '@tempered/protocol'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../../test-support/thrown-by.js'
import { sized } from '../../../../../test-support/tier.js'
import {
  decodeMessage,
  encodeBlock,
  encodePresences,
  encodeWants,
} from '../../../src/ipfs/bitswap-message.js'
import { blockKey, parseModelCid } from '../../../src/ipfs/ipfs-cid.js'

const BYTES = new TextEncoder().encode('a block')
const CID_A = blobCid(BYTES)
const CID_B = blobCid(new Uint8Array([1]))
const NOTHING = { wants: [], full: false, blocks: [], presences: [] }

describe('messages of bitswap', () => {
  it('carry wants and cancels', () => {
    const message = decodeMessage(
      encodeWants([
        { cid: CID_A, cancel: false },
        { cid: CID_B, cancel: true },
      ]),
    )
    expect(message).toEqual({
      ...NOTHING,
      wants: [
        { cid: CID_A, cancel: false, haveOnly: false, sendDontHave: true },
        { cid: CID_B, cancel: true, haveOnly: false, sendDontHave: false },
      ],
    })
  })

  it('carry what is there and what is not', () => {
    const presences = [
      { cid: CID_A, has: true },
      { cid: CID_B, has: false },
    ]
    expect(decodeMessage(encodePresences(presences))).toEqual({ ...NOTHING, presences })
  })

  it('carry a block, whose key follows from its bytes and not from what the message says', () => {
    const { blocks } = decodeMessage(encodeBlock(CID_B, BYTES).subarray())
    expect(blocks).toEqual([{ key: blockKey(CID_A), bytes: BYTES }])
  })

  it('leave out CIDs whose hash cannot be checked', () => {
    const sha512 = CID.createV1(0x55, create(0x13, new Uint8Array(64)))
    expect(decodeMessage(encodeWants([{ cid: sha512, cancel: false }])).wants).toEqual([])
    expect(decodeMessage(encodePresences([{ cid: sha512, has: true }])).presences).toEqual([])
  })

  it('are read, or refused as E_MALFORMED, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMessage(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_MALFORMED' })
        }
      }),
      { numRuns: sized(200, 5000) },
    )
  })

  it('are refused when they are cut', () => {
    const whole = encodeWants([{ cid: CID_A, cancel: false }])
    for (let length = 1; length < whole.byteLength; length++)
      expect(thrownBy(() => decodeMessage(whole.subarray(0, length)))).toMatchObject({ code: 'E_MALFORMED' })
  })
})

describe('parseModelCid', () => {
  it.each([
    CID_A.toString(),
    cidFromDigest(0x70, CID_A.multihash.digest).toString(),
    CID.createV0(create(0x12, CID_A.multihash.digest)).toString(),
  ])('takes %s', (text) => {
    expect(parseModelCid(text).multihash.digest).toEqual(CID_A.multihash.digest)
  })

  it.each([
    ['', /not a CID/],
    ['model', /not a CID/],
    [CID_A.toString().slice(0, -1), /not a CID/],
    [cidFromDigest(DAG_CBOR, CID_A.multihash.digest).toString(), /a document such as a manifest/],
    [cidFromDigest(0x0129, CID_A.multihash.digest).toString(), /codec 0x129/],
    [CID.createV1(0x55, create(0x13, new Uint8Array(64))).toString(), /hash function 0x13 with 64 bytes/],
    [CID.createV1(0x55, create(0x12, new Uint8Array(20))).toString(), /hash function 0x12 with 20 bytes/],
  ])('refuses "%s"', (text, message) => {
    expect(thrownBy(() => parseModelCid(text))).toMatchObject({
      code: 'E_BAD_CID',
      message: expect.stringMatching(message),
    })
  })
})
