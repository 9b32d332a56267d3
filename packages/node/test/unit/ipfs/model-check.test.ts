import { blobCid, encodeModel, LIMITS } from '@tempered/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../../test-support/thrown-by.js'
import { sized } from '../../../../../test-support/tier.js'
import { createModelCheck } from '../../../src/ipfs/model-check.js'

const MODEL = encodeModel(Float32Array.from({ length: 50 }, (_, k) => k / 7))

function check(bytes: Uint8Array, cuts: readonly number[] = []) {
  const checking = createModelCheck()
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.byteLength]
  for (let k = 1; k < edges.length; k++) checking.take(bytes.subarray(edges[k - 1], edges[k]))
  return checking.end()
}

describe('createModelCheck', () => {
  it('tells hash and parameters, however the bytes are cut', () => {
    const expected = { cid: blobCid(MODEL).toString(), parameters: 50, byteLength: MODEL.byteLength }
    fc.assert(
      fc.property(fc.array(fc.nat(MODEL.byteLength), { maxLength: 12 }), (cuts) => {
        expect(check(MODEL, cuts)).toEqual(expected)
      }),
      { numRuns: sized(100, 2000) },
    )
  })

  it('finds a number that is not finite, however the bytes are cut', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      fc.assert(
        fc.property(fc.nat(49), fc.array(fc.nat(MODEL.byteLength), { maxLength: 6 }), (place, cuts) => {
          const numbers = new Float32Array(50)
          numbers[place] = bad
          expect(thrownBy(() => check(encodeModel(numbers), cuts))).toMatchObject({
            code: 'E_NOT_FINITE',
            message: expect.stringContaining(`parameter ${place} `),
          })
        }),
        { numRuns: sized(30, 500) },
      )
    }
  })

  it.each([
    ['nothing', new Uint8Array(), 'E_MODEL_HEADER'],
    ['half a header', MODEL.subarray(0, 8), 'E_MODEL_HEADER'],
    ['something else', new TextEncoder().encode('{"this": "is JSON, not a model"}'), 'E_MODEL_HEADER'],
    ['a model whose end is missing', MODEL.subarray(0, -4), 'E_MODEL_LENGTH'],
    ['a model with a byte too many', new Uint8Array([...MODEL, 0]), 'E_MODEL_LENGTH'],
  ])('refuses %s', (_, bytes, code) => {
    expect(thrownBy(() => check(bytes))).toMatchObject({ code })
  })

  it('refuses a header that announces more than a model may have, before any number', () => {
    const most = (LIMITS.maxModelBytes - 16) / 4
    const header = (count: number) => {
      const bytes = MODEL.slice(0, 16)
      new DataView(bytes.buffer).setUint32(8, count, true)
      return bytes
    }
    expect(() => createModelCheck().take(header(most))).not.toThrow()
    expect(thrownBy(() => createModelCheck().take(header(most + 1)))).toMatchObject({ code: 'E_TOO_LARGE' })
  })
})
