import { describe, expect, it } from 'vitest'
import { createChainVerifier } from '../../src/chain.js'
import { encodeCanonical } from '../../src/codec.js'
import { type Contribution, type Entry, type SignedEntry, signEntry } from '../../src/entry.js'
import type { Signer } from '../../src/identity.js'
import { LIMITS } from '../../src/limits.js'
import { sealManifest } from '../../src/manifest.js'
import {
  announce,
  codeOf,
  entryBody,
  makeChain,
  manifestValue,
  modelCid,
  neighbourRecord,
  otherRun,
  refusal,
  run,
  signers,
  stranger,
} from '../support/documents.js'

const [me, one, two, three] = signers
const chain = makeChain(3)

/** A verifier that has accepted the first entries of the fixture chain. */
function after(accepted: number) {
  const verifier = createChainVerifier(run)
  for (const entry of chain.slice(0, accepted)) verifier.accept(entry.bytes)
  return verifier
}
const body = (height: number) => entryBody(height, chain[height - 1]?.cid ?? run.id)
const next = (changes: Partial<Entry>, height = 1, signer: Signer = me) =>
  signEntry({ ...body(height), ...changes }, signer)
const refused = (entry: SignedEntry, accepted = 1) => codeOf(() => after(accepted).accept(entry.bytes))

