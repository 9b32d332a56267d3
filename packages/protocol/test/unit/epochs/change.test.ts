import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../../src/codec.js'
import {
  type Amendment,
  approvalOf,
  approveChange,
  CHANGE_VERSION,
  epochId,
  isChangeBlock,
  openChange,
  proposeChange,
  withApprovals,
} from '../../../src/epochs/change.js'
import { openEpochs } from '../../../src/epochs/epoch-book.js'
import { documentCid } from '../../../src/hashing.js'
import { LIMITS } from '../../../src/limits.js'
import { signBody } from '../../../src/signing.js'
import { codeOf, hex, makeChain, otherRun, run } from '../../support/documents.js'
import { add, keys, peer, replace, rounds, signed } from '../../support/epochs.js'

const open = (bytes: Uint8Array): string => codeOf(() => openChange(bytes))
const fieldsOf = (bytes: Uint8Array) =>
  decodeCanonical(bytes, LIMITS.maxChangeBytes, 'change') as {
    change: Uint8Array
    approvals: { author: string; signature: Uint8Array }[]
    baseChanges: unknown[]
  }
/** The envelope of a change with other fields; signatures are made for what it then says. */
const sealed = (body: Record<string, unknown>, more: Record<string, unknown> = {}): Uint8Array => {
  const change = encodeCanonical({
    kind: 'tempered/change',
    version: CHANGE_VERSION,
    run: run.id,
    base: null,
    from: 3,
    amendment: add(4),
    ...body,
  })
  const { signature } = signBody('approval', { author: peer(0), change: documentCid(change) }, keys[0])
  return encodeCanonical({ change, approvals: [{ author: peer(0), signature }], baseChanges: [], ...more })
}

