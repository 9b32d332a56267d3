import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../src/codec.js'
import { commonRound, membersOf } from '../../src/cosigned-reference.js'
import { createFinalityTracker } from '../../src/finality.js'
import {
  decodeHeadMessage,
  forks,
  type HeadMessage,
  type SignedHead,
  signHead,
  verifyCosignature,
} from '../../src/head.js'
import { LIMITS } from '../../src/limits.js'
import type { Run } from '../../src/manifest.js'
import { finalityQuorum } from '../../src/quorum.js'
import { announce, codeOf, entryCid, headMessage, run, signers } from '../support/documents.js'

const [a, b, c, d] = signers
const headOfA = headMessage(a, 2).head

describe('head messages', () => {
  const message = headMessage(b, 1, {}, [headMessage(a, 1).head, headOfA, headMessage(c, 1).head])

  it('name the heads that were signed for: a bit for those of the common round, and the others', () => {
    const { head, cosigned } = decodeHeadMessage(message.bytes, run)
    expect(cosigned).toEqual({
      round: 1,
      members: Uint8Array.of(0b101),
      others: [{ member: 0, height: 2 }],
      size: 3,
    })
    expect([...membersOf(cosigned)]).toEqual([0, 2])
    expect(head.bytes).toEqual(message.head.bytes)
  })

  it('take the earliest of the rounds that are equally frequent', () => {
    expect(commonRound([{ round: 4 }, { round: 3 }])).toBe(3)
    expect(commonRound([{ round: 4 }, { round: 3 }, { round: 4 }])).toBe(4)
    expect(commonRound([])).toBe(0)
  })

  const repack = (changes: Record<string, unknown>) => {
    const value = decodeCanonical(message.bytes, LIMITS.maxHeadMessageBytes, 'x') as {
      cosigned: Record<string, unknown>
    }
    const bytes = encodeCanonical({ ...value, cosigned: { ...value.cosigned, ...changes } })
    return codeOf(() => decodeHeadMessage(bytes, run))
  }
  const named = (...pairs: [number, number][]): Uint8Array => {
    const packed = new Uint8Array(8 * pairs.length)
    const view = new DataView(packed.buffer)
    for (const [k, [member, height]] of pairs.entries()) {
      view.setUint32(8 * k, member)
      view.setUint32(8 * k + 4, height)
    }
    return packed
  }

  it('are refused when they name more or fewer heads than were signed for', () => {
    expect(() => repack({})).toThrow('nothing was thrown')
    for (const changes of [
      { members: Uint8Array.of(0b100) },
      { members: Uint8Array.of(0b111) },
      { others: new Uint8Array(0) },
      { others: named([0, 2], [0, 3]) },
    ])
      expect(repack(changes)).toBe('E_MALFORMED')
  })

  it('are refused in any other than their one encoding, and with members that do not exist', () => {
    for (const changes of [
      { members: Uint8Array.of(0b101, 0) },
      { members: Uint8Array.of(0b10001) },
      { members: [5] },
      { others: named([0, 2]).slice(1) },
      { others: named([4, 2]) },
      { members: Uint8Array.of(0b1), others: named([2, 2], [0, 2]) },
      { members: Uint8Array.of(0b1), others: named([0, 2], [0, 2]) },
      { round: -1 },
      { more: 1 },
    ])
      expect(repack(changes)).toBe('E_MALFORMED')
  })

  it.each([
    ['a small run: eight per member', run, 8 * run.manifest.members.length],
    ['a large one', manyMembers(600), LIMITS.maxWitnessedOthers],
  ])('take as many heads of other rounds as allowed and refuse one more, in %s', (_what, ofRun, most) => {
    const list = Array.from({ length: most + 1 }, (_, k) => ({ member: 0, height: k }))
    const of = (others: readonly { member: number; height: number }[]) => {
      const listed = [
        ...[1, 2].map((member) => ({ member, height: 9, round: 9, leaf: new Uint8Array(32) })),
        ...others.map((head) => ({ ...head, round: head.height + 100, leaf: new Uint8Array(32) })),
      ]
      const { version: _, author: __, witnessed: ___, ...body } = headMessage(b, 1).head.body
      return signHead(body, listed, b)
    }
    const longest = of(list.slice(0, most))
    expect(longest.bytes.byteLength).toBeLessThanOrEqual(LIMITS.maxHeadMessageBytes)
    expect(decodeHeadMessage(longest.bytes, ofRun).cosigned.size).toBe(most + 2)
    expect(codeOf(() => decodeHeadMessage(of(list).bytes, ofRun))).toBe('E_TOO_LARGE')
  })
})

/** The run of the fixture with as many members. */
function manyMembers(count: number): Run {
  const others = Array.from({ length: count - run.manifest.members.length }, (_, k) => `other-${k}`)
  const members = [...run.manifest.members, ...others]
  const large: Run = { ...run, manifest: { ...run.manifest, members }, roster: members, viewOf: () => large }
  return large
}

describe('forked ledgers', () => {
  it('are two entries at one height, or two trees, and nothing else', () => {
    const other = headMessage(a, 2, { entry: entryCid(b, 9) }).head.body
    expect(forks(headOfA.body, other)).toBe(true)
    expect(forks(headOfA.body, headMessage(a, 2, { root: new Uint8Array(32) }).head.body)).toBe(true)
    expect(forks(headOfA.body, headMessage(a, 2, {}, [headMessage(b, 0).head]).head.body)).toBe(false)
    expect(forks(headOfA.body, headMessage(a, 3).head.body)).toBe(false)
    expect(forks(headOfA.body, headMessage(b, 2).head.body)).toBe(false)
  })
})

