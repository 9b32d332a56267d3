import { type GroupWordBody, sha256 } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { decodeMean } from '../../src/encoding/fixed-point.js'
import { P } from '../../src/field/field.js'
import { decodeMaskDeal, SEED_SHARE_BYTES, seedOfPair } from '../../src/masks/deal-masks.js'
import { maskKeys } from '../../src/masks/pairwise-masks.js'
import { weightOf } from '../../src/session/transcript.js'
import { type Deviation, type Played, play } from '../support/play.js'
import { privateRun } from '../support/private-run.js'

const run = (members: number, changes = {}) =>
  privateRun({ members, privacy: { mode: 'masks', threshold: 2, ...changes } })

/** The model that a member has come to. */
function meanOf({ group, ends }: Played, member: number): Float32Array {
  const end = ends[member]
  if (end?.type !== 'opened') throw new Error(`member ${member}: ${JSON.stringify(end)}`)
  const out = new Float32Array(end.sum.length)
  decodeMean(group.plan.encoding, end.sum, weightOf(end.decision), new Float32Array(out.length), out)
  return out
}

function expectMean(played: Played, member: number, of: readonly number[]): void {
  const got = meanOf(played, member)
  for (const [k, value] of got.entries()) {
    const due = of.reduce((sum, one) => sum + played.models[one][k], 0) / of.length
    expect(Math.abs(value - due)).toBeLessThan(2e-3)
  }
}

const inSum = (played: Played, member: number) => {
  const end = played.ends[member]
  if (end?.type !== 'opened') throw new Error(`member ${member}: ${JSON.stringify(end)}`)
  return end.decision.dealers
}
const honest = (n: number, ...others: number[]) =>
  Array.from({ length: n }, (_, k) => k).filter((k) => !others.includes(k))
const faultsOf = (played: Played, member: number) =>
  played.sessions[member].findings().map(({ member: who, fault }) => `${who} ${fault}`)
const flipped = (bytes: Uint8Array, at = 0): Uint8Array =>
  bytes.map((byte, k) => (k === at ? byte ^ 1 : byte))
const saying = (change: (body: GroupWordBody) => GroupWordBody | undefined): Deviation => ({ say: change })

/** Shares of its seed, or of its key, that lie on no polynomial, with right hashes. */
const inconsistent = (part: 'vector' | 'masks'): Deviation => ({
  deal(dealing) {
    const parcels = dealing.parcels.map((parcel, k) => ({
      ...parcel,
      [part]: flipped(parcel[part], 8 * (k % 5)),
    }))
    const hashes = parcels.map((parcel) => sha256(parcel[part]))
    return { ...dealing, parcels, [part === 'vector' ? 'vectorHashes' : 'maskHashes']: hashes }
  },
})

/** Of whom members have shown shares of the seed, and of whom of the key: by the hashes that the dealers have signed. */
function shown({ said, sessions, group }: Played, members: readonly number[]) {
  const seeds = new Set<number>()
  const keys = new Set<number>()
  for (const member of members)
    for (const body of said[member]) {
      if (body.kind !== 'opening') continue
      const hashes = Array.from({ length: (body.values.length - 16) / SEED_SHARE_BYTES }, (_, k) => {
        const at = 16 + SEED_SHARE_BYTES * k
        return sha256(body.values.subarray(at, at + SEED_SHARE_BYTES)).join()
      })
      for (const [dealer, word] of sessions[member].words.of('deal')) {
        const deal = decodeMaskDeal(word.body, group.members.length)!
        if (hashes.includes(deal.seedShares[member].join())) seeds.add(dealer)
        if (hashes.includes(deal.keyShares[member].join())) keys.add(dealer)
      }
    }
  return { seeds, keys }
}