describe('the chain verifier', () => {
  it('accepts a chain entry by entry and says how far it is', () => {
    const verifier = createChainVerifier(run, me.peerId)
    expect(verifier.length).toBe(0)
    expect(verifier.last).toBeUndefined()
    expect(verifier.head.equals(run.id)).toBe(true)
    for (const [height, entry] of chain.entries()) {
      expect(verifier.accept(entry.bytes).cid.equals(entry.cid)).toBe(true)
      expect(verifier.last?.cid.equals(entry.cid)).toBe(true)
      expect(verifier.length).toBe(height + 1)
      expect(verifier.head.equals(entry.cid)).toBe(true)
    }
  })

  it('takes entries that were just signed without decoding them, and checks all else', () => {
    const verifier = createChainVerifier(run, me.peerId)
    for (const entry of chain) verifier.acceptOwn(entry)
    expect(verifier.length).toBe(chain.length)
    expect(verifier.head.equals(chain.at(-1)!.cid)).toBe(true)
    const own = (entry: SignedEntry) => codeOf(() => after(1).acceptOwn(entry))
    expect(own(next({ height: 2 }))).toBe('E_HEIGHT')
    expect(own(next({ parent: run.id }))).toBe('E_PARENT')
    expect(own(next({ round: 0 }))).toBe('E_ROUND_ORDER')
    expect(own(next({ start: modelCid(77) }))).toBe('E_START')
    expect(codeOf(() => createChainVerifier(run, one.peerId).acceptOwn(chain[0]))).toBe('E_WRONG_AUTHOR')
    // What was refused leaves the chain as it was.
    const unmoved = after(1)
    codeOf(() => unmoved.acceptOwn(next({ height: 2 })))
    unmoved.acceptOwn(chain[1])
    expect(unmoved.length).toBe(2)
  })

  it('accepts gaps in the rounds, and a first round above 0', () => {
    const first = signEntry(entryBody(0, run.id, { round: 4 }), me)
    const second = signEntry(entryBody(1, first.cid, { round: 19 }), me)
    const verifier = createChainVerifier(run)
    verifier.accept(first.bytes)
    expect(verifier.accept(second.bytes).body.round).toBe(19)
  })

  it("holds entries to the run's own limits, exactly", () => {
    const [first] = chain
    const withLimits = (limits: Partial<typeof run.manifest.limits>) => ({
      ...run,
      manifest: { ...run.manifest, limits: { ...run.manifest.limits, ...limits } },
    })
    const accept = (limits: Partial<typeof run.manifest.limits>) =>
      createChainVerifier(withLimits(limits)).accept(first.bytes)
    const size = first.bytes.byteLength
    const count = first.body.neighbours.length
    expect(accept({ maxEntryBytes: size, maxNeighbours: count }).body.height).toBe(0)
    expect(codeOf(() => accept({ maxEntryBytes: size - 1 }))).toBe('E_TOO_LARGE')
    expect(codeOf(() => accept({ maxNeighbours: count - 1 }))).toBe('E_NEIGHBOURS')
  })

  it('stays where it was when an entry is refused', () => {
    const verifier = after(1)
    expect(codeOf(() => verifier.accept(chain[2].bytes))).toBe('E_HEIGHT')
    expect(verifier.length).toBe(1)
    expect(verifier.accept(chain[1].bytes).body.height).toBe(1)
  })

  it('names the entry that is wrong', () => {
    expect(refusal(() => after(1).accept(chain[2].bytes)).message).toContain('entry 2')
  })

  it('refuses bytes that are not an entry', () => {
    expect(codeOf(() => after(1).accept(new Uint8Array(0)))).toBe('E_MALFORMED')
    expect(codeOf(() => after(1).accept(encodeCanonical({ body: {}, signature: new Uint8Array(64) })))).toBe(
      'E_MALFORMED',
    )
  })

  it('refuses an entry of another run', () => {
    expect(refused(next({ run: otherRun.id }))).toBe('E_WRONG_RUN')
  })

  it('refuses an author outside the member list', () => {
    expect(codeOf(() => createChainVerifier(run).accept(next({}, 0, stranger).bytes))).toBe('E_NOT_A_MEMBER')
  })

  it('refuses another member’s entry, with a given author and with that of the first entry', () => {
    expect(codeOf(() => createChainVerifier(run, one.peerId).accept(chain[0].bytes))).toBe('E_WRONG_AUTHOR')
    expect(refused(next({}, 1, three))).toBe('E_WRONG_AUTHOR')
  })

  it('refuses a height that is skipped or taken twice', () => {
    expect(refused(chain[2])).toBe('E_HEIGHT')
    expect(refused(chain[0])).toBe('E_HEIGHT')
  })

  it('refuses an entry on another parent', () => {
    expect(refused(next({ parent: run.id }))).toBe('E_PARENT')
    expect(refused(signEntry(entryBody(0, otherRun.id), me), 0)).toBe('E_PARENT')
  })

  it('refuses a round that does not increase', () => {
    expect(refused(signEntry(entryBody(1, chain[0].cid, { round: 0 }), me))).toBe('E_ROUND_ORDER')
  })

  it('takes the last round of the run and refuses the one after it', () => {
    const at = (round: number) => signEntry(entryBody(1, chain[0].cid, { round }), me)
    expect(after(1).accept(at(19).bytes).body.round).toBe(19)
    expect(refused(at(20))).toBe('E_ROUND_RANGE')
  })

  it('refuses a start that is not where the previous round ended, except after a gap', () => {
    expect(refused(next({ start: modelCid(77) }))).toBe('E_START')
    expect(codeOf(() => createChainVerifier(run).accept(next({ start: modelCid(77) }, 0).bytes))).toBe(
      'E_START',
    )
    const late = signEntry(entryBody(1, chain[0].cid, { round: 5, start: modelCid(77) }), me)
    expect(after(1).accept(late.bytes).body.round).toBe(5)
  })

  it.each<[string, Entry['rule']]>([
    ['another name', { name: 'krum', params: { gamma: 0.3, kappa: 1 }, pre: [] }],
    ['another value', { name: 'balance', params: { gamma: 0.4, kappa: 1 }, pre: [] }],
    ['a parameter less', { name: 'balance', params: { gamma: 0.3 }, pre: [] }],
    ['a parameter more', { name: 'balance', params: { gamma: 0.3, kappa: 1, more: 0 }, pre: [] }],
    [
      'a parameter with the name of an object method',
      { name: 'balance', params: { gamma: 0.3, kappa: 1, toString: 0 }, pre: [] },
    ],
    [
      'a pre-aggregator more',
      { name: 'balance', params: { gamma: 0.3, kappa: 1 }, pre: [{ name: 'nnm', params: { f: 1 } }] },
    ],
  ])('refuses a rule with %s', (_what, rule) => {
    expect(refused(next({ rule } as never))).toBe('E_RULE_MISMATCH')
  })

  it('refuses an own announcement of another author, round or run', () => {
    const parent = chain[0].cid
    for (const wrong of [
      announce(one, 1, { parent }),
      announce(me, 2, { parent }),
      announce(me, 1, { parent, run: otherRun.id }),
    ]) {
      expect(refused(next({ announcement: wrong.bytes }))).toBe('E_NEIGHBOURS')
    }
  })

  it('refuses an own announcement that builds on another parent', () => {
    expect(refused(next({ announcement: announce(me, 1).bytes }))).toBe('E_PARENT')
  })

  it('refuses announcements of models of another length, own or carried', () => {
    const byteLength = run.modelBytes + 1
    const own = announce(me, 1, { parent: chain[0].cid, byteLength })
    expect(refused(next({ announcement: own.bytes }))).toBe('E_MODEL_LENGTH')
    const theirs = neighbourRecord(one, 1, { announcement: announce(one, 1, { byteLength }).bytes })
    expect(refused(next({ neighbours: [theirs] }))).toBe('E_MODEL_LENGTH')
  })

  it('refuses forged announcements, own or carried, accepted or not', () => {
    const forge = (signer: Signer, parent = run.id) => {
      const { body, signature } = announce(signer, 1, { parent })
      return encodeCanonical({ body: { ...body, norm: 99 }, signature })
    }
    expect(refused(next({ announcement: forge(me, chain[0].cid) }))).toBe('E_SIGNATURE')
    for (const accepted of [true, false]) {
      const record = neighbourRecord(one, 1, { announcement: forge(one), accepted })
      expect(refused(next({ neighbours: [record] }))).toBe('E_SIGNATURE')
    }
  })

  it('refuses garbage instead of an announcement', () => {
    expect(refused(next({ announcement: Uint8Array.of(1, 2, 3) }))).toBe('E_MALFORMED')
    expect(
      refused(next({ neighbours: [neighbourRecord(one, 1, { announcement: new Uint8Array(2000) })] })),
    ).toBe('E_TOO_LARGE')
  })

  it('refuses a carried announcement of another peer, round or run', () => {
    for (const wrong of [announce(two, 1), announce(one, 0), announce(one, 1, { run: otherRun.id })]) {
      const record = neighbourRecord(one, 1, { announcement: wrong.bytes })
      expect(refused(next({ neighbours: [record] }))).toBe('E_NEIGHBOURS')
    }
  })

  it('refuses neighbours out of member order, twice, outside the run, or the author itself', () => {
    const record = (signer: Signer) => neighbourRecord(signer, 1)
    for (const neighbours of [
      [record(two), record(one)],
      [record(one), record(one)],
      [record(stranger)],
      [record(me)],
    ]) {
      expect(refused(next({ neighbours }))).toBe('E_NEIGHBOURS')
    }
  })

  it('refuses an accepted neighbour without its announcement, but allows an absent one', () => {
    const absent = {
      announcement: null,
      weight: 0,
      score: null,
      threshold: null,
      arrival: null,
      reason: 'down',
    }
    expect(refused(next({ neighbours: [neighbourRecord(one, 1, { ...absent, accepted: true })] }))).toBe(
      'E_NEIGHBOURS',
    )
    const taken = next({ neighbours: [neighbourRecord(one, 1, { ...absent, accepted: false })] })
    expect(after(1).accept(taken.bytes).body.neighbours).toHaveLength(1)
  })

  it('holds the neighbours against the topology where one is given', () => {
    const accept = (neighbours: readonly Signer[]) => {
      const verifier = createChainVerifier(run, undefined, {
        neighboursOf: () => (peer) => {
          expect(peer).toBe(me.peerId)
          return neighbours.map((signer) => signer.peerId)
        },
      })
      return verifier.accept(chain[0].bytes)
    }
    expect(() => accept([one, two])).not.toThrow()
    for (const due of [[one], [one, two, three], [one, three], [two, one], []]) {
      expect(codeOf(() => accept(due))).toBe('E_NEIGHBOURS')
    }
  })

  it('refuses an entry whose own signature is false or was made for something else', () => {
    const entry = next({})
    const signature = entry.signature.slice()
    signature[63] ^= 0x10
    const forged = encodeCanonical({ body: entry.body, signature })
    expect(codeOf(() => after(1).accept(forged))).toBe('E_SIGNATURE')
    const changed = encodeCanonical({
      body: { ...entry.body, aggregate: modelCid(5) },
      signature: entry.signature,
    })
    expect(codeOf(() => after(1).accept(changed))).toBe('E_SIGNATURE')
  })
})

