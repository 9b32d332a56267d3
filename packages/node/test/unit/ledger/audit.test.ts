import { join } from 'node:path'
import { type SignedEntry, sealManifest } from '@tempered/protocol'
import { beforeAll, describe, expect, it } from 'vitest'
import { createRunRule, manifestRule } from '../../../src/aggregate/run-rule.js'
import { createAnnouncementIndex } from '../../../src/ledger/announcement-index.js'
import { auditLedger } from '../../../src/ledger/audit.js'
import { diffLedgers } from '../../../src/ledger/diff.js'
import { explainNeighbour, findNeighbour } from '../../../src/ledger/explain.js'
import { createReplay } from '../../../src/ledger/replay.js'
import { lookup, modelOf, replayableEntry, storeModel } from '../../support/replay-fixture.js'
import { announce, makeEntry, modelCid, run, signers } from '../../support/run-fixture.js'
import { writeLedger } from '../../support/state-folder.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const [me, b, c] = signers
let chain: SignedEntry[]
let liar: SignedEntry

beforeAll(async () => {
  chain = [await replayableEntry(undefined)]
  chain.push(await replayableEntry(chain[0]))
  liar = await replayableEntry(chain[1], { ownWeight: 0.9 })
})

describe('auditLedger', () => {
  it('counts what agrees, names what differs and what cannot be checked', async () => {
    const path = await writeLedger(await temporaryFolder(), [...chain, liar])
    const audit = (blobs = lookup, round?: number) =>
      auditLedger({ run, path, blobs, round, announcements: createAnnouncementIndex() })
    const found = await audit()
    expect(found).toMatchObject({ agrees: 2, unproven: [] })
    expect(found.wrong).toHaveLength(1)
    expect(found.wrong[0]).toMatchObject({ round: 2, difference: { field: 'ownWeight', recorded: '0.9' } })
    expect(found.wrong[0].parent?.cid.equals(chain[1].cid)).toBe(true)

    const hidden = modelOf(2, 1).toString()
    const without = await audit(async (cid) => (cid === hidden ? undefined : lookup(cid)))
    expect(without).toMatchObject({ agrees: 1, unproven: [{ round: 1, missing: [hidden] }] })
    expect(await audit(lookup, 1)).toMatchObject({ agrees: 1, wrong: [] })
  })

  it.each([
    { name: 'foolsgold', params: {}, pre: [] },
    { name: 'median', params: {}, pre: [{ name: 'reputation', params: {} }] },
  ])('a memory that no rule wrote is a difference, not a crash: $name', async (remembers) => {
    const junk = await replayableEntry(undefined, { memory: storeModel(1, 2, 3, 4) })
    const next = await replayableEntry(chain[0], { parent: junk.cid })
    const rule = manifestRule(createRunRule(remembers))
    const remembering = sealManifest({ ...run.manifest, rule })
    const finding = await createReplay(remembering, lookup).check(next, junk)
    expect(finding).toMatchObject({ status: 'differs', difference: { field: 'models' } })
  })
})

