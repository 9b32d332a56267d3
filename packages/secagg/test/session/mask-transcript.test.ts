import { type SignedGroupWord, sha256, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { P } from '../../src/field/field.js'
import { addMasks } from '../../src/masks/pairwise-masks.js'
import { openMasks } from '../../src/session/open-masks.js'
import { encodeTranscript, isOpenedSum, openTranscript } from '../../src/session/transcript.js'
import { kernels } from '../support/group.js'
import { type Deviation, type Played, play } from '../support/play.js'
import { privateRun, signerOf } from '../support/private-run.js'

const RUN = privateRun({ members: 7, privacy: { mode: 'masks', threshold: 2 } })

function endOf({ ends }: Played, member: number) {
  const end = ends[member]
  if (end?.type !== 'opened') throw new Error('nothing was opened')
  return end
}

function transcriptOf(
  played: Played,
  member: number,
  change = (words: readonly SignedGroupWord[]): readonly SignedGroupWord[] => words,
) {
  return openTranscript(
    RUN,
    encodeTranscript({
      round: 0,
      author: RUN.manifest.members[member],
      words: change(played.sessions[member].words.all()),
      opened: endOf(played, member).decision.digest,
      reason: null,
    }),
  )
}

const without = (kind: string, author?: number) => (words: readonly SignedGroupWord[]) =>
  words.filter(
    ({ body }) =>
      body.kind !== kind || (author !== undefined && body.author !== RUN.manifest.members[author]),
  )

/** Masks have been taken off with the key of a member that is gone. */
const GONE: ReadonlyMap<number, Deviation> = new Map([[3, { silentFrom: 'masked', isUnreachable: true }]])
const LIAR: ReadonlyMap<number, Deviation> = new Map([
  [
    5,
    {
      say: (body) =>
        body.kind === 'opening'
          ? { ...body, values: body.values.map((byte, k) => (k === 0 ? byte ^ 1 : byte)) }
          : body,
    },
  ],
])

describe('the transcript of a private round with masks', () => {
  it.each([
    ['all members', new Map<number, Deviation>()],
    ['a member that is gone', GONE],
    ['a member that lies about its vector', LIAR],
  ])('of %s tells its sum from any other', (_, deviations) => {
    const played = play(RUN, deviations)
    for (const [member, end] of played.ends.entries()) {
      if (deviations.has(member)) continue
      if (end?.type !== 'opened') throw new Error('nothing was opened')
      const opened = transcriptOf(played, member)
      expect(opened.decision).toMatchObject({ digest: end.decision.digest, scores: null, threshold: null })
      expect(isOpenedSum(opened, end.sum, kernels)).toBe(true)
      for (const at of [0, 17, end.sum.length - 1]) {
        const other = end.sum.slice()
        other[at] ^= 1n
        expect(isOpenedSum(opened, other, kernels)).toBe(false)
      }
      expect(isOpenedSum(opened, end.sum.subarray(1), kernels)).toBe(false)
    }
  })

  it('proves no sum without the votes, the words that they follow from, or the shares of seeds', () => {
    const played = play(RUN)
    const { sum } = endOf(played, 2)
    expect(() => transcriptOf(played, 2, without('vote'))).toThrow(/no 5 members have voted/)
    for (const kind of ['masked', 'deal', 'opening']) {
      const opened = transcriptOf(played, 2, without(kind))
      expect(isOpenedSum(opened, sum, kernels)).toBe(false)
    }
    expect(transcriptOf(played, 2, without('masked')).decision).toBe('no-quorum')
  })

  it('needs the word of a combiner where a member has said nothing about its vector', () => {
    const played = play(RUN, new Map([[4, { silentFrom: 'opening' as const }]]))
    const { sum } = endOf(played, 2)
    expect(isOpenedSum(transcriptOf(played, 2), sum, kernels)).toBe(true)
    expect(isOpenedSum(transcriptOf(played, 2, without('combined')), sum, kernels)).toBe(false)
  })

  it('does not take the word of a combiner that names nobody for another sum than the check values show', () => {
    const played = play(RUN)
    const { sum } = endOf(played, 2)
    const { group, words, decision } = transcriptOf(played, 2)
    if (typeof decision !== 'object' || !('masked' in decision)) throw new Error('no decision')
    const other = sum.map((x, k) => (k === 3 ? x + 1n : x))
    const total = addMasks(other, openMasks(group, words, decision).masks!, kernels)
    const claim = signGroupWord(
      {
        kind: 'combined',
        run: RUN.id,
        round: 0,
        decision: decision.digest,
        dealers: [],
        share: sha256(new Uint8Array(total.buffer)),
      },
      signerOf(0),
    )
    const forged = transcriptOf(played, 2, (all) => [...without('combined')(all), claim])
    expect(isOpenedSum(forged, other, kernels)).toBe(false)
    expect(isOpenedSum(forged, sum, kernels)).toBe(true)
  })

  it('finds out who has shown something else than it was given', () => {
    const liar: Deviation = {
      say: (body) =>
        body.kind === 'opening'
          ? { ...body, values: body.values.map((byte, k) => (k === 16 ? byte ^ 1 : byte)) }
          : body,
    }
    const played = play(RUN, new Map([[1, liar]]))
    const found = [0, 2, 3, 4, 5, 6].map((member) => transcriptOf(played, member).findings)
    expect(found.filter((findings) => findings.length > 0).length).toBeGreaterThan(3)
    for (const findings of found)
      for (const finding of findings) expect(finding).toEqual({ member: 1, fault: 'wrong-share' })
  })

  it.each([
    [100n, true],
    [1n << 55n, false],
  ])('with one model whose numbers are all %i too large has a sum: %s', (more, isInRange) => {
    const plain = endOf(play(RUN), 2).sum
    const played = play(RUN, new Map([[5, { elements: (elements) => elements.map((x) => (x + more) % P) }]]))
    const { decision, words } = played.sessions[2]
    const opened = openTranscript(
      RUN,
      encodeTranscript({
        round: 0,
        author: RUN.manifest.members[2],
        words: words.all(),
        opened: decision!.digest,
        reason: null,
      }),
    )
    const sum = plain.map((x) => (x + more) % P)
    expect(isOpenedSum(opened, sum, kernels)).toBe(isInRange)
    expect(played.ends[2]?.type).toBe(isInRange ? 'opened' : 'failed')
  })
})