describe('a change', () => {
  it('says what its bytes say, whoever proposes it', () => {
    const message = signed(run, 3, add(4), [1])
    const opened = openChange(message.bytes)
    expect(opened).toEqual({ ...message, changeBytes: opened.changeBytes })
    expect(hex(opened.changeBytes)).toBe(hex(message.changeBytes))
    expect(signed(run, 3, add(4), [2]).cid.equals(message.cid)).toBe(true)
    expect(message.change).toMatchObject({ base: null, from: 3, amendment: add(4) })
  })

  it('is another one for another run, round, base or amendment', () => {
    const book = openEpochs(run)
    book.offer(signed(run, 3, add(5)))
    const cids = [
      signed(run, 4, add(4)),
      signed(run, 5, add(4)),
      signed(otherRun, 4, add(4)),
      signed(run, 4, add(6)),
      signed(book.at(3), 4, add(4)),
    ].map(({ cid }) => cid.toString())
    expect(new Set(cids).size).toBe(5)
  })

  it('has its signatures in order of peer id, each once', () => {
    const message = signed(run, 3, add(4), [2, 0, 3, 1])
    const authors = message.approvals.map(({ author }) => author)
    expect(authors).toEqual([0, 1, 2, 3].map(peer).sort())
    expect(approveChange(message, keys[2])).toBe(message)
    const fields = fieldsOf(message.bytes)
    expect(open(encodeCanonical({ ...fields, approvals: fields.approvals.toReversed() }))).toBe('E_MALFORMED')
    const [first] = fields.approvals
    expect(open(encodeCanonical({ ...fields, approvals: [first, first] }))).toBe('E_MALFORMED')
    expect(open(encodeCanonical({ ...fields, approvals: [] }))).toBe('E_MALFORMED')
  })

  it('keeps a signature that it has, and takes up the others', () => {
    const message = signed(run, 3, add(4), [0, 1])
    const more = signed(run, 3, add(4), [1, 2])
    expect(withApprovals(message, more.approvals).approvals).toHaveLength(3)
    expect(withApprovals(message, message.approvals)).toBe(message)
    const forged = message.approvals.map(({ author }) => ({ author, signature: new Uint8Array(64) }))
    expect(withApprovals(message, forged)).toBe(message)
    expect(approvalOf(message, peer(1))?.approvals).toHaveLength(1)
    expect(approvalOf(message, peer(3))).toBeUndefined()
  })

  it('is refused with a signature of another change, or of another kind', () => {
    const fields = fieldsOf(signed(run, 3, add(4), [0]).bytes)
    const other = fieldsOf(signed(run, 3, add(5), [0]).bytes)
    expect(open(encodeCanonical({ ...fields, approvals: other.approvals }))).toBe('E_SIGNATURE')
    const change = documentCid(fields.change)
    const { signature } = signBody('head', { author: peer(0), change }, keys[0])
    expect(open(encodeCanonical({ ...fields, approvals: [{ author: peer(0), signature }] }))).toBe(
      'E_SIGNATURE',
    )
    const moved = [{ ...fields.approvals[0], author: peer(1) }]
    expect(open(encodeCanonical({ ...fields, approvals: moved }))).toBe('E_SIGNATURE')
  })

  it('is not checked again where the same signature is known, and is where another one is', () => {
    const message = signed(run, 3, add(4), [0])
    const forged = encodeCanonical({
      ...fieldsOf(message.bytes),
      approvals: [{ author: peer(0), signature: new Uint8Array(64).fill(1) }],
    })
    const known = { ...message, approvals: [{ author: peer(0), signature: new Uint8Array(64).fill(1) }] }
    expect(openChange(forged, () => known).cid.equals(message.cid)).toBe(true)
    expect(codeOf(() => openChange(forged, () => message))).toBe('E_SIGNATURE')
  })

  it.each([
    ['a kind of its own', { kind: 'tempered/manifest' }],
    ['another version', { version: CHANGE_VERSION + 1 }],
    ['a round below 0', { from: -1 }],
    ['a round that is no integer', { from: 1.5 }],
    ['an amendment that does not exist', { amendment: { kind: 'rename', name: 'x' } }],
    ['a member that is no peer id', { amendment: { kind: 'add', member: 'nobody' } }],
    ['no rounds', { amendment: { kind: 'rounds', rounds: 0 } }],
    ['too many rounds', { amendment: { kind: 'rounds', rounds: LIMITS.maxRounds + 1 } }],
    ['no deadline', { amendment: { kind: 'deadlines', deadlines: {} } }],
    ['a deadline of 0 ms', { amendment: { kind: 'deadlines', deadlines: { collectMs: 0 } } }],
    ['a deadline over a day', { amendment: { kind: 'deadlines', deadlines: { collectMs: 86_400_001 } } }],
    ['a deadline that does not exist', { amendment: { kind: 'deadlines', deadlines: { napMs: 5 } } }],
    ['a key in place of itself', { amendment: replace(0, 0) }],
    ['more fields', { note: 'x' }],
  ])('is refused with %s', (_what, body) => {
    expect(open(sealed(body))).toBe('E_MALFORMED')
  })

  it('is taken at the limits of its fields', () => {
    expect(openChange(sealed({})).change.amendment).toEqual(add(4))
    expect(openChange(sealed({ amendment: rounds(LIMITS.maxRounds) })).change.from).toBe(3)
    const deadlines = { collectMs: 1, joinMs: 86_400_000 }
    expect(openChange(sealed({ amendment: { kind: 'deadlines', deadlines } })).change.amendment).toEqual({
      kind: 'deadlines',
      deadlines,
    })
  })

  it('is refused when its base is not what the changes it names lead to', () => {
    const before = signed(run, 3, add(5))
    const cids = [before.cid]
    const base = epochId(run.id, cids)
    expect(openChange(sealed({ base }, { baseChanges: cids })).baseChanges).toHaveLength(1)
    expect(open(sealed({ base }))).toBe('E_MALFORMED')
    expect(open(sealed({}, { baseChanges: cids }))).toBe('E_MALFORMED')
    expect(open(sealed({ base }, { baseChanges: [run.id] }))).toBe('E_MALFORMED')
  })

  it('is refused in another encoding, cut off, and over the limit of its size', () => {
    const { bytes } = signed(run, 3, add(4), [0])
    expect(open(bytes.subarray(0, -1))).toBe('E_MALFORMED')
    expect(open(Uint8Array.of(...bytes, 0))).toBe('E_MALFORMED')
    // Two fields of a deadline in another order.
    const deadlines = { joinMs: 5, dialMs: 7 }
    const ordered = sealed({ amendment: { kind: 'deadlines', deadlines } })
    const swapped = Uint8Array.from(Buffer.from(ordered))
    const [dial, join] = ['fdialMs', 'fjoinMs'].map((name) => Buffer.from(ordered).indexOf(name))
    swapped.set(ordered.subarray(join, join + 8), dial)
    swapped.set(ordered.subarray(dial, dial + 8), join)
    expect(open(swapped)).toBe('E_NOT_CANONICAL')
    expect(open(new Uint8Array(LIMITS.maxChangeBytes))).not.toBe('E_TOO_LARGE')
    expect(open(new Uint8Array(LIMITS.maxChangeBytes + 1))).toBe('E_TOO_LARGE')
  })

  it('is told from an entry by its first bytes', () => {
    expect(isChangeBlock(signed(run, 3, add(4)).bytes)).toBe(true)
    expect(isChangeBlock(makeChain(1)[0].bytes)).toBe(false)
    expect(isChangeBlock(run.bytes)).toBe(false)
    expect(isChangeBlock(new Uint8Array(0))).toBe(false)
  })

  it('is not proposed with fields that nobody would take', () => {
    const proposed = (from: number, amendment: Amendment): string =>
      codeOf(() => proposeChange({ run, from, amendment }, keys[0]))
    expect(proposed(-1, add(4))).toBe('E_MALFORMED')
    expect(proposed(3, replace(0, 0))).toBe('E_MALFORMED')
    expect(proposed(3, { kind: 'deadlines', deadlines: {} })).toBe('E_MALFORMED')
  })
})
