import { type GroupWordBody, sha256, signGroupWord } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { parcelHash } from '../../src/dealing/challenge.js'
import { add } from '../../src/field/field.js'
import { sumPoints, sumValues } from '../../src/opening/sum.js'
import { isRefusable } from '../../src/session/findings.js'
import { encodeTranscript, isOpenedSum, openTranscript } from '../../src/session/transcript.js'
import { decodeAnswer, encodeAnswer, encodeValues, valuesIn } from '../../src/session/words.js'
import { lagrange, weighted } from '../../src/sharing/polynomial.js'
import { pointOf, secretPoint } from '../../src/sharing/scheme.js'
import { kernels } from '../support/group.js'
import { type Deviation, type Played, play } from '../support/play.js'
import { privateRun, signerOf } from '../support/private-run.js'

const ALL = { rule: { name: 'balance', params: { gamma: 1000 } } }
const runOf = (members: number) => privateRun({ members, privacy: ALL })
const members = (n: number, ...but: number[]) =>
  Array.from({ length: n }, (_, k) => k).filter((k) => !but.includes(k))

/** Members that a member refuses from now on. */
const refusedBy = (played: Played, member: number) => [
  ...new Set(
    played.sessions[member]
      .findings()
      .filter(isRefusable)
      .map((finding) => finding.member),
  ),
]

/** The value at a point of the polynomial through others. */
const through = (points: readonly (readonly [member: number, y: bigint])[], x: bigint): bigint =>
  weighted(
    lagrange(
      points.map(([member]) => pointOf(member)),
      x,
    ),
    points.map(([, y]) => y),
  )

const changing = <K extends GroupWordBody['kind']>(
  kind: K,
  change: (body: Extract<GroupWordBody, { kind: K }>) => GroupWordBody,
): Deviation => ({
  say: (body) => (body.kind === kind ? change(body as Extract<GroupWordBody, { kind: K }>) : body),
})

/** Gives one holder another parcel, with its hash. */
const toHolder = (holder: number, change: (vector: Uint8Array) => Uint8Array): Deviation => ({
  deal(dealing) {
    const vector = change(dealing.parcels[holder].vector)
    const hash = sha256(vector)
    return {
      ...dealing,
      parcels: dealing.parcels.map((parcel, k) => (k === holder ? { ...parcel, vector } : parcel)),
      vectorHashes: dealing.vectorHashes.map((known, k) => (k === holder ? hash : known)),
      hashes: dealing.hashes.map((known, k) =>
        k === holder ? parcelHash(hash, dealing.maskHashes[k]) : known,
      ),
    }
  },
})

describe('liars cannot have honest members refused', () => {
  it('by complaints about everybody that show right parcels', () => {
    const liar: Deviation = {
      say: (body) =>
        body.kind === 'distances'
          ? { run: body.run, round: body.round, kind: 'complaint', dealers: members(7) }
          : body,
    }
    const played = play(runOf(8), new Map([[7, liar]]))
    for (const member of members(7)) expect(refusedBy(played, member)).toEqual([])
  })

  it.each([
    ['two, with everybody there', 8, [6, 7], []],
    ['one, with two away', 8, [7], [5, 6]],
    ['two of ten, with everybody there', 10, [8, 9], []],
  ])('by wrong answers about honest dealers: %s', (_, n, liars, away) => {
    const lying = (k: number) =>
      changing('answers', (body) => ({
        ...body,
        about: body.about.map((about) =>
          liars.includes(about.dealer)
            ? about
            : { ...about, values: about.values.map((byte, at) => (at === 0 ? byte ^ k : byte)) },
        ),
      }))
    const played = play(
      runOf(n),
      new Map<number, Deviation>([
        ...liars.map((liar, k) => [liar, lying(k + 1)] as const),
        ...away.map((member) => [member, { silentFrom: 'deal' }] as const),
      ]),
    )
    for (const member of members(n, ...liars, ...away))
      for (const refused of refusedBy(played, member)) expect(liars).toContain(refused)
  })

  it('by two wrong parcels of different kinds, about which the holder has one complaint', () => {
    const H = 0
    const broken = toHolder(H, (vector) => vector.map(() => 255))
    const unequal = toHolder(H, (vector) => vector.map((byte, k) => (k === 8 ? byte ^ 1 : byte)))
    const played = play(
      runOf(10),
      new Map([
        [3, broken],
        [4, unequal],
      ]),
    )
    for (const member of members(10, 0, 3, 4)) {
      expect(refusedBy(played, member)).not.toContain(0)
      expect(refusedBy(played, member)).toContain(3)
    }
    expect(refusedBy(played, 0).sort()).toEqual([3, 4])
  })
})

