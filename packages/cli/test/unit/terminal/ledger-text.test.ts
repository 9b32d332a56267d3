import { ranges } from '@tempered/lab/text'
import { blobCid } from '@tempered/protocol'
import { expect, it } from 'vitest'
import { peerText } from '../../../src/terminal/peer-names.js'
import { plainJson } from '../../../src/terminal/plain-json.js'
import { measureText, reasonText } from '../../../src/terminal/reasons.js'

it('ranges join whole numbers that follow each other', () => {
  expect(ranges([])).toBe('')
  expect(ranges([4])).toBe('4')
  expect(ranges([1, 2, 3, 7, 9, 10])).toBe('1–3, 7, 9–10')
})

it('peers have the name of their folder, where there is one', () => {
  const names = new Map([['12D3KooWabcdefgh', 'alice']])
  expect(peerText('12D3KooWabcdefgh', names)).toBe('alice (…abcdefgh)')
  expect(peerText('12D3KooWijklmnop', names)).toBe('…ijklmnop')
})

it('ledger values become plain JSON at any depth', () => {
  const cid = blobCid(Uint8Array.of(1))
  const plain = plainJson({ a: [cid, null, 1.5], b: { c: Uint8Array.of(1, 2, 3) } })
  expect(JSON.parse(JSON.stringify(plain))).toEqual({ a: [cid.toString(), null, 1.5], b: { c: 'AQID' } })
})

it('every reason reads as words, an unknown one as itself', () => {
  expect(reasonText('distance-above-threshold')).toContain('above the threshold')
  expect(reasonText('E_TIMEOUT')).toBe('did not arrive: E_TIMEOUT')
  expect(measureText(null, null)).toBe('the rule gave no score')
  expect(measureText(1.5, null)).toBe('score 1.500, no threshold')
})
