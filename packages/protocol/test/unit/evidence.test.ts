import { describe, expect, it } from 'vitest'
import type { SignedAnnouncement } from '../../src/announcement.js'
import { compareBytes, encodeCanonical } from '../../src/codec.js'
import { decodeEntry, signEntry } from '../../src/entry.js'
import {
  accuseEntry,
  accuseModel,
  makeEntryEvidence,
  makeEvidence,
  makeForkEvidence,
  openEvidence,
  provesItself,
} from '../../src/evidence.js'
import type { SignedHead } from '../../src/head.js'
import { LIMITS } from '../../src/limits.js'
import { PROTOCOL_VERSION } from '../../src/manifest.js'
import {
  announce,
  codeOf,
  entryBody,
  entryCid,
  headMessage,
  modelCid,
  otherRun,
  run,
  signers,
  stranger,
} from '../support/documents.js'

const a = announce(signers[0], 3)
const b = announce(signers[0], 3, { model: modelCid(99) })
const evidence = makeEvidence(a, b)

function pair(x: SignedAnnouncement, y: SignedAnnouncement, changes: Record<string, unknown> = {}) {
  const [first, second] = compareBytes(x.bytes, y.bytes) < 0 ? [x, y] : [y, x]
  return encodeCanonical({
    version: PROTOCOL_VERSION,
    kind: 'announcement-equivocation',
    first: first.bytes,
    second: second.bytes,
    ...changes,
  })
}
const open = (bytes: Uint8Array) => codeOf(() => openEvidence(bytes, run))
/** The announcement with a signature that is not its author's. */
function forge(message: SignedAnnouncement): SignedAnnouncement {
  const signature = message.signature.slice()
  signature[5] ^= 1
  return { ...message, signature, bytes: encodeCanonical({ body: message.body, signature }) }
}

/** Two heads that contradict each other, one of them with a signature that is not its author's. */
function forgedFork(head: SignedHead): Uint8Array {
  const body = { ...head.body, entry: entryCid(signers[3], 77) }
  const forged = { body, signature: head.signature }
  return makeForkEvidence(head, { ...forged, bytes: encodeCanonical(forged) }).bytes
}

