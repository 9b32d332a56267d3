import {
  accuseModel,
  type Evidence,
  encodeCanonical,
  type HeadMessage,
  LIMITS,
  makeEvidence,
  type SignedAnnouncement,
  type Signer,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createAnnouncementBook } from '../../../src/inbound/announcement-book.js'
import { createInbound, type EpochAwareness } from '../../../src/inbound/inbound.js'
import { InboundError, rejecting } from '../../../src/inbound/inbound-error.js'
import {
  announce,
  entryCid,
  headOf,
  modelCid,
  otherRun,
  run,
  signers,
  stranger,
} from '../../support/run-fixture.js'

const [me, neighbour, member] = signers
const ROUNDS = run.manifest.training.rounds

/** Inbound of member 0, whose only neighbour is member 1, with everything it delivers. */
function setup(currentRound: () => number = () => 0, epochs?: EpochAwareness) {
  const seen = {
    announcements: [] as SignedAnnouncement[],
    heads: [] as HeadMessage[],
    evidence: [] as { evidence: Evidence; found: boolean }[],
    accusations: [] as { evidence: Evidence; from: string }[],
  }
  const inbound = createInbound(
    run,
    [neighbour.peerId],
    {
      announcement: (message) => seen.announcements.push(message),
      head: (message) => seen.heads.push(message),
      evidence: (evidence, found) => seen.evidence.push({ evidence, found }),
      accusation: (evidence, from) => seen.accusations.push({ evidence, from }),
    },
    currentRound,
    [],
    undefined,
    epochs,
  )
  return { inbound, seen }
}

function outcome(work: () => unknown): string {
  try {
    work()
    return 'accept'
  } catch (error) {
    if (error instanceof InboundError) return `${error.action} ${error.code}`
    throw error
  }
}

/** The message with a signature that is not its author's. */
function forge(message: SignedAnnouncement): SignedAnnouncement {
  const signature = message.signature.slice()
  signature[9] ^= 4
  return { ...message, signature, bytes: encodeCanonical({ body: message.body, signature }) }
}

/** The head message with a signature that is not its author's. */
function forgeHead({ head }: HeadMessage): { bytes: Uint8Array } {
  const signature = head.signature.slice()
  signature[9] ^= 4
  return {
    bytes: encodeCanonical({
      head: encodeCanonical({ body: head.body, signature }),
      cosigned: { round: 0, members: new Uint8Array(0), others: new Uint8Array(0) },
    }),
  }
}