describe('a private round with masks', () => {
  it('ends for all members with the mean of all models', () => {
    const played = play(run(7))
    for (const member of honest(7)) {
      expect(inSum(played, member)).toEqual(honest(7))
      expectMean(played, member, honest(7))
      expect(faultsOf(played, member)).toEqual([])
    }
    // One has added up for all.
    expect(played.said.map((bodies) => bodies.filter(({ kind }) => kind === 'combined').length)).toEqual([
      1, 0, 0, 0, 0, 0, 0,
    ])
  })

  it('weighs a model that is far from the others like any other: nothing is filtered', () => {
    const far: Deviation = { elements: (elements) => elements.map((x, k) => (k === 0 ? (x + 1000n) % P : x)) }
    const played = play(run(7), new Map([[3, far]]))
    const plain = play(run(7))
    const unit = 7 * 2 ** played.group.plan.encoding.scale
    for (const member of honest(7)) {
      expect(inSum(played, member)).toContain(3)
      expect(meanOf(played, member)[0] - meanOf(plain, member)[0]).toBeCloseTo(1000 / unit, 5)
    }
  })

  it.each(['deal', 'answers', 'masked', 'vote', 'opening'] as const)(
    'goes on when two of nine members cannot be reached any more before they say their %s',
    (silentFrom) => {
      const gone: Deviation = { silentFrom, isUnreachable: true }
      for (let seed = 1; seed <= sized(2, 4); seed++) {
        const played = play(run(9), new Map([2, 6].map((member) => [member, gone])), seed)
        const sums = new Set(honest(9, 2, 6).map((member) => inSum(played, member).join()))
        expect(sums.size).toBe(1)
        for (const member of honest(9, 2, 6)) {
          expectMean(played, member, inSum(played, member))
          for (const one of honest(9, 2, 6)) expect(inSum(played, member)).toContain(one)
          if (['deal', 'answers', 'masked'].includes(silentFrom))
            expect(inSum(played, member)).toEqual(honest(9, 2, 6))
          expect(faultsOf(played, member)).toEqual(silentFrom === 'deal' ? ['2 silent', '6 silent'] : [])
        }
      }
    },
  )

  it.each(['masked', 'vote'] as const)(
    'lets the next one add up when the combiner, and another one, are gone before they say their %s',
    (silentFrom) => {
      const gone: Deviation = { silentFrom, isUnreachable: true }
      const played = play(run(9), new Map([0, 5].map((member) => [member, gone])))
      for (const member of honest(9, 0, 5)) expectMean(played, member, inSum(played, member))
    },
  )

  it('lets the next one add up when the combiner is gone after its vote', () => {
    for (const silentFrom of ['opening', 'combined'] as const) {
      const played = play(run(7), new Map([[0, { silentFrom }]]))
      for (const member of honest(7, 0)) expectMean(played, member, honest(7))
      expect(played.said[1].some(({ kind }) => kind === 'combined')).toBe(true)
    }
  })

  it('opens nothing when the combiner and a vector that only it had are gone: the round is lost', () => {
    const gone: Deviation = { silentFrom: 'opening', isUnreachable: true }
    const played = play(run(9), new Map([0, 5].map((member) => [member, gone])))
    for (const member of honest(9, 0, 5))
      expect(played.ends[member]).toEqual({ type: 'failed', reason: 'not-opened' })
  })

  it('loses the round, and blames nobody, when a combiner gives neither a sum nor its own vector', () => {
    const played = play(run(7), new Map([[0, { share: () => undefined }]]))
    for (const member of honest(7, 0)) {
      expect(played.ends[member]).toEqual({ type: 'failed', reason: 'not-opened' })
      expect(faultsOf(played, member)).toEqual([])
    }
  })

  it('checks a sum before it uses it, and takes that of the next combiner', () => {
    const wrong = new Map<string, Uint8Array>()
    // Gives its own vector as it is, and another sum under the hash of that.
    const liar: Deviation = {
      say(body) {
        if (body.kind !== 'combined') return body
        const other = new Uint8Array(8 * 40).fill(1)
        wrong.set('sum', other)
        return { ...body, share: sha256(other) }
      },
      offers: () => [...wrong.values()],
    }
    const played = play(run(7), new Map([[0, liar]]))
    for (const member of honest(7, 0)) {
      expectMean(played, member, honest(7))
      expect(faultsOf(played, member)).toEqual([])
    }
    expect(played.said[1].some(({ kind }) => kind === 'combined')).toBe(true)
  })

  it('leaves out a member that gives another vector than it has named', () => {
    const liar: Deviation = { share: (share) => flipped(share) }
    const played = play(run(7), new Map([[4, liar]]))
    for (const member of honest(7, 4)) {
      expect(inSum(played, member)).toEqual(honest(7, 4))
      expectMean(played, member, honest(7, 4))
    }
  })

  it('follows a combiner that leaves out at most as many members as may be gone', () => {
    const keeping: Deviation = { share: () => undefined }
    const two = play(run(9), new Map([4, 5].map((member) => [member, keeping])))
    for (const member of honest(9, 4, 5)) expect(inSum(two, member)).toEqual(honest(9, 4, 5))
    const three = play(run(9), new Map([4, 5, 6].map((member) => [member, keeping])))
    for (const member of honest(9, 4, 5, 6))
      expect(three.ends[member]).toEqual({ type: 'failed', reason: 'no-quorum' })
    expect(shown(three, honest(9)).seeds.size).toBe(0)
  })

  it('shows no shares of a decision that it has not voted for itself, and takes the sum', () => {
    const isLate = (hearer: number, body: GroupWordBody): boolean =>
      hearer === 8 && (body.kind === 'masked' || body.kind === 'vote')
    const played = play(run(9), new Map(), 1, { isLate })
    const [vote] = played.said[8].filter(({ kind }) => kind === 'vote')
    expect(vote).toMatchObject({ dealers: [] })
    for (const member of honest(9)) {
      expectMean(played, member, honest(9))
      expect(played.said[member].some(({ kind }) => kind === 'opening')).toBe(member !== 8)
    }
  })

  it('has no masks in common with two members that show the same open key', () => {
    const { group } = play(run(5))
    const [mine, theirs] = [maskKeys(new Uint8Array(32).fill(1)), maskKeys(new Uint8Array(32).fill(2))]
    const seed = seedOfPair(group, [2, 0], mine.secret, theirs.open)
    expect(seedOfPair(group, [0, 2], theirs.secret, mine.open)).toEqual(seed)
    // Member 4 repeats the open key of member 0: the mask that 2 adds for it must not be the one that it subtracts for 0.
    expect(seedOfPair(group, [2, 4], mine.secret, theirs.open)).not.toEqual(seed)
    expect(seedOfPair({ ...group, round: 1 }, [2, 0], mine.secret, theirs.open)).not.toEqual(seed)
  })

  it('finds out a member that lies about its vector, and has the sum all the same', () => {
    const liar = saying((body) =>
      body.kind === 'opening' ? { ...body, values: flipped(body.values) } : body,
    )
    const played = play(run(7), new Map([[5, liar]]))
    for (const member of honest(7, 5)) {
      expectMean(played, member, honest(7))
      expect(faultsOf(played, member)).toEqual(['5 wrong-share'])
    }
  })

  it('finds out holders that lie about seeds, even more of them than decoding corrects', () => {
    const liar = saying((body) =>
      body.kind === 'opening' ? { ...body, values: flipped(body.values, 16) } : body,
    )
    const played = play(run(5), new Map([1, 3].map((member) => [member, liar])))
    for (const member of honest(5, 1, 3)) {
      expectMean(played, member, honest(5))
      expect(faultsOf(played, member)).toEqual(['1 wrong-share', '3 wrong-share'])
    }
  })

  it('finds out a dealer of inconsistent shares, and blames no holder', () => {
    const played = play(run(7), new Map([[2, inconsistent('vector')]]))
    for (const member of honest(7, 2)) {
      expect(played.ends[member]).toEqual({ type: 'failed', reason: 'not-opened' })
      expect(faultsOf(played, member)).toEqual(['2 inconsistent'])
    }
    // Its key is not needed while it is in the sum.
    const unused = play(run(7), new Map([[2, inconsistent('masks')]]))
    for (const member of honest(7, 2)) expectMean(unused, member, honest(7))
    const gone = play(run(7), new Map([[2, { ...inconsistent('masks'), silentFrom: 'masked' as const }]]))
    for (const member of honest(7, 2)) {
      expect(gone.ends[member]).toEqual({ type: 'failed', reason: 'not-opened' })
      expect(faultsOf(gone, member)).toEqual(['2 inconsistent'])
    }
  })

  it('blames the dealer, not the holder, for one wrong share with a right hash', () => {
    const framing: Deviation = {
      deal(dealing) {
        const parcels = dealing.parcels.map((parcel, k) =>
          k === 6 ? { ...parcel, vector: flipped(parcel.vector) } : parcel,
        )
        return { ...dealing, parcels, vectorHashes: parcels.map(({ vector }) => sha256(vector)) }
      },
    }
    const played = play(run(9), new Map([[2, framing]]))
    for (const member of honest(9, 2)) {
      expectMean(played, member, honest(9))
      expect(faultsOf(played, member)).toEqual(['2 inconsistent'])
    }
  })

  it('leaves out a dealer whose key hides nothing, or whose parcels are not what it has signed', () => {
    const weak = saying((body) =>
      body.kind === 'deal' ? { ...body, masks: body.masks.map((byte, k) => (k < 32 ? 0 : byte)) } : body,
    )
    const other: Deviation = { parcel: (parcel) => ({ ...parcel, masks: flipped(parcel.masks) }) }
    for (const deviation of [weak, other]) {
      const played = play(run(7), new Map([[2, deviation]]))
      for (const member of honest(7, 2)) {
        expect(inSum(played, member)).toEqual(honest(7, 2))
        expectMean(played, member, honest(7, 2))
      }
    }
  })

  it('announces no sum that is too long, and cannot tell whose fault it is', () => {
    const garbage: Deviation = { elements: (elements) => elements.map((x) => (x + (1n << 55n)) % P) }
    const played = play(run(7), new Map([[5, garbage]]))
    for (const member of honest(7, 5)) {
      expect(played.ends[member]).toEqual({ type: 'failed', reason: 'out-of-range' })
      expect(faultsOf(played, member)).toEqual([])
    }
  })

  it('opens nothing with too few members', () => {
    const gone: Deviation = { silentFrom: 'masked' }
    const played = play(run(7), new Map([1, 2, 3, 4].map((member) => [member, gone])))
    for (const member of honest(7, 1, 2, 3, 4)) expect(played.ends[member]?.type).toBe('failed')
    expect(shown(played, honest(7)).seeds.size).toBe(0)
    const few = play(
      run(5),
      new Map([
        [1, { silentFrom: 'deal' as const }],
        [2, { silentFrom: 'deal' as const }],
      ]),
    )
    for (const member of honest(5, 1, 2))
      expect(few.ends[member]).toEqual({ type: 'failed', reason: 'too-few-members' })
    // Where nothing can come of it, nobody even gives away a masked vector.
    expect(few.said.flat().some(({ kind }) => kind === 'masked')).toBe(false)
  })

  it('gives the sum to a member that takes no part', () => {
    const played = play(run(9), new Map(), 1, { speaks: (member) => member !== 4 })
    for (const member of honest(9)) expectMean(played, member, honest(9, 4))
    expect(played.said[4]).toEqual([])
  })

  it('proves that a member has said two things, and goes on', () => {
    const twice: Deviation = {
      say: (body, to) =>
        body.kind === 'vote' && to % 2 === 0 ? { ...body, decision: new Uint8Array(32).fill(7) } : body,
      isGossiped: true,
    }
    const played = play(run(7), new Map([[3, twice]]))
    for (const member of honest(7, 3)) expectMean(played, member, honest(7))
    expect(played.contradictions.length).toBeGreaterThan(0)
  })

  it('comes to the same result in any order of arrival', () => {
    for (let seed = 1; seed <= sized(4, 12); seed++) {
      const liar = seed % 7
      const deviation = saying((body) =>
        body.kind === 'opening' ? { ...body, values: flipped(body.values, seed % 2 === 0 ? 0 : 16) } : body,
      )
      const played = play(run(7), new Map([[liar, deviation]]), seed)
      const first = honest(7, liar)[0]
      for (const member of honest(7, liar)) {
        expect(inSum(played, member)).toEqual(honest(7))
        expect(meanOf(played, member)).toEqual(meanOf(played, first))
        expectMean(played, member, honest(7))
      }
    }
  })

  it('never has honest members show both the seed and the key of one member, whoever is gone or lies', () => {
    const kinds = ['deal', 'answers', 'masked', 'vote', 'opening', 'combined'] as const
    let opened = 0
    let keysShown = 0
    const rounds = sized(24, 60)
    for (let seed = 1; seed <= rounds; seed++) {
      const [a, b] = [seed % 7, (3 * seed + 2) % 7]
      // Each half of the group hears something else, or nothing.
      const split: Deviation = {
        say: (body, to) =>
          body.kind === 'masked' || body.kind === 'vote' ? (to < 3 + (seed % 3) ? body : undefined) : body,
        ...(seed % 2 === 0 ? { silentFrom: kinds[seed % 6] } : {}),
      }
      const late: Deviation = { silentFrom: kinds[(seed >> 1) % 6], isUnreachable: seed % 3 === 0 }
      const played = play(run(7), new Map([[a, split], ...(a === b ? [] : [[b, late] as const])]), seed)
      const { seeds, keys } = shown(played, honest(7, a, b))
      for (const member of seeds) expect(keys.has(member)).toBe(false)
      opened += seeds.size
      keysShown += keys.size
      const sums = honest(7, a, b).flatMap((member) => {
        const end = played.ends[member]
        return end?.type === 'opened' ? [end.sum.join()] : []
      })
      expect(new Set(sums).size).toBeLessThan(2)
    }
    expect(opened).toBeGreaterThan(2 * rounds)
    expect(keysShown).toBeGreaterThan(3)
  })
})
