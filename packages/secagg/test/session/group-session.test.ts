import { makeGroupWordEvidence, openEvidence, sha256 } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { parcelHash } from '../../src/dealing/challenge.js'
import { decodeMean } from '../../src/encoding/fixed-point.js'
import { P } from '../../src/field/field.js'
import { isRefusable } from '../../src/session/findings.js'
import { weightOf } from '../../src/session/transcript.js'
import { type Deviation, type Played, play } from '../support/play.js'
import { privateRun } from '../support/private-run.js'

/** The model that a member has come to. */
function meanOf({ group, ends }: Played, member: number): Float32Array | undefined {
  const end = ends[member]
  if (end?.type !== 'opened') return undefined
  const out = new Float32Array(end.sum.length)
  decodeMean(group.plan.encoding, end.sum, weightOf(end.decision), new Float32Array(out.length), out)
  return out
}

function meanOfModels({ models }: Played, members: readonly number[]): Float32Array {
  return models[0].map((_, k) => members.reduce((sum, m) => sum + models[m][k], 0) / members.length)
}

function expectNear(got: Float32Array | undefined, due: Float32Array): void {
  expect(got).toBeDefined()
  for (const [k, value] of due.entries()) expect(Math.abs(got![k] - value)).toBeLessThan(2e-3)
}

const accept = (played: Played, member: number) => {
  const end = played.ends[member]
  if (end?.type !== 'opened') throw new Error(`member ${member}: ${JSON.stringify(end)}`)
  return end.decision.dealers.filter((_, k) => end.decision.weights[k] > 0)
}
const honest = (n: number, ...others: number[]) =>
  Array.from({ length: n }, (_, k) => k).filter((k) => !others.includes(k))
const faultsOf = (played: Played, member: number) =>
  played.sessions[member].findings().map(({ member: who, fault }) => `${who} ${fault}`)

/** Gives one holder another vector than the polynomial of the others, with its hash. */
const unequal = (holder: number): Deviation => ({
  deal(dealing) {
    const vector = dealing.parcels[holder].vector.map((byte, k) => (k === 8 ? byte ^ 1 : byte))
    const hash = sha256(vector)
    const { maskHashes } = dealing
    return {
      ...dealing,
      parcels: dealing.parcels.map((parcel, k) => (k === holder ? { ...parcel, vector } : parcel)),
      vectorHashes: dealing.vectorHashes.map((known, k) => (k === holder ? hash : known)),
      hashes: dealing.hashes.map((known, k) => (k === holder ? parcelHash(hash, maskHashes[k]) : known)),
    }
  },
})

/** Accepts all but none: everything that passes its tests is in the sum. */
const ALL = { rule: { name: 'balance', params: { gamma: 1000 } } }