describe('announcements', () => {
  const say = (message: { bytes: Uint8Array }, publisher: Signer = neighbour, { inbound } = setup()) =>
    outcome(() => inbound.announcement(message.bytes, publisher.peerId))

  it('of a neighbour are delivered', () => {
    const { inbound, seen } = setup()
    const message = announce(neighbour, 0)
    expect(inbound.announcement(message.bytes, neighbour.peerId).body.round).toBe(0)
    expect(seen.announcements.map(({ bytes }) => bytes)).toEqual([message.bytes])
  })

  it('that passed before are handed on again when asked for, and only those', () => {
    const { inbound, seen } = setup()
    const message = announce(neighbour, 3)
    inbound.announcement(message.bytes, neighbour.peerId)
    expect(say(message, neighbour, { inbound, seen })).toBe('ignore E_DUPLICATE')
    inbound.repeat(neighbour.peerId, 3)
    inbound.repeat(neighbour.peerId, 2)
    inbound.repeat(member.peerId, 3)
    expect(seen.announcements.map(({ bytes }) => bytes)).toEqual([message.bytes, message.bytes])
  })

  it('of a quarantined neighbour are not handed on again', () => {
    const { inbound, seen } = setup()
    inbound.announcement(announce(neighbour, 3).bytes, neighbour.peerId)
    inbound.announcement(announce(neighbour, 3, { model: modelCid(99) }).bytes, neighbour.peerId)
    expect(seen.evidence).toHaveLength(1)
    inbound.repeat(neighbour.peerId, 3)
    expect(seen.announcements).toHaveLength(1)
  })

  it('over the size limit are rejected unread; at the limit they are read', () => {
    const filler = (total: number) => ({ bytes: encodeCanonical(new Uint8Array(total - 3)) })
    expect(say(filler(LIMITS.maxAnnouncementBytes))).toBe('reject E_MALFORMED')
    expect(say(filler(LIMITS.maxAnnouncementBytes + 1))).toBe('reject E_TOO_LARGE')
  })

  it('that are not canonical or have missing fields are rejected', () => {
    const { body, signature, bytes } = announce(neighbour, 0)
    expect(say({ bytes: new Uint8Array([...bytes, 0]) })).toMatch(/^reject E_(MALFORMED|NOT_CANONICAL)$/)
    expect(say({ bytes: new Uint8Array(0) })).toBe('reject E_MALFORMED')
    expect(say({ bytes: encodeCanonical({ body: { ...body, extra: 1 }, signature }) })).toBe(
      'reject E_MALFORMED',
    )
    for (const depth of [150, 300, 330])
      expect(
        say({
          bytes: new Uint8Array(3 * depth + 1).map((_, k) =>
            k === 3 * depth ? 0 : [0xa1, 0x61, 0x61][k % 3],
          ),
        }),
      ).toBe('reject E_MALFORMED')
  })

  it('of another run are rejected', () => {
    expect(say(announce(neighbour, 0, { run: otherRun.id }))).toBe('reject E_WRONG_RUN')
  })

  it('of no member are rejected', () => {
    expect(say(announce(stranger, 0), stranger)).toBe('reject E_NOT_A_MEMBER')
  })

  it('that another peer publishes are rejected', () => {
    expect(say(announce(member, 0), neighbour)).toBe('reject E_WRONG_AUTHOR')
  })

  it('for the last round are taken, for the one after it rejected', () => {
    expect(say(announce(neighbour, ROUNDS - 1))).toBe('accept')
    expect(say(announce(neighbour, ROUNDS))).toBe('reject E_ROUND_RANGE')
  })

  it('of models of another length are rejected', () => {
    expect(say(announce(neighbour, 0, { byteLength: run.modelBytes + 4 }))).toBe('reject E_MODEL_LENGTH')
  })

  it('that are known already are ignored, and not handed on again', () => {
    const parts = setup()
    expect(say(announce(neighbour, 0), neighbour, parts)).toBe('accept')
    expect(say(announce(neighbour, 0), neighbour, parts)).toBe('ignore E_DUPLICATE')
    expect(say(announce(neighbour, 0, { norm: 5 }), neighbour, parts)).toBe('ignore E_DUPLICATE')
    expect(parts.seen.announcements).toHaveLength(1)
  })

  it('can be delivered again by author and round, as long as their author is not quarantined', () => {
    const { inbound, seen } = setup()
    inbound.repeat(neighbour.peerId, 0)
    expect(seen.announcements).toEqual([])
    const message = announce(neighbour, 0)
    inbound.announcement(message.bytes, neighbour.peerId)
    inbound.repeat(neighbour.peerId, 0)
    inbound.repeat(neighbour.peerId, 1)
    expect(seen.announcements.map(({ bytes }) => bytes)).toEqual([message.bytes, message.bytes])
    inbound.announcement(announce(neighbour, 0, { model: modelCid(99) }).bytes, neighbour.peerId)
    inbound.repeat(neighbour.peerId, 0)
    expect(seen.announcements).toHaveLength(2)
  })

  it('with a false signature are rejected from neighbours', () => {
    const parts = setup()
    expect(say(forge(announce(neighbour, 0)), neighbour, parts)).toBe('blame-author E_SIGNATURE')
    expect(parts.seen.announcements).toEqual([])
    // And do not block the genuine one.
    expect(say(announce(neighbour, 0), neighbour, parts)).toBe('accept')
  })
})