describe('liars cannot have a share that is not theirs', () => {
  it('by making an honest member deviate from what they say, when others are away', () => {
    const run = runOf(7)
    const away: Deviation = { silentFrom: 'answers' }
    // The first pass stands for waiting until the others have answered.
    const first = play(
      run,
      new Map([
        [5, away],
        [6, away],
      ]),
    )
    const degreeOf = (member: number, dealer: number): bigint => {
      const about = first.sessions[0].words.of('answers').get(member)!.body.about
      return decodeAnswer(about.find((one) => one.dealer === dealer)!.values)!.degree[0]
    }
    const lie = (self: number) =>
      changing('answers', (body) => ({
        ...body,
        about: body.about.map((about) => {
          if (![1, 2].includes(about.dealer)) return about
          const own = decodeAnswer(about.values)!
          const bent = add(degreeOf(3, about.dealer), 1n)
          const value =
            self === 3
              ? bent
              : through(
                  [
                    [1, degreeOf(1, about.dealer)],
                    [2, degreeOf(2, about.dealer)],
                    [3, bent],
                  ],
                  pointOf(4),
                )
          return { ...about, values: encodeAnswer({ ...own, degree: [value, own.degree[1]] }) }
        }),
      }))
    const played = play(
      run,
      new Map<number, Deviation>([
        [3, lie(3)],
        [4, lie(4)],
        [5, away],
        [6, away],
      ]),
    )
    for (const session of played.sessions) expect(session.words.of('complaint').size).toBe(0)
    for (const member of [0, 1, 2]) expect(refusedBy(played, member)).toEqual([])
  })
})

describe('liars cannot choose what is opened', () => {
  it('as distances, whoever says the others', () => {
    const run = runOf(7)
    const first = play(run)
    const said = (member: number) =>
      valuesIn(first.sessions[0].words.of('distances').get(member)!.body.values, 21)!
    const fake5 = said(5).map((value) => add(value, 1n << 50n))
    const fake6 = fake5.map((value, k) =>
      through([...[1, 2, 3, 4].map((member) => [member, said(member)[k]] as const), [5, value]], pointOf(6)),
    )
    const lying = (values: readonly bigint[]) =>
      changing('distances', (body) => ({ ...body, values: encodeValues(values) }))
    const played = play(
      run,
      new Map([
        [5, lying(fake5)],
        [6, lying(fake6)],
      ]),
    )
    for (const member of members(7, 5, 6)) {
      expect(played.sessions[member].decision).toBeUndefined()
      expect(refusedBy(played, member)).toEqual([])
    }
  })

  it('as distances, by withholding shares from different holders', () => {
    const withholding = (from: number): Deviation => ({
      parcel: (parcel, holder) => (holder === from ? undefined : parcel),
    })
    const played = play(
      runOf(8),
      new Map([
        [6, withholding(4)],
        [7, withholding(5)],
      ]),
    )
    for (const member of members(8, 6, 7)) {
      const { decision } = played.sessions[member]
      // One of the two dealers is left out, so that seven holders are left.
      expect(decision?.dealers.length ?? 0).toBeLessThan(8)
    }
  })

  it('as the sum of a transcript, with words that nobody else has heard', () => {
    const run = runOf(8)
    const played = play(run, new Map<number, Deviation>([[7, { silentFrom: 'opening' }]]))
    const end = played.ends[0]
    if (end?.type !== 'opened') throw new Error('nothing was opened')
    const points = sumPoints(end.decision.digest)
    const wanted = new BigUint64Array(40).fill(777_777n)
    const due = sumValues(wanted, points, kernels)
    const { words } = played.sessions[0]
    for (const keep of [2, 3, 4]) {
      const openings = [...words.of('opening')].sort(([a], [b]) => a - b).slice(0, keep)
      const others = words.all().filter(({ body }) => body.kind !== 'opening')
      const own = points.map((_, k) => {
        const known = openings
          .slice(0, 2)
          .map(([member, { body }]) => [member, valuesIn(body.values, 2)![k]] as const)
        return weighted(lagrange([secretPoint(0), ...known.map(([member]) => pointOf(member))], pointOf(7)), [
          due[k],
          ...known.map(([, value]) => value),
        ])
      })
      const opening = signGroupWord(
        {
          ...{ kind: 'opening', run: run.id, round: 0, decision: end.decision.digest },
          values: encodeValues(own),
          share: new Uint8Array(32),
        },
        signerOf(7),
      )
      const transcript = encodeTranscript({
        round: 0,
        author: played.group.members[7],
        words: [...others, ...openings.map(([, word]) => word), opening],
        opened: end.decision.digest,
        reason: null,
      })
      expect(isOpenedSum(openTranscript(run, transcript), wanted, kernels)).toBe(false)
    }
  })
})

describe('members that stall', () => {
  it('with their shares of the sum do not keep it from others', () => {
    const never: Deviation = { stallsShare: true }
    const played = play(
      runOf(8),
      new Map([
        [2, never],
        [5, never],
      ]),
    )
    for (const member of members(8, 2, 5)) expect(played.ends[member]?.type).toBe('opened')
  })
})