describe('scores of contributions', () => {
  const scoring = sealManifest({ ...manifestValue(), contribution: { every: 2 } })
  const own = {
    distance: 1,
    cosine: 0.5,
    novelty: null,
    overlap: null,
    copyOf: null,
    freeRide: null,
  } as const
  const start = { loss: 0.5, metric: null }
  const scored: Contribution = {
    start,
    own,
    neighbours: [
      { leaveOneOut: 0.1, ...own },
      { leaveOneOut: null, ...own },
    ],
  }
  const unscored: Contribution = { start, own: null, neighbours: null }

  /** The code for an entry of the first round, or of the second, which is scored. */
  function codeFor(
    contribution: Contribution | undefined,
    { run: of = scoring, round = 1, arrived = true } = {},
  ) {
    const bodyOf = (height: number, parent = of.id) => ({
      ...entryBody(height, parent),
      run: of.id,
      announcement: announce(me, height, { run: of.id, parent }).bytes,
      neighbours: [one, two].map((signer, k) =>
        neighbourRecord(signer, height, {
          announcement: announce(signer, height, { run: of.id }).bytes,
          ...(k === 1 && !arrived ? { accepted: false, arrival: null } : {}),
        }),
      ),
    })
    const verifier = createChainVerifier(of)
    const withScores = (height: number, scores: Contribution | undefined, parent = of.id) =>
      signEntry({ ...bodyOf(height, parent), ...(scores === undefined ? {} : { contribution: scores }) }, me)
    if (round === 1) verifier.accept(withScores(0, of === run ? undefined : unscored).bytes)
    try {
      verifier.accept(withScores(round, contribution, round === 1 ? verifier.head : of.id).bytes)
      return 'accepted'
    } catch (error) {
      return (error as { code?: string }).code
    }
  }

  it('are in every entry of runs that ask for them, and in no other', () => {
    expect(codeFor(scored)).toBe('accepted')
    expect(codeFor(unscored)).toBe('accepted')
    expect(codeFor(unscored, { round: 0 })).toBe('accepted')
    expect(codeFor(undefined)).toBe('E_CONTRIBUTION')
    expect(codeFor(undefined, { round: 0 })).toBe('E_CONTRIBUTION')
    expect(codeFor(undefined, { run })).toBe('accepted')
    expect(codeFor(unscored, { run })).toBe('E_CONTRIBUTION')
  })

  it('are of the rounds that the manifest names, of training, and of the models that arrived', () => {
    expect(codeFor(scored, { round: 0 })).toBe('E_CONTRIBUTION')
    const [first] = scored.neighbours!
    expect(codeFor({ ...scored, neighbours: [first!] })).toBe('E_CONTRIBUTION')
    expect(codeFor({ ...scored, neighbours: [first!, null] })).toBe('E_CONTRIBUTION')
    expect(codeFor({ ...scored, neighbours: [first!, null] }, { arrived: false })).toBe('accepted')
    expect(codeFor(scored, { arrived: false })).toBe('E_CONTRIBUTION')
    expect(codeFor({ ...scored, own: null })).toBe('E_CONTRIBUTION')
    expect(codeFor({ ...unscored, own })).toBe('E_CONTRIBUTION')
    expect(codeFor({ ...scored, own: { ...own, copyOf: 3 } })).toBe('accepted')
    expect(codeFor({ ...scored, own: { ...own, copyOf: 4 } })).toBe('E_CONTRIBUTION')
    const still = sealManifest({
      ...manifestValue(),
      contribution: { every: 2 },
      training: { ...manifestValue().training, localSteps: 0 },
    })
    expect(codeFor(scored, { run: still, round: 1 })).toBe('E_CONTRIBUTION')
  })

  it('of the most neighbours fit into an entry', () => {
    const long = {
      distance: 1.1,
      cosine: -0.1,
      novelty: 1.1,
      overlap: 0.1,
      copyOf: 16_383,
      freeRide: 'later-copy',
    } as const
    const neighbours = Array.from({ length: LIMITS.maxNeighbours }, () => neighbourRecord(one, 0))
    const scores = neighbours.map(() => ({ leaveOneOut: 0.1, ...long }))
    const entry = signEntry(
      { ...body(0), neighbours, contribution: { start, own: long, neighbours: scores } },
      me,
    )
    expect(entry.bytes.byteLength).toBeLessThanOrEqual(LIMITS.maxEntryBytes)
  })
})