describe('diffLedgers', () => {
  const recordOf = (peer: typeof b, round: number, model: number) => ({
    ...makeEntry(round, run.id).body.neighbours[0],
    peer: peer.peerId,
    announcement: announce(peer, round, { model: modelCid(model) }).bytes,
  })

  async function diff(a: readonly SignedEntry[], other: readonly SignedEntry[]) {
    const folder = await temporaryFolder()
    return diffLedgers(await writeLedger(join(folder, 'a'), a), await writeLedger(join(folder, 'b'), other))
  }

  it('finds what a member told two others about itself, and what it told one and wrote itself', async () => {
    const mine = makeEntry(0, run.id, { neighbours: [recordOf(b, 0, 7), recordOf(c, 0, 8)] })
    const theirs = makeEntry(0, run.id, { neighbours: [recordOf(c, 0, 9)] }, b)
    const found = await diff([mine], [theirs])
    const [one, two] = [...found.contradictions].sort((x, y) => (x.offender === b.peerId ? -1 : y ? 1 : 0))
    expect(one).toMatchObject({ offender: b.peerId, round: 0 })
    expect(one.announcements.map(({ ledgers }) => ledgers)).toEqual([[me.peerId], [b.peerId]])
    expect(two).toMatchObject({
      offender: c.peerId,
      round: 0,
      evidence: { kind: 'announcement-equivocation' },
    })
    expect(found.contradictions).toHaveLength(2)
    expect(found.fork).toBeUndefined()
  })

  it('tells rounds that one has alone and verdicts that differ, and contradicts nobody for them', async () => {
    const mine = makeEntry(0, run.id, { neighbours: [recordOf(c, 0, 8)] })
    const refused = { ...recordOf(c, 0, 8), accepted: false, reason: 'distance-above-threshold' }
    const theirs = makeEntry(0, run.id, { neighbours: [refused] }, b)
    const later = makeEntry(1, theirs.cid, { round: 3, neighbours: [] }, b)
    const found = await diff([mine], [theirs, later])
    expect(found).toMatchObject({ contradictions: [], onlyA: [], onlyB: [3] })
    expect(found.verdicts).toMatchObject([
      { round: 0, peer: c.peerId, a: { accepted: true }, b: { accepted: false } },
    ])
  })

  it('finds where two copies of one ledger part', async () => {
    const other = makeEntry(1, chain[0].cid, { localSteps: 8, neighbours: [] })
    const found = await diff(chain, [chain[0], other])
    expect(found.fork?.height).toBe(1)
    expect([found.fork?.a.cid, found.fork?.b.cid].map(String)).toEqual([chain[1].cid, other.cid].map(String))
    expect((await diff(chain, chain)).fork).toBeUndefined()
  })
})

describe('explainNeighbour', () => {
  const explain = (entry: SignedEntry, parent?: SignedEntry) =>
    explainNeighbour(run, createReplay(run, lookup), entry, parent, b.peerId)

  it('gives distances by layer and what would have been', async () => {
    // Round 0: own model 0 0 0 0, the neighbours' 1 1 1 1 and 2 2 2 2; plain averaging gives 1 1 1 1.
    const found = await explain(chain[0])
    expect(found.distance).toBeCloseTo(2)
    expect(found.layers.map(({ name, share }) => [name, share])).toEqual([
      ['0.kernel', 0.5],
      ['0.bias', 0.5],
    ])
    expect(found.layers.reduce((sum, layer) => sum + layer.squaredDistance, 0)).toBeCloseTo(
      found.distance ** 2,
    )
    expect([...found.aggregate]).toEqual([1, 1, 1, 1])
    // Without it, 0 and 2 are left: 1 again. With it by a third of the weight: 1 again.
    expect(found.plainWeight).toBeCloseTo(1 / 3)
    expect(found.without).toMatchObject({ distance: 0, relative: 0 })
    const other = await explainNeighbour(run, createReplay(run, lookup), chain[0], undefined, c.peerId)
    // Without 2 2 2 2: the mean of 0 and 1.
    expect('parameters' in other.without && [...other.without.parameters]).toEqual([0.5, 0.5, 0.5, 0.5])
    expect(other.without).toMatchObject({ distance: 1, relative: 0.5 })
    expect('parameters' in other.plain && [...other.plain.parameters]).toEqual([1, 1, 1, 1])
  })

  it('says so when the rule would have asked for other losses', async () => {
    const entry = await replayableEntry(undefined, { losses: [0.5] })
    expect((await explain(entry)).without).toMatchObject({ unknown: expect.stringContaining('losses') })
  })

  it('finds a neighbour by the end of its id, if it is the only one', () => {
    expect(findNeighbour(chain[0], b.peerId.slice(-6)).peer).toBe(b.peerId)
    expect(() => findNeighbour(chain[0], 'nobody')).toThrow(RangeError)
    expect(() => findNeighbour(chain[0], '')).toThrow(/2 neighbours/)
  })

  it('needs the models', async () => {
    const none = createReplay(run, async () => undefined)
    await expect(explainNeighbour(run, none, chain[0], undefined, b.peerId)).rejects.toMatchObject({
      name: 'MissingBlobs',
    })
  })
})
