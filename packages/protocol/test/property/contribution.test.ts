import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { contributionsOf, isFreeRider, type MemberContribution } from '../../src/contribution.js'
import { type Entry, FREE_RIDE_REASONS, type FreeRideReason, signEntry } from '../../src/entry.js'
import { entryBody, neighbourRecord, run, signers } from '../support/documents.js'

const members = signers.map(({ peerId }) => peerId)
const HONEST = 3

interface Said {
  readonly leaveOneOut: number | null
  readonly freeRide: FreeRideReason | null
}

const compared = { distance: 1, cosine: 0.5, novelty: 1, overlap: 0.5, copyOf: null }

/** An entry in which a member says something about each other one, null for those whose model did not arrive. */
function entryOf(
  author: number,
  round: number,
  said: readonly (Said | null)[],
  own: FreeRideReason | null = null,
): Entry {
  const others = members.flatMap((_, k) => (k === author ? [] : [k]))
  return signEntry(
    {
      ...entryBody(round, run.id, {}, signers[author]),
      neighbours: others.map((k) => neighbourRecord(signers[k]!, round)),
      contribution: {
        start: { loss: 1, metric: 0.5 },
        own: { ...compared, freeRide: own },
        neighbours: others.map((k) =>
          said[k] == null ? null : { ...said[k], ...compared, freeRide: said[k].freeRide },
        ),
      },
    },
    signers[author]!,
  ).body
}

const saidArbitrary = fc.option(
  fc.record({
    leaveOneOut: fc.option(fc.double({ min: -1, max: 1, noNaN: true })),
    freeRide: fc.option(fc.constantFrom(...FREE_RIDE_REASONS)),
  }),
)
const rowArbitrary = fc.array(saidArbitrary, { minLength: members.length, maxLength: members.length })
const entriesArbitrary = fc
  .uniqueArray(fc.tuple(fc.nat(members.length - 1), fc.nat(4), rowArbitrary), {
    selector: ([author, round]) => `${author} ${round}`,
    maxLength: 12,
  })
  .map((rows) => rows.map(([author, round, said]) => entryOf(author, round, said)))

const numRuns = sized(30, 300)
const of = (entries: readonly Entry[], member: number): MemberContribution =>
  contributionsOf(entries, members)[member]!

describe('contributionsOf', () => {
  it('does not depend on the order of the entries, nor on how often one is given', () => {
    fc.assert(
      fc.property(
        entriesArbitrary.chain((entries) =>
          fc.tuple(
            fc.constant(entries),
            fc.shuffledSubarray([...entries, ...entries], { minLength: 2 * entries.length }),
          ),
        ),
        ([entries, shuffled]) => {
          expect(contributionsOf(shuffled, members)).toEqual(contributionsOf(entries, members))
        },
      ),
      { numRuns },
    )
  })

  it('keeps the gain between the smallest and the largest mean of honest scorers, whatever a minority claims', () => {
    const finite = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(finite, { minLength: HONEST, maxLength: HONEST }), finite, (honest, lie) => {
        const say = (author: number, leaveOneOut: number) =>
          entryOf(author, 0, [{ leaveOneOut, freeRide: null }])
        const truths = honest.map((gain, k) => say(k + 1, gain))
        const { gain } = of([...truths, say(4, lie * 1e9)], 0)
        expect(gain).toBeGreaterThanOrEqual(Math.min(...honest))
        expect(gain).toBeLessThanOrEqual(Math.max(...honest))
      }),
      { numRuns },
    )
  })

  it('is neither convicted nor acquitted by a minority of the scorers', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), (guilty, rounds) => {
        const say = (author: number, round: number, flags: boolean) =>
          entryOf(author, round, [{ leaveOneOut: null, freeRide: flags ? 'noise' : null }])
        const entries = rounds.flatMap((_, round) =>
          [1, 2, 3, 4].map((author) => say(author, round, author === 4 ? !guilty : guilty)),
        )
        expect(isFreeRider(of(entries, 0))).toBe(guilty)
      }),
      { numRuns },
    )
  })
})

describe('the summary of a member', () => {
  const flag = (author: number, round: number, freeRide: FreeRideReason | null) =>
    entryOf(author, round, [{ leaveOneOut: 0.5, freeRide }])

  it('counts scorers that flag it in more than half of their rounds, with their reasons', () => {
    const entries = [
      flag(1, 0, 'noise'),
      flag(1, 1, null),
      flag(2, 0, 'copy'),
      flag(2, 1, 'noise'),
      flag(2, 2, null),
      flag(3, 0, 'unchanged'),
    ]
    expect(of(entries, 0)).toMatchObject({
      scorers: 3,
      flaggedBy: 2,
      reasons: { unchanged: 1, copy: 1, noise: 1 },
      gain: 0.5,
    })
    expect(isFreeRider(of(entries, 0))).toBe(true)
    expect(isFreeRider(of(entries.slice(0, 5), 0))).toBe(false)
  })

  it('takes the mean over rounds and the median over scorers, null where nobody measured', () => {
    const gain = (author: number, round: number, leaveOneOut: number | null) =>
      entryOf(author, round, [{ leaveOneOut, freeRide: null }])
    const entries = [gain(1, 0, 1), gain(1, 1, 3), gain(2, 0, -4), gain(3, 0, null), gain(4, 0, 10)]
    expect(of(entries, 0)).toMatchObject({ scorers: 4, gain: 2 })
    expect(of([gain(3, 0, null)], 0)).toMatchObject({ scorers: 1, gain: null })
    expect(of([], 0)).toMatchObject({ scorers: 0, gain: null, flaggedBy: 0, ownRounds: 0 })
  })

  it('needs two scorers, but none where its own entries give reasons', () => {
    expect(isFreeRider(of([flag(1, 0, 'noise')], 0))).toBe(false)
    const admitted = [
      entryOf(0, 0, [], 'noise'),
      entryOf(0, 1, [], 'combined'),
      entryOf(0, 2, []),
      entryOf(0, 3, [], 'noise'),
    ]
    expect(of(admitted, 0)).toMatchObject({ ownRounds: 4, admittedRounds: 3 })
    expect(isFreeRider(of(admitted, 0))).toBe(true)
    // Two of three are not more than two thirds.
    expect(isFreeRider(of(admitted.slice(0, 3), 0))).toBe(false)
  })

  it('does not count who seems to have copied within a round, nor what a member says about itself', () => {
    const hinted = [1, 2, 3].map((author) => flag(author, 0, 'later-copy'))
    expect(of(hinted, 0)).toMatchObject({ scorers: 3, flaggedBy: 0, reasons: {} })
    const entry = flag(1, 0, 'noise')
    // As if it were its own neighbour.
    const self = { ...entry, author: members[0]! }
    expect(of([self], 0)).toMatchObject({ scorers: 0, flaggedBy: 0 })
  })

  it('leaves out rounds without scores, strangers, and a round for which a member signed two entries', () => {
    const { contribution: _, ...silent } = entryOf(0, 0, [], 'noise')
    expect(of([silent], 0)).toMatchObject({ ownRounds: 0, admittedRounds: 0, scorers: 0 })
    const twice = [flag(1, 0, 'noise'), flag(1, 0, null), flag(1, 0, 'noise'), flag(2, 0, null)]
    expect(of(twice, 0)).toMatchObject({ scorers: 1, flaggedBy: 0 })
    const outside = contributionsOf([flag(4, 0, 'noise')], members.slice(0, 4))
    expect(outside[0]).toMatchObject({ scorers: 0 })
    expect(outside).toHaveLength(4)
  })
})