describe('entries of private runs', () => {
  const hidden = sealManifest({
    ...manifestValue(),
    privacy: { mode: 'shares', threshold: 1, group: 3, range: 10 },
  })
  const [transcript, sum] = [modelCid(501), modelCid(502)]
  const firstOf = (of: typeof run, model: number, privacy?: Entry['privacy']) => {
    const announced = (signer: Signer, tag: number) =>
      announce(signer, 0, { run: of.id, parent: of.id, model: modelCid(tag) }).bytes
    const neighbours = [one, two].map((signer, k) =>
      neighbourRecord(signer, 0, { announcement: announced(signer, 601 + k), arrival: k }),
    )
    return signEntry(
      {
        ...entryBody(0, of.id, { run: of.id, announcement: announced(me, model), neighbours }),
        ...(privacy === undefined ? {} : { privacy }),
      },
      me,
    )
  }
  const accept = (of: typeof run, entry: SignedEntry) => createChainVerifier(of).accept(entry.bytes)

  it('name the transcript of their group, and only they do', () => {
    expect(() => accept(hidden, firstOf(hidden, 1, { transcript, sum }))).not.toThrow()
    expect(() => accept(run, firstOf(run, 1))).not.toThrow()
    const lacking = refusal(() => accept(hidden, firstOf(hidden, 1)))
    expect([lacking.code, lacking.message]).toEqual(['E_PRIVACY', expect.stringMatching(/^entry 1: lacks/)])
    const needless = refusal(() => accept(run, firstOf(run, 1, { transcript, sum })))
    expect([needless.code, needless.message]).toEqual([
      'E_PRIVACY',
      expect.stringMatching(/^entry 1: names a transcript/),
    ])
  })

  it('announce nothing new where no sum was opened', () => {
    // Model 0 is that with which the round began.
    expect(() => accept(hidden, firstOf(hidden, 0, { transcript, sum: null }))).not.toThrow()
    expect(codeOf(() => accept(hidden, firstOf(hidden, 1, { transcript, sum: null })))).toBe('E_PRIVACY')
  })
})