describe('two models for one round', () => {
  const two = (signer: Signer) => [announce(signer, 3), announce(signer, 3, { model: modelCid(99) })]

  it.each([
    ['neighbour', neighbour],
    ['other member', member],
  ])('of a %s make evidence, once', (_what, signer) => {
    const { inbound, seen } = setup()
    const [first, second] = two(signer)
    inbound.announcement(first.bytes, signer.peerId)
    // It is valid in itself and travels on.
    inbound.announcement(second.bytes, signer.peerId)
    expect(seen.evidence).toHaveLength(1)
    expect(seen.evidence[0].found).toBe(true)
    expect(seen.evidence[0].evidence.bytes).toEqual(makeEvidence(first, second).bytes)
    expect(seen.announcements).toHaveLength(1)
  })

  it('silence their author: further announcements are not forwarded or delivered', () => {
    const { inbound, seen } = setup()
    for (const message of two(neighbour)) inbound.announcement(message.bytes, neighbour.peerId)
    const third = announce(neighbour, 3, { model: modelCid(98) })
    expect(outcome(() => inbound.announcement(third.bytes, neighbour.peerId))).toBe('ignore E_QUARANTINED')
    inbound.announcement(announce(neighbour, 4).bytes, neighbour.peerId)
    expect(seen.evidence).toHaveLength(1)
    expect(seen.announcements).toHaveLength(1)
  })

  it('are not evidence when the second is forged', () => {
    const { inbound, seen } = setup()
    const [first, second] = two(member)
    inbound.announcement(first.bytes, member.peerId)
    expect(outcome(() => inbound.announcement(forge(second).bytes, member.peerId))).toBe(
      'blame-author E_SIGNATURE',
    )
    expect(seen.evidence).toEqual([])
  })

  it('are not evidence when the known one is forged: the genuine one replaces it', () => {
    const { inbound, seen } = setup()
    const [first, second] = two(member)
    inbound.announcement(forge(first).bytes, member.peerId)
    inbound.announcement(second.bytes, member.peerId)
    expect(seen.evidence).toEqual([])
    expect(seen.announcements.at(-1)?.bytes).toEqual(second.bytes)
    // From now on the genuine one is known.
    expect(outcome(() => inbound.announcement(second.bytes, member.peerId))).toBe('ignore E_DUPLICATE')
    inbound.announcement(first.bytes, member.peerId)
    expect(seen.evidence).toHaveLength(1)
  })

  it('cannot be hidden by announcing many other rounds in between', () => {
    const [first, second] = two(neighbour)
    for (const rounds of [
      [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
      [30, 31, 32, 33, 34, 35, 36, 37, 38, 39],
    ]) {
      for (const before of [true, false]) {
        const { inbound, seen } = setup(() => 3)
        const flood = () => {
          for (const round of rounds) inbound.announcement(announce(neighbour, round).bytes, neighbour.peerId)
        }
        if (before) flood()
        inbound.announcement(first.bytes, neighbour.peerId)
        if (!before) flood()
        inbound.announcement(second.bytes, neighbour.peerId)
        expect(seen.evidence).toHaveLength(1)
      }
    }
  })
})

describe('heads', () => {
  const say = (message: { bytes: Uint8Array }, publisher: Signer = neighbour, { inbound } = setup()) =>
    outcome(() => inbound.head(message.bytes, publisher.peerId))

  it('are handed on', () => {
    const parts = setup()
    expect(say(headOf(neighbour, 0), neighbour, parts)).toBe('accept')
    expect(parts.seen.heads).toHaveLength(1)
  })

  it('are rejected over the size limit, malformed, of another run, of no member, or by another publisher', () => {
    const filler = (total: number) => ({ bytes: encodeCanonical(new Uint8Array(total - 3)) })
    expect(say(filler(LIMITS.maxHeadMessageBytes))).toBe('reject E_MALFORMED')
    expect(say(filler(LIMITS.maxHeadMessageBytes + 1))).toBe('reject E_TOO_LARGE')
    expect(say(announce(neighbour, 0))).toBe('reject E_MALFORMED')
    expect(say(headOf(neighbour, 0, { run: otherRun.id }))).toBe('reject E_WRONG_RUN')
    expect(say(headOf(stranger, 0), stranger)).toBe('reject E_NOT_A_MEMBER')
    expect(say(headOf(member, 0), neighbour)).toBe('reject E_WRONG_AUTHOR')
  })

  it('are rejected past the last round and with more entries than rounds', () => {
    expect(say(headOf(neighbour, 3, { round: ROUNDS - 1 }))).toBe('accept')
    expect(say(headOf(neighbour, 3, { round: ROUNDS }))).toBe('reject E_ROUND_RANGE')
    expect(say(headOf(neighbour, 3, { round: 3 }))).toBe('accept')
    expect(say(headOf(neighbour, 4, { round: 3 }))).toBe('reject E_ROUND_RANGE')
  })

  it("are ignored unless they are newer than the author's known ones", () => {
    const parts = setup()
    expect(say(headOf(neighbour, 2), neighbour, parts)).toBe('accept')
    expect(say(headOf(neighbour, 2), neighbour, parts)).toBe('ignore E_DUPLICATE')
    expect(say(headOf(neighbour, 1), neighbour, parts)).toBe('ignore E_DUPLICATE')
    expect(say(headOf(member, 1), member, parts)).toBe('accept')
    expect(say(headOf(neighbour, 3), neighbour, parts)).toBe('accept')
    expect(parts.seen.heads).toHaveLength(3)
  })

  it('that co-sign more are handed on for the same height, a bounded number of times', () => {
    const parts = setup()
    const restated = (k: number) => headOf(neighbour, 2, {}, [headOf(member, k)])
    const outcomes = Array.from({ length: 20 }, (_, k) => say(restated(k), neighbour, parts))
    expect(outcomes.filter((result) => result === 'accept')).toHaveLength(16)
    expect(outcomes.at(-1)).toBe('ignore E_DUPLICATE')
    expect(say(headOf(neighbour, 3), neighbour, parts)).toBe('accept')
  })

  it('of two ledgers at one height are evidence and quarantine their author', () => {
    const parts = setup()
    expect(say(headOf(neighbour, 2), neighbour, parts)).toBe('accept')
    expect(say(headOf(neighbour, 3), neighbour, parts)).toBe('accept')
    expect(say(headOf(neighbour, 2, { entry: entryCid(member, 9) }), neighbour, parts)).toBe('accept')
    expect(parts.seen.evidence).toMatchObject([
      { evidence: { kind: 'forked-ledger', offender: neighbour.peerId }, found: true },
    ])
    expect(parts.seen.heads).toHaveLength(2)
    expect(say(headOf(neighbour, 4), neighbour, parts)).toBe('accept')
    expect(parts.seen.heads).toHaveLength(2)
  })

  it('with a false signature are rejected and change nothing', () => {
    const parts = setup()
    expect(say(forgeHead(headOf(neighbour, 5)), neighbour, parts)).toBe('reject E_SIGNATURE')
    expect(say(headOf(neighbour, 1), neighbour, parts)).toBe('accept')
  })
})

describe('evidence', () => {
  it('that needs more than its bytes is accepted but quarantines no one by itself', () => {
    const { inbound, seen } = setup()
    const accusation = accuseModel(announce(neighbour, 3))
    expect(outcome(() => inbound.evidence(accusation.bytes, member.peerId))).toBe('ignore E_UNPROVEN')
    expect(seen.evidence).toEqual([])
    expect(seen.accusations).toMatchObject([{ evidence: { kind: 'invalid-model' }, from: member.peerId }])
    // Convicted by its blob: nothing of the offender is handed on any more.
    inbound.quarantine(neighbour.peerId)
    expect(outcome(() => inbound.evidence(accusation.bytes, member.peerId))).toBe('ignore E_DUPLICATE')
    inbound.announcement(announce(neighbour, 5).bytes, neighbour.peerId)
    expect(seen.announcements).toEqual([])
  })

  const evidence = makeEvidence(announce(neighbour, 3), announce(neighbour, 3, { model: modelCid(99) }))

  it('that was received quarantines its offender and is ignored afterwards', () => {
    const { inbound, seen } = setup()
    inbound.evidence(evidence.bytes, member.peerId)
    expect(seen.evidence.map(({ found }) => found)).toEqual([false])
    expect(outcome(() => inbound.evidence(evidence.bytes, member.peerId))).toBe('ignore E_DUPLICATE')
    const more = makeEvidence(announce(neighbour, 4), announce(neighbour, 4, { model: modelCid(99) }))
    expect(outcome(() => inbound.evidence(more.bytes, member.peerId))).toBe('ignore E_DUPLICATE')
    inbound.announcement(announce(neighbour, 5).bytes, neighbour.peerId)
    expect(seen.announcements).toEqual([])
    expect(seen.evidence).toHaveLength(1)
  })

  it('is ignored about a member that this node has convicted', () => {
    const { inbound } = setup()
    for (const message of evidence.announcements) inbound.announcement(message.bytes, neighbour.peerId)
    expect(outcome(() => inbound.evidence(evidence.bytes, member.peerId))).toBe('ignore E_DUPLICATE')
  })

  it('is rejected when it is too large, malformed, of another run, of no member, forged or proves nothing', () => {
    const say = (bytes: Uint8Array) => outcome(() => setup().inbound.evidence(bytes, member.peerId))
    const make = (a: SignedAnnouncement, b: SignedAnnouncement) => {
      const [first, second] = Buffer.compare(a.bytes, b.bytes) < 0 ? [a.bytes, b.bytes] : [b.bytes, a.bytes]
      return encodeCanonical({ version: 2, kind: 'announcement-equivocation', first, second })
    }
    const [a, b] = evidence.announcements
    expect(say(encodeCanonical(new Uint8Array(LIMITS.maxEvidenceBytes - 3)))).toBe('reject E_MALFORMED')
    expect(say(encodeCanonical(new Uint8Array(LIMITS.maxEvidenceBytes - 2)))).toBe('reject E_TOO_LARGE')
    const other = [1, 2].map((tag) => announce(neighbour, 3, { run: otherRun.id, model: modelCid(tag) }))
    expect(say(make(other[0], other[1]))).toBe('reject E_WRONG_RUN')
    const outside = [1, 2].map((tag) => announce(stranger, 3, { model: modelCid(tag) }))
    expect(say(make(outside[0], outside[1]))).toBe('reject E_NOT_A_MEMBER')
    expect(say(make(a, forge(b)))).toBe('reject E_SIGNATURE')
    expect(say(make(a, announce(neighbour, 4)))).toBe('reject E_EVIDENCE')
    expect(say(make(a, b))).toBe('accept')
  })
})

describe('rejecting', () => {
  it('rethrows errors that are not a rejection: a bug of ours is not held against a peer', () => {
    const bug = new TypeError('a bug')
    expect(() =>
      rejecting(() => {
        throw bug
      }),
    ).toThrow(bug)
  })

  it('does not turn a handler’s own failure into a rejection', () => {
    const inbound = createInbound(
      run,
      [],
      {
        announcement() {
          throw new TypeError('a bug')
        },
        head() {},
        evidence() {},
        accusation() {},
      },
      () => 0,
    )
    expect(() => inbound.announcement(announce(me, 0).bytes, me.peerId)).toThrow(TypeError)
  })
})

describe('the announcement book', () => {
  it('remembers the eight rounds of each author that are nearest to the current one', () => {
    let current = 10
    const book = createAnnouncementBook(() => current)
    for (let round = 0; round < 30; round++) book.note(announce(neighbour, round))
    const known = () => Array.from({ length: 40 }, (_, k) => k).filter((k) => book.find(neighbour.peerId, k))
    expect(known()).toHaveLength(8)
    expect(known()).toEqual(expect.arrayContaining([7, 8, 9, 10, 11, 12, 13]))
    current = 30
    for (let round = 30; round < 38; round++) book.note(announce(neighbour, round))
    expect(known()).toEqual([30, 31, 32, 33, 34, 35, 36, 37])
    expect(book.find(member.peerId, 30)).toBeUndefined()
  })

  it('keeps the first announcement and returns it for a contradicting one', () => {
    const book = createAnnouncementBook(() => 0)
    const first = announce(neighbour, 1)
    const second = announce(neighbour, 1, { model: modelCid(99) })
    expect(book.note(first)).toBeUndefined()
    expect(book.note(second)).toBe(first)
    expect(book.note(announce(neighbour, 1, { norm: 9 }))).toBeUndefined()
    expect(book.find(neighbour.peerId, 1)).toBe(first)
    book.replace(second)
    expect(book.find(neighbour.peerId, 1)).toBe(second)
  })
})

describe('in a run whose members change', () => {
  const outsider = stranger
  /** Where the stranger of the manifest was a member once. */
  function changing() {
    const behind = { times: 0 }
    const wasEverMember = (peer: string) => peer === outsider.peerId || run.memberIndex.has(peer)
    const parts = setup(undefined, { wasEverMember, onBehind: () => (behind.times += 1) })
    const say = (message: { bytes: Uint8Array }, { peerId }: Signer) =>
      outcome(() => parts.inbound.announcement(message.bytes, peerId))
    const sayHead = (message: { bytes: Uint8Array }, { peerId }: Signer) =>
      outcome(() => parts.inbound.head(message.bytes, peerId))
    return { say, sayHead, behind, seen: parts.seen }
  }

  it('what members of another epoch publish is dropped without blame, and this node asks for changes', () => {
    const { say, sayHead, behind, seen } = changing()
    expect(say(announce(outsider, 0), outsider)).toBe('ignore E_NOT_A_MEMBER')
    expect(say(announce(neighbour, ROUNDS), neighbour)).toBe('ignore E_ROUND_RANGE')
    expect(sayHead(headOf(outsider, 0), outsider)).toBe('ignore E_NOT_A_MEMBER')
    expect(behind.times).toBe(3)
    expect([...seen.announcements, ...seen.heads]).toEqual([])
  })

  it('what others bring of them is rejected as ever: no epoch makes it right', () => {
    const { say, sayHead, behind } = changing()
    expect(say(announce(outsider, 0), neighbour)).toBe('reject E_WRONG_AUTHOR')
    expect(sayHead(headOf(outsider, 0), neighbour)).toBe('reject E_WRONG_AUTHOR')
    expect(behind.times).toBe(0)
  })
})
