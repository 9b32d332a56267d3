import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../src/codec.js'
import { ProtocolError } from '../../src/errors.js'
import { cidFromDigest, DAG_CBOR } from '../../src/hashing.js'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
)
const cid = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => cidFromDigest(DAG_CBOR, digest))
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(number, text, fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 40 }), cid),
    fc.array(tie('node'), { maxLength: 5 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('node'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).node

describe('canonical codec', () => {
  it('decodes what it encoded to the same value', () => {
    fc.assert(
      fc.property(value, (v) => {
        const bytes = encodeCanonical(v)
        const back = decodeCanonical(bytes, bytes.byteLength, 'x')
        expect(back).toEqual(v)
        expect(encodeCanonical(back)).toEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  it('encodes a map in the same way for any insertion order', () => {
    fc.assert(
      fc.property(fc.dictionary(text, number, { maxKeys: 8 }), (map) => {
        const reversed = Object.fromEntries(Object.entries(map).reverse())
        expect(encodeCanonical(reversed)).toEqual(encodeCanonical(map))
      }),
    )
  })

  it('accepts no two byte strings for one value, and never throws another error', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 1, max: 255 }), (v, position, flip) => {
        const bytes = encodeCanonical(v)
        const changed = bytes.slice()
        changed[position % bytes.byteLength] ^= flip
        try {
          const back = decodeCanonical(changed, changed.byteLength, 'x')
          expect(encodeCanonical(back)).toEqual(changed)
          expect(back).not.toEqual(v)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })

  it('decodes arbitrary bytes to a value with exactly these bytes, or refuses them with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(encodeCanonical(decodeCanonical(bytes, 60, 'x'))).toEqual(bytes)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })
})
