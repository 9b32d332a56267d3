import { decodeCanonical, encodeCanonical, type SignedGroupWord, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import {
  encodeTranscript,
  isOpenedSum,
  MOST_TRANSCRIPT_BYTES,
  openTranscript,
} from '../../src/session/transcript.js'
import { kernels } from '../support/group.js'
import { type Played, play } from '../support/play.js'
import { privateRun, signerOf } from '../support/private-run.js'

const RUN = privateRun({ members: 7, privacy: { rule: { name: 'balance', params: { gamma: 1000 } } } })
const PLAYED = play(RUN)
const SELF = 2

function openedEnd({ ends }: Played, member: number) {
  const end = ends[member]
  if (end?.type !== 'opened') throw new Error('nothing was opened')
  return end
}
const END = openedEnd(PLAYED, SELF)
const WORDS = PLAYED.sessions[SELF].words.all()
const AUTHOR = RUN.manifest.members[SELF]

const transcript = (
  words: readonly SignedGroupWord[] = WORDS,
  opened: Uint8Array | null = END.decision.digest,
) =>
  encodeTranscript({ round: 0, author: AUTHOR, words, opened, reason: opened === null ? 'no-quorum' : null })

describe('the transcript of a private round', () => {
  it('gives the decision again, and tells its sum from any other', () => {
    const opened = openTranscript(RUN, transcript())
    expect(opened.opened).toMatchObject({ dealers: END.decision.dealers, weights: END.decision.weights })
    expect(opened.decision).toMatchObject({ digest: END.decision.digest, liars: [] })
    expect(opened.findings).toEqual([])
    expect(isOpenedSum(opened, END.sum, kernels)).toBe(true)
    for (const at of [0, 17, END.sum.length - 1]) {
      const other = END.sum.slice()
      other[at] ^= 1n
      expect(isOpenedSum(opened, other, kernels)).toBe(false)
    }
    expect(isOpenedSum(opened, END.sum.subarray(1), kernels)).toBe(false)
  })

  it('of any member says the same', () => {
    for (const [member, session] of PLAYED.sessions.entries()) {
      const bytes = encodeTranscript({
        round: 0,
        author: RUN.manifest.members[member],
        words: session.words.all(),
        opened: END.decision.digest,
        reason: null,
      })
      const opened = openTranscript(RUN, bytes)
      expect(opened.decision).toMatchObject({ digest: END.decision.digest })
      expect(isOpenedSum(opened, openedEnd(PLAYED, member).sum, kernels)).toBe(true)
    }
  })

  it('proves no sum for which there are too few votes', () => {
    const { quorum } = PLAYED.group
    const votes = WORDS.filter(({ body }) => body.kind === 'vote')
    const others = WORDS.filter(({ body }) => body.kind !== 'vote')
    expect(() => openTranscript(RUN, transcript([...others, ...votes.slice(0, quorum - 1)]))).toThrow(
      /no 5 members have voted/,
    )
    expect(openTranscript(RUN, transcript([...others, ...votes.slice(0, quorum)])).opened).toBeDefined()
    expect(() => openTranscript(RUN, transcript(WORDS, new Uint8Array(32).fill(3)))).toThrow(/have voted/)
    expect(openTranscript(RUN, transcript(WORDS, null)).opened).toBeUndefined()
  })

  it('proves no sum without what members have said about their shares', () => {
    const without = WORDS.filter(({ body }) => body.kind !== 'opening')
    expect(isOpenedSum(openTranscript(RUN, transcript(without)), END.sum, kernels)).toBe(false)
  })

  it.each([
    ['a forged signature', (words: SignedGroupWord[]) => words.with(3, forged(words[3])), /signature/],
    ['a word twice', (words: SignedGroupWord[]) => [...words, words[0]], /does not belong/],
    [
      'a word of another round',
      (words: SignedGroupWord[]) => [...words, ofRound(words[0], 1)],
      /does not belong/,
    ],
    [
      'a word of another run',
      (words: SignedGroupWord[]) => [...words.slice(1), ofOtherRun(words[0])],
      /does not belong/,
    ],
  ])('with %s is refused', (_, change, message) => {
    expect(() => openTranscript(RUN, transcript(change([...WORDS])))).toThrow(message)
  })

  it('of somebody who is no member, or that is no transcript, is refused', () => {
    const value = decodeCanonical(transcript(), MOST_TRANSCRIPT_BYTES, 'test') as Record<string, unknown>
    const stranger = signerOf(77).peerId
    expect(() => openTranscript(RUN, encodeCanonical({ ...value, author: stranger }))).toThrow(/not a member/)
    expect(() => openTranscript(RUN, encodeCanonical({ ...value, more: 1 }))).toThrow(
      /transcript of a private round/,
    )
    expect(() => openTranscript(RUN, transcript().subarray(1))).toThrow(/transcript of a private round/)
  })
})

function forged(word: SignedGroupWord): SignedGroupWord {
  const bytes = word.bytes.slice()
  bytes[bytes.length - 1] ^= 1
  return { ...word, bytes }
}

function ofRound({ body }: SignedGroupWord, round: number): SignedGroupWord {
  const { version: _, author, ...rest } = body
  return signGroupWord({ ...rest, round }, signerOf(RUN.manifest.members.indexOf(author)))
}

function ofOtherRun({ body }: SignedGroupWord): SignedGroupWord {
  const { version: _, author, ...rest } = body
  const other = privateRun({ members: 7, rounds: 6 })
  return signGroupWord({ ...rest, run: other.id }, signerOf(RUN.manifest.members.indexOf(author)))
}