describe('a private round', () => {
  it('ends for all members with the mean of all models', () => {
    const played = play(privateRun({ members: 7, privacy: ALL }))
    const due = meanOfModels(played, honest(7))
    for (const member of honest(7)) {
      expect(accept(played, member)).toEqual(honest(7))
      expectNear(meanOf(played, member), due)
      expect(faultsOf(played, member)).toEqual([])
    }
  })

  it('leaves out a model that is far from the others, as the rule says', () => {
    const far: Deviation = {
      elements: (elements) => elements.map((x, k) => (k === 0 ? (x + (1n << 16n)) % P : x)),
    }
    const played = play(
      privateRun({ members: 8, privacy: { rule: { name: 'multi-krum', params: { f: 2 } } } }),
      new Map([[3, far]]),
    )
    for (const member of honest(8)) {
      expect(accept(played, member)).not.toContain(3)
      expect(accept(played, member)).toHaveLength(6)
      expectNear(meanOf(played, member), meanOfModels(played, accept(played, member)))
    }
  })

  it.each(['deal', 'answers', 'distances', 'vote', 'opening'] as const)(
    'goes on when two of nine members are gone before they say their %s',
    (silentFrom) => {
      const run = privateRun({ members: 9, privacy: ALL })
      const played = play(
        run,
        new Map([
          [2, { silentFrom }],
          [6, { silentFrom }],
        ]),
      )
      const isDealt = silentFrom !== 'deal'
      for (const member of honest(9, 2, 6)) {
        const due = isDealt ? honest(9) : honest(9, 2, 6)
        expect(accept(played, member)).toEqual(due)
        expectNear(meanOf(played, member), meanOfModels(played, due))
        if (!isDealt) expect(faultsOf(played, member)).toEqual(['2 silent', '6 silent'])
      }
    },
  )

  it('finds out a dealer whose model is too long', () => {
    // Its masks never hide it, and it does not draw until they do.
    const huge: Deviation = {
      elements: (elements) => elements.map((x) => (x + (1n << 55n)) % P),
      isPatient: true,
    }
    const played = play(privateRun({ members: 7, privacy: ALL }), new Map([[5, huge]]))
    for (const member of honest(7, 5)) {
      expect(accept(played, member)).toEqual(honest(7, 5))
      expect(faultsOf(played, member)).toContain('5 out-of-range')
    }
  })

  it('finds out a holder that says wrong things about distances, and goes on', () => {
    const liar: Deviation = {
      say: (body) =>
        body.kind === 'distances'
          ? { ...body, values: body.values.map((b, k) => (k % 8 === 0 ? b ^ 1 : b)) }
          : body,
    }
    const played = play(privateRun({ members: 9, privacy: ALL }), new Map([[4, liar]]))
    for (const member of honest(9, 4)) {
      expect(accept(played, member)).toEqual(honest(9))
      expectNear(meanOf(played, member), meanOfModels(played, honest(9)))
    }
    // A member that the others' votes have overtaken may not have heard the lie.
    const found = honest(9, 4).map((member) => faultsOf(played, member))
    expect(found.filter((faults) => faults.length > 0).length).toBeGreaterThan(4)
    for (const faults of found) expect(faults.filter((fault) => fault !== '4 wrong-distance')).toEqual([])
  })

  it('finds out a holder that gives wrong shares of the sum', () => {
    const liar: Deviation = { share: (share) => share.map((byte, k) => (k === 0 ? byte ^ 1 : byte)) }
    const played = play(privateRun({ members: 7, privacy: ALL }), new Map([[1, liar]]))
    for (const member of honest(7, 1)) expectNear(meanOf(played, member), meanOfModels(played, honest(7)))
    const found = honest(7, 1).map((member) => faultsOf(played, member))
    // Those that needed its share.
    expect(found.filter((faults) => faults.includes('1 wrong-share')).length).toBeGreaterThan(0)
    for (const faults of found) expect(faults.filter((fault) => fault !== '1 wrong-share')).toEqual([])
  })

  it('finds out a holder that lies about its share of the sum', () => {
    const liar: Deviation = {
      say: (body) =>
        body.kind === 'opening'
          ? { ...body, values: body.values.map((b, k) => (k === 0 ? b ^ 1 : b)) }
          : body,
    }
    const played = play(privateRun({ members: 7, privacy: ALL }), new Map([[6, liar]]))
    for (const member of honest(7, 6)) {
      expect(faultsOf(played, member)).toEqual(['6 wrong-share'])
      expectNear(meanOf(played, member), meanOfModels(played, honest(7)))
    }
  })

  it('blames the dealer when a holder shows that it was given something else', () => {
    const played = play(privateRun({ members: 9, privacy: ALL }), new Map([[3, unequal(7)]]))
    for (const member of honest(9, 3)) expect(faultsOf(played, member)).toContain('3 wrong-parcel')
    for (const member of honest(9, 3))
      expect(faultsOf(played, member).some((fault) => !fault.startsWith('3'))).toBe(false)
  })

  it.each([
    ['and shows the right parcel', false, 'wrong-answer', true],
    ['and shows nothing', true, 'disputed', false],
  ])('finds out a holder that answers wrongly %s', (_, isQuiet, fault, isRefused) => {
    const liar: Deviation = {
      say(body) {
        if (body.kind === 'complaint' && isQuiet) return undefined
        if (body.kind !== 'answers') return body
        const bent = (values: Uint8Array): Uint8Array => values.map((b, k) => (k === 0 ? b ^ 1 : b))
        const about = body.about.map((one) => (one.dealer === 2 ? { ...one, values: bent(one.values) } : one))
        return { ...body, about }
      },
    }
    const played = play(privateRun({ members: 9, privacy: ALL }), new Map([[7, liar]]))
    const found = honest(9, 7, 2).map((member) => played.sessions[member].findings())
    // What was shown may come too late for some.
    expect(found.some((findings) => findings.some((one) => one.fault === fault))).toBe(true)
    for (const findings of found)
      for (const finding of findings) {
        expect(finding.member).toBe(7)
        if (finding.fault === fault) expect(isRefusable(finding)).toBe(isRefused)
      }
    for (const member of honest(9, 7))
      expectNear(meanOf(played, member), meanOfModels(played, accept(played, member)))
  })

  it('proves that a member has said two things, and goes on', () => {
    const other = new Uint8Array(32).fill(7)
    const twice: Deviation = {
      say: (body, to) => (body.kind === 'vote' && to % 2 === 0 ? { ...body, decision: other } : body),
      isGossiped: true,
    }
    const played = play(privateRun({ members: 7, privacy: ALL }), new Map([[0, twice]]))
    for (const member of honest(7, 0)) expectNear(meanOf(played, member), meanOfModels(played, honest(7)))
    expect(played.contradictions.length).toBeGreaterThan(0)
    for (const [a, b] of played.contradictions)
      expect(openEvidence(makeGroupWordEvidence(a, b).bytes, played.group.run).offender).toBe(
        played.group.members[0],
      )
  })

  it('opens nothing when the sum would show too few models', () => {
    const run = privateRun({ members: 7, privacy: { rule: { name: 'multi-krum', params: { f: 1, m: 1 } } } })
    const played = play(run)
    const reasons = played.ends.map((end) => (end?.type === 'failed' ? end.reason : end?.type))
    // One that the others' votes have overtaken does not know why.
    for (const reason of reasons) expect(['too-few-accepted', 'no-quorum']).toContain(reason)
    expect(reasons).toContain('too-few-accepted')
    // And nobody has given away a share.
    for (const session of played.sessions) expect(session.words.of('opening').size).toBe(0)
  })

  it('opens nothing when too many members are gone', () => {
    const run = privateRun({ members: 7, privacy: ALL })
    const gone = new Map([1, 2, 3].map((member) => [member, { silentFrom: 'answers' } as Deviation]))
    const played = play(run, gone)
    for (const member of honest(7, 1, 2, 3)) expect(played.ends[member]?.type).toBe('failed')
  })

  it('gives the sum to a member that takes no part', () => {
    const run = privateRun({ members: 9, privacy: ALL })
    const played = play(run, new Map(), 1, { speaks: (member) => member !== 4 })
    for (const member of honest(9)) expectNear(meanOf(played, member), meanOfModels(played, honest(9, 4)))
    for (const kind of ['deal', 'answers', 'distances', 'vote', 'opening'] as const)
      expect(played.sessions[4].words.of(kind).has(4)).toBe(false)
  })

  it('comes to the same result in any order of arrival', () => {
    const run = privateRun({ members: 8, privacy: { rule: { name: 'nearest', params: { f: 2 } } } })
    const liar: Deviation = {
      say: (body) =>
        body.kind === 'distances'
          ? { ...body, values: body.values.map((b, k) => (k % 8 === 0 ? b ^ 1 : b)) }
          : body,
    }
    for (let seed = 1; seed <= 12; seed++) {
      const played = play(run, new Map([[seed % 8, liar]]), seed)
      const first = honest(8, seed % 8)[0]
      for (const member of honest(8, seed % 8)) {
        expect(accept(played, member)).toEqual(accept(played, first))
        expect(meanOf(played, member)).toEqual(meanOf(played, first))
      }
    }
  })
})
