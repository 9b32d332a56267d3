import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../src/codec.js'
import { createFinalityTracker, finalityQuorum } from '../../src/finality.js'
import { decodeHeadMessage, forks, type HeadMessage, type SignedHead } from '../../src/head.js'
import { LIMITS } from '../../src/limits.js'
import { announce, codeOf, entryCid, headMessage, run, signers } from '../support/documents.js'

const [a, b, c, d] = signers
const headOfA = headMessage(a, 2).head

describe('head messages', () => {
  const message = headMessage(b, 1, {}, [headMessage(a, 1).head, headOfA, headMessage(c, 0).head])

  it('decode to the head and the list they were made of', () => {
    const decoded = decodeHeadMessage(message.bytes, run)
    expect(decoded.witnessed.map(({ member, height }) => [member, height])).toEqual([
      [0, 1],
      [0, 2],
      [2, 0],
    ])
    expect(decoded.head.bytes).toEqual(message.head.bytes)
  })

  const list = (decodeCanonical(message.bytes, LIMITS.maxHeadMessageBytes, 'x') as { witnessed: Uint8Array })
    .witnessed
  const repack = (witnessed: unknown) =>
    codeOf(() => decodeHeadMessage(encodeCanonical({ head: message.head.bytes, witnessed }), run))

  it('are refused with a list that was not signed for, or that is none', () => {
    expect(() => repack(list)).toThrow('nothing was thrown')
    const [one, two, three] = [0, 1, 2].map((k) => list.slice(72 * k, 72 * (k + 1)))
    for (const other of [
      list.slice(72),
      Buffer.concat([three, two, one]),
      new Uint8Array(0),
      list.slice(1),
      [...list],
    ])
      expect(repack(other)).toBe('E_MALFORMED')
  })

  it('are refused when they witness themselves, a non-member, or one height twice or out of order', () => {
    const own = headMessage(b, 0).head
    const outOfOrder = [headOfA, headMessage(a, 1).head]
    for (const list of [[own], outOfOrder, [headOfA, headOfA]]) {
      expect(codeOf(() => decodeHeadMessage(headMessage(b, 1, {}, list).bytes, run))).toBe('E_MALFORMED')
    }
  })

  it('take the longest list and refuse one head more', () => {
    const list = Array.from({ length: LIMITS.maxWitnessedHeads + 1 }, (_, height) =>
      Object.assign({}, headOfA, { body: { ...headOfA.body, height } }),
    )
    const longest = headMessage(b, 1, {}, list.slice(1))
    expect(longest.bytes.byteLength).toBeLessThanOrEqual(LIMITS.maxHeadMessageBytes)
    expect(() => decodeHeadMessage(longest.bytes, run)).not.toThrow()
    expect(codeOf(() => decodeHeadMessage(headMessage(b, 1, {}, list).bytes, run))).toBe('E_MALFORMED')
  })
})

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

  it('is not fooled by announcements or heads of strangers', () => {
    expect(announce(a, 0).bytes).not.toEqual(headOfA.bytes)
    expect(createFinalityTracker(run).finalHead('12D3KooWnobody')).toBeUndefined()
  })
})
