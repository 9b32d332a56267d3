import { describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../src/codec.js'
import { decodeEntry, signEntry, verifyEntry } from '../../src/entry.js'
import { documentCid } from '../../src/hashing.js'
import { LIMITS } from '../../src/limits.js'
import { PROTOCOL_VERSION } from '../../src/manifest.js'
import {
  codeOf,
  entryBody,
  fromHex,
  hex,
  modelCid,
  neighbourRecord,
  refusal,
  run,
  signers,
} from '../support/documents.js'

const entry = signEntry(entryBody(0, run.id), signers[0])
const encode = (body: unknown) => encodeCanonical({ body, signature: entry.signature })
const record = neighbourRecord(signers[1], 0)

describe('ledger entries', () => {
  it('decode to what was signed, with the same address, and verify', () => {
    const decoded = decodeEntry(entry.bytes)
    expect(decoded.cid.equals(entry.cid)).toBe(true)
    expect(decoded.cid.equals(documentCid(entry.bytes))).toBe(true)
    expect(encodeCanonical(decoded.body)).toEqual(encodeCanonical(entry.body))
    expect(() => verifyEntry(decoded)).not.toThrow()
  })

  it.each<[string, unknown]>([
    ['version', '1'],
    ['run', modelCid(1)],
    ['author', 'x'],
    ['height', -1],
    ['parent', null],
    ['round', 0.5],
    ['announcement', 'text'],
    ['neighbours', {}],
    ['neighbours', [{ ...record, peer: 'x' }]],
    ['neighbours', [{ ...record, announcement: 5 }]],
    ['neighbours', [{ ...record, accepted: 1 }]],
    ['neighbours', [{ ...record, weight: null }]],
    ['neighbours', [{ ...record, score: 'low' }]],
    ['neighbours', [{ ...record, threshold: false }]],
    ['neighbours', [{ ...record, reason: '' }]],
    ['neighbours', [{ ...record, reason: 'x'.repeat(65) }]],
    ['neighbours', [{ ...record, arrival: -1 }]],
    ['neighbours', [{ ...record, extra: 1 }]],
    ['rule', { name: '', params: {}, pre: [] }],
    ['rule', { name: 'balance', params: { gamma: '1' }, pre: [] }],
    ['rule', { name: 'balance', params: {}, pre: [], extra: 1 }],
    ['ownWeight', null],
    ['aggregate', documentCid(Uint8Array.of(1))],
    ['localSteps', -1],
    ['metrics', { trainingLoss: 0, testLoss: 0, testMetric: '1' }],
    ['metrics', { trainingLoss: 0, testLoss: 0 }],
    ['start', documentCid(Uint8Array.of(1))],
    ['memory', documentCid(Uint8Array.of(1))],
    ['dataCommitment', new Uint8Array(31)],
    ['losses', [0.5, 'low']],
    ['losses', null],
    ['clock', { wallMs: -1, monotonicMs: 0 }],
    ['clock', { wallMs: 1 }],
    ['neighbours', [{ ...record, latenessMs: -1 }]],
    ['rule', { name: 'balance', params: {} }],
    ['rule', { name: 'balance', params: {}, pre: [{ name: 'nnm' }] }],
    ['extra', 1],
  ])('are refused with %s = %j', (field, value) => {
    const error = refusal(() => decodeEntry(encode({ ...entry.body, [field]: value })))
    expect(error.code).toBe('E_MALFORMED')
    expect(error.message).toContain(field)
  })

  it.each([
    [3, 'a newer release'],
    [1, 'the release that wrote it'],
  ])('of version %i are reported as such, whatever else they contain', (version, remedy) => {
    const error = refusal(() => decodeEntry(encode({ version, something: 'else' })))
    expect(error.code).toBe('E_UNSUPPORTED_VERSION')
    expect(error.message).toContain(`version ${version}, but this software reads only 2`)
    expect(error.message).toContain(remedy)
    expect(error.details).toEqual({ version })
  })

  it.each([null, 5, 'text', [], {}, { body: null }, { body: 5 }, { body: { version: null } }])(
    'are refused when there is %j instead',
    (value) => {
      expect(codeOf(() => decodeEntry(encodeCanonical(value)))).toBe('E_MALFORMED')
    },
  )

  it('cannot be given a parameter that the signature does not cover', () => {
    // Splices "__proto__": 1 into the signed rule parameters: {gamma, kappa} becomes {gamma, kappa, __proto__}.
    const plain = hex(encodeCanonical(entry.body.rule.params))
    const more = `a3${plain.slice(2)}69${hex(new TextEncoder().encode('__proto__'))}01`
    const spliced = fromHex(hex(entry.bytes).replace(plain, more))
    expect(spliced.byteLength).toBe(entry.bytes.byteLength + 11)
    expect(codeOf(() => verifyEntry(decodeEntry(spliced)))).toBe('E_MALFORMED')
  })

  it('take the most neighbours and refuse one more', () => {
    const neighbours = Array.from({ length: LIMITS.maxNeighbours + 1 }, () => ({
      ...record,
      announcement: null,
    }))
    expect(() => decodeEntry(encode({ ...entry.body, neighbours: neighbours.slice(1) }))).not.toThrow()
    expect(codeOf(() => decodeEntry(encode({ ...entry.body, neighbours })))).toBe('E_MALFORMED')
  })

  it('of the most bytes are taken, and of one byte more refused', () => {
    const sized = (total: number) => {
      const body = {
        ...entryBody(0, run.id),
        version: PROTOCOL_VERSION,
        author: signers[0].peerId,
        announcement: new Uint8Array(0),
      }
      // A byte string of over 65,535 bytes has a head of five bytes, an empty one of one.
      const fill = total - encode(body).byteLength - 4
      return encode({ ...body, announcement: new Uint8Array(fill) })
    }
    expect(sized(LIMITS.maxEntryBytes).byteLength).toBe(LIMITS.maxEntryBytes)
    expect(() => decodeEntry(sized(LIMITS.maxEntryBytes))).not.toThrow()
    expect(codeOf(() => decodeEntry(sized(LIMITS.maxEntryBytes + 1)))).toBe('E_TOO_LARGE')
  })

  it('of 256 neighbours with announcements fit into the limit', () => {
    const neighbours = Array.from({ length: LIMITS.maxNeighbours }, () => ({
      ...record,
      reason: 'x'.repeat(64),
    }))
    expect(encode({ ...entry.body, neighbours }).byteLength).toBeLessThanOrEqual(LIMITS.maxEntryBytes)
  })
})