describe('finality', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
    [9, 7],
    [10, 7],
    [50, 34],
  ])('in a run of %i members takes %i signatures', (members, quorum) => {
    expect(finalityQuorum(members)).toBe(quorum)
  })

  const cosigning = (witness: typeof a, heads: readonly SignedHead[], height = 0): HeadMessage =>
    headMessage(witness, height, {}, heads)

  it('comes with the last signature of the quorum, in any order', () => {
    const messages = [headMessage(a, 2), cosigning(b, [headOfA]), cosigning(c, [headOfA])]
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const tracker = createFinalityTracker(run)
      const settled = order.map((k) => tracker.note(messages[k]).map((head) => head.body.author))
      expect(settled).toEqual([[], [], [a.peerId]])
      expect(tracker.finalHead(a.peerId)?.cosignatures).toHaveLength(2)
      expect(tracker.finalHead(a.peerId)?.head.bytes).toEqual(headOfA.bytes)
    }
  })

  it('does not come from one witness that says it again', () => {
    const tracker = createFinalityTracker(run)
    tracker.note(headMessage(a, 2))
    tracker.note(cosigning(b, [headOfA]))
    tracker.note(cosigning(b, [headOfA], 1))
    expect(tracker.finalHead(a.peerId)).toBeUndefined()
  })

  it('does not come when witnesses saw different histories', () => {
    const tracker = createFinalityTracker(run)
    const other = headMessage(a, 2, { entry: entryCid(d, 5) }).head
    tracker.note(headMessage(a, 2))
    tracker.note(cosigning(b, [headOfA]))
    tracker.note(cosigning(c, [other]))
    expect(tracker.finalHead(a.peerId)).toBeUndefined()
    tracker.note(cosigning(d, [headOfA]))
    expect(tracker.finalHead(a.peerId)?.head.bytes).toEqual(headOfA.bytes)
  })

  it('moves on to higher heads and never back', () => {
    const tracker = createFinalityTracker(run)
    const higher = headMessage(a, 3).head
    for (const message of [headMessage(a, 3), cosigning(b, [higher]), cosigning(c, [higher])])
      tracker.note(message)
    for (const message of [headMessage(a, 2), cosigning(b, [headOfA], 1), cosigning(c, [headOfA], 1)])
      tracker.note(message)
    expect(tracker.finalHead(a.peerId)?.head.body.height).toBe(3)
  })

  it('cannot be prevented by a witness that lists unsigned heads', () => {
    const tracker = createFinalityTracker(run)
    const invented = Array.from({ length: 200 }, (_, k) =>
      Object.assign({}, headOfA, { body: { ...headOfA.body, height: 3 + k } }),
    )
    tracker.note(headMessage(a, 2))
    tracker.note(cosigning(b, [headOfA]))
    tracker.note(cosigning(d, invented))
    tracker.note(cosigning(c, [headOfA]))
    expect(tracker.finalHead(a.peerId)?.head.body.height).toBe(2)
  })

  it('counts each witness once for a head, in whichever of its lists', () => {
    const tracker = createFinalityTracker(run)
    for (const message of [headMessage(a, 2), headMessage(d, 1), cosigning(b, [headOfA])])
      tracker.note(message)
    tracker.note(cosigning(b, [headOfA, headMessage(d, 1).head], 1))
    tracker.note(cosigning(a, [headOfA], 3))
    expect(tracker.finalHead(a.peerId)).toBeUndefined()
    tracker.note(cosigning(c, [headOfA, headMessage(d, 1).head], 1))
    const final = tracker.finalHead(a.peerId)!
    expect(final.cosignatures).toHaveLength(2)
    expect(final.cosignatures.map((one) => verifyCosignature(one, headOfA.body, run))).toEqual([
      b.peerId,
      c.peerId,
    ])
  })

  it('comes from co-signatures that are for one head and no other', () => {
    const tracker = createFinalityTracker(run)
    for (const message of [headMessage(a, 2), cosigning(b, [headOfA]), cosigning(c, [headOfA])])
      tracker.note(message)
    const [first] = tracker.finalHead(a.peerId)!.cosignatures
    expect(verifyCosignature(first!, headOfA.body, run)).toBe(b.peerId)
    // The path is as long as it must be, but another head is at its end.
    for (const other of [headMessage(a, 3), headMessage(d, 2)])
      expect(codeOf(() => verifyCosignature(first!, other.head.body, run))).toBe('E_PROOF')
  })

  it('waits for the heads that a message names, a bounded number of messages per witness', () => {
    const tracker = createFinalityTracker(run)
    for (let height = 0; height < 10; height++)
      tracker.note(cosigning(b, [headMessage(d, height).head], height))
    for (let height = 0; height < 10; height++) {
      tracker.note(headMessage(d, height))
      tracker.note(cosigning(c, [headMessage(d, height).head], height))
      expect(tracker.finalHead(d.peerId)?.head.body.height).toBe(height < 6 ? undefined : height)
    }
  })

  it('does not come from a list other than the one that was signed', () => {
    const tracker = createFinalityTracker(run)
    tracker.note(headMessage(a, 2))
    const swapped = (message: HeadMessage): HeadMessage => ({
      ...message,
      cosigned: cosigning(d, [headOfA]).cosigned,
    })
    tracker.note(headMessage(d, 2))
    for (const witness of [b, c]) tracker.note(swapped(cosigning(witness, [headMessage(d, 2).head])))
    expect(tracker.finalHead(a.peerId)).toBeUndefined()
  })

  it('is not fooled by announcements or heads of strangers', () => {
    expect(announce(a, 0).bytes).not.toEqual(headOfA.bytes)
    expect(createFinalityTracker(run).finalHead('12D3KooWnobody')).toBeUndefined()
  })
})