describe('evidence', () => {
  it('is the same bytes whichever announcement came first', () => {
    expect(makeEvidence(b, a).bytes).toEqual(evidence.bytes)
  })

  it('proves itself from its bytes and names offender and round', () => {
    const opened = openEvidence(evidence.bytes, run)
    expect(opened.offender).toBe(signers[0].peerId)
    expect(opened.round).toBe(3)
    if (opened.kind !== 'announcement-equivocation') throw new Error(opened.kind)
    expect(opened.announcements.map((message) => message.bytes)).toEqual(
      evidence.announcements.map((message) => message.bytes),
    )
    expect(pair(a, b)).toEqual(evidence.bytes)
  })

  it('is refused in the other order', () => {
    const [first, second] = evidence.announcements
    expect(open(pair(a, b, { first: second.bytes, second: first.bytes }))).toBe('E_EVIDENCE')
  })

  it('is refused when either announcement is forged', () => {
    expect(open(pair(forge(a), b))).toBe('E_SIGNATURE')
    expect(open(pair(a, forge(b)))).toBe('E_SIGNATURE')
  })

  it('is refused when both name the same model, even with other fields that differ', () => {
    expect(open(pair(a, a))).toBe('E_EVIDENCE')
    expect(open(pair(a, announce(signers[0], 3, { norm: 2 })))).toBe('E_EVIDENCE')
    expect(codeOf(() => makeEvidence(a, announce(signers[0], 3, { norm: 2 })))).toBe('E_EVIDENCE')
  })

  it('is refused when the rounds or the authors differ', () => {
    expect(open(pair(a, announce(signers[0], 4)))).toBe('E_EVIDENCE')
    expect(open(pair(a, announce(signers[1], 3, { model: modelCid(99) })))).toBe('E_EVIDENCE')
  })

  it('is refused when it is about another run or about no member', () => {
    const elsewhere = [98, 99].map((tag) =>
      announce(signers[0], 3, { run: otherRun.id, model: modelCid(tag) }),
    )
    expect(open(pair(elsewhere[0], elsewhere[1]))).toBe('E_WRONG_RUN')
    expect(open(pair(a, elsewhere[1]))).toBe('E_EVIDENCE')
    const outside = [98, 99].map((tag) => announce(stranger, 3, { model: modelCid(tag) }))
    expect(open(pair(outside[0], outside[1]))).toBe('E_NOT_A_MEMBER')
  })

  it.each([
    ['version', 1],
    ['kind', 'forked-ledger'],
    ['kind', 'hearsay'],
    ['first', 'text'],
    ['second', null],
    ['extra', 1],
  ])('is refused with %s = %j', (field, value) => {
    expect(open(pair(a, b, { [field]: value }))).toBe('E_MALFORMED')
  })

  it('is refused when an announcement in it is over the limit of an announcement', () => {
    const large = encodeCanonical(new Uint8Array(LIMITS.maxAnnouncementBytes))
    expect(open(pair(a, b, { second: large }))).toBe('E_TOO_LARGE')
  })

  it('is looked at up to its size limit and not above', () => {
    expect(open(encodeCanonical(new Uint8Array(LIMITS.maxEvidenceBytes - 3)))).toBe('E_MALFORMED')
    expect(open(encodeCanonical(new Uint8Array(LIMITS.maxEvidenceBytes - 2)))).toBe('E_TOO_LARGE')
  })

  it('of a forked ledger proves itself from two heads of one height', () => {
    const heads = [
      headMessage(signers[1], 4).head,
      headMessage(signers[1], 4, { root: new Uint8Array(32) }).head,
    ]
    const fork = makeForkEvidence(heads[0], heads[1])
    expect(makeForkEvidence(heads[1], heads[0]).bytes).toEqual(fork.bytes)
    expect(openEvidence(fork.bytes, run)).toMatchObject({
      kind: 'forked-ledger',
      offender: signers[1].peerId,
      round: 4,
    })
    expect(provesItself(fork)).toBe(true)
    expect(codeOf(() => makeForkEvidence(heads[0], headMessage(signers[1], 5).head))).toBe('E_EVIDENCE')
    expect(open(forgedFork(heads[0]))).toBe('E_SIGNATURE')
  })

  it('of two entries at one height proves itself from them', () => {
    const entries = [0, 1].map((k) => signEntry(entryBody(0, run.id, { ownWeight: k }), signers[0]))
    const evidence = makeEntryEvidence(entries[0], entries[1])
    expect(makeEntryEvidence(entries[1], entries[0]).bytes).toEqual(evidence.bytes)
    expect(openEvidence(evidence.bytes, run)).toMatchObject({
      kind: 'entry-equivocation',
      offender: signers[0].peerId,
      round: 0,
    })
    expect(provesItself(evidence)).toBe(true)
    expect(codeOf(() => makeEntryEvidence(entries[0], entries[0]))).toBe('E_EVIDENCE')
    const higher = signEntry(entryBody(1, entries[0].cid), signers[0])
    expect(codeOf(() => makeEntryEvidence(entries[0], higher))).toBe('E_EVIDENCE')
    const forged = decodeEntry(
      encodeCanonical({ body: { ...entries[0].body, ownWeight: 9 }, signature: entries[0].signature }),
    )
    expect(open(makeEntryEvidence(entries[0], forged).bytes)).toBe('E_SIGNATURE')
  })

  it('against a model or an entry binds the offender but does not convict by itself', () => {
    const entry = signEntry(entryBody(0, run.id), signers[0])
    for (const accusation of [accuseModel(a), accuseEntry(entry)]) {
      const opened = openEvidence(accusation.bytes, run)
      expect(opened).toMatchObject({
        kind: accusation.kind,
        offender: signers[0].peerId,
        round: accusation.round,
      })
      expect(provesItself(opened)).toBe(false)
    }
    expect(open(accuseModel(forge(a)).bytes)).toBe('E_SIGNATURE')
    const tampered = encodeCanonical({ body: { ...entry.body, ownWeight: 0 }, signature: entry.signature })
    expect(open(accuseEntry(decodeEntry(tampered)).bytes)).toBe('E_SIGNATURE')
    expect(open(accuseModel(announce(signers[0], 3, { run: otherRun.id })).bytes)).toBe('E_WRONG_RUN')
    expect(open(accuseModel(announce(stranger, 3)).bytes)).toBe('E_NOT_A_MEMBER')
  })

  it('does not survive a flip in any byte', () => {
    for (let k = 0; k < evidence.bytes.byteLength; k++) {
      const changed = evidence.bytes.slice()
      changed[k] ^= 1 << (k % 8)
      expect(open(changed)).toMatch(/^E_/)
    }
  })
})
