import { describe, expect, it } from 'vitest'
import { compareBytes, decodeCanonical, encodeCanonical, equalBytes } from '../../src/codec.js'
import { blobCid } from '../../src/hashing.js'
import { codeOf, fromHex, refusal } from '../support/documents.js'

const open = (hex: string) => decodeCanonical(fromHex(hex), 1024, 'test document')

describe('decodeCanonical', () => {
  it('gives back every kind of value that DAG-CBOR has', () => {
    const cid = blobCid(Uint8Array.of(1))
    const value = { a: [1, -1, 0.5, 'text', null, true, Uint8Array.of(9)], b: {} }
    expect(decodeCanonical(encodeCanonical(value), 1024, 'x')).toEqual(value)
    expect(cid.equals(decodeCanonical(encodeCanonical(cid), 1024, 'x') as typeof cid)).toBe(true)
  })

  it.each([
    ['an integer of one byte that would fit into the head', '1801'],
    ['an integer of two bytes that would fit into one', '190001'],
    ['an integer of four bytes that would fit into two', '1a00000001'],
    ['an integer of eight bytes that would fit into four', '1b0000000000000001'],
    ['a negative integer that is too wide', '3800'],
    ['a string length that is too wide', '780161'],
    ['a byte string length that is too wide', '580101'],
    ['an array length that is too wide', '980101'],
    ['a map length that is too wide', 'b801616101'],
    ['map keys out of order', 'a2616201616101'],
    ['a longer map key before a shorter one', 'a262616101616201'],
    ['a duplicate map key', 'a2616101616102'],
    ['a float instead of an integer', 'fb3ff0000000000000'],
    ['minus zero as a float', 'fb8000000000000000'],
    ['a half-width float', 'f93800'],
    ['a single-width float', 'fa3f000000'],
    ['NaN', 'fb7ff8000000000000'],
    ['infinity', 'fb7ff0000000000000'],
    ['minus infinity', 'fbfff0000000000000'],
    ['undefined', 'f7'],
    ['an unknown simple value', 'f820'],
    ['bytes after the end', '0100'],
    ['an array of indefinite length', '9f01ff'],
    ['a map of indefinite length', 'bf616101ff'],
    ['a string of indefinite length', '7f6161ff'],
    ['a map key that is no string', 'a10101'],
    ['a tag that is no link', 'c101'],
    ['a link without the leading zero', 'd82a4101'],
    ['text that is no UTF-8', '61ff'],
    ['nothing', ''],
    ['a value that ends too early', '8201'],
  ])('refuses %s', (_what, hex) => {
    expect(codeOf(() => open(hex))).toMatch(/^E_(MALFORMED|NOT_CANONICAL)$/)
  })

  it('refuses a link whose multihash code is not in its shortest form', () => {
    const link = encodeCanonical(blobCid(Uint8Array.of(1)))
    // d8 2a 58 25 00 | 01 55 12 20 …: 0x12 as two bytes, one byte longer in all.
    const wide = new Uint8Array([
      ...link.subarray(0, 3),
      link[3] + 1,
      ...link.subarray(4, 7),
      0x92,
      0x00,
      ...link.subarray(8),
    ])
    expect(codeOf(() => decodeCanonical(wide, 1024, 'x'))).toBe('E_MALFORMED')
  })

  it('takes a document at the limit and refuses one byte more before it looks inside', () => {
    const bytes = encodeCanonical(new Uint8Array(100))
    expect(decodeCanonical(bytes, bytes.byteLength, 'x')).toEqual(new Uint8Array(100))
    const error = refusal(() => decodeCanonical(bytes, bytes.byteLength - 1, 'the thing'))
    expect(error.code).toBe('E_TOO_LARGE')
    expect(error.message).toContain('the thing')
    expect(error.details).toEqual({ byteLength: bytes.byteLength, maxBytes: bytes.byteLength - 1 })
  })

  it.each([
    ['arrays', [0x81]],
    ['maps', [0xa1, 0x61, 0x61]],
  ])('refuses or takes nested %s of any depth without another error', (_what, unit) => {
    for (let depth = 500; depth <= 20_000; depth += 250) {
      const bytes = new Uint8Array(unit.length * depth + 1)
      for (let k = 0; k < depth; k++) bytes.set(unit, unit.length * k)
      try {
        decodeCanonical(bytes, bytes.byteLength, 'nested')
      } catch (error) {
        expect(error).toMatchObject({ name: 'ProtocolError', code: 'E_MALFORMED' })
      }
    }
  })
})

describe('equalBytes and compareBytes', () => {
  it('agree with the lexicographic order', () => {
    const sorted = ['', '00', '0000', '01', '0100', '02', 'ff', 'ff00'].map(fromHex)
    for (const [i, a] of sorted.entries()) {
      for (const [j, b] of sorted.entries()) {
        expect(Math.sign(compareBytes(a, b))).toBe(Math.sign(i - j))
        expect(equalBytes(a, b)).toBe(i === j)
      }
    }
  })
})
