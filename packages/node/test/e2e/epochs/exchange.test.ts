import {
  type Amendment,
  approveChange,
  encodeCanonical,
  type Run,
  STREAM_PROTOCOLS,
  sealManifest,
  signBody,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { fetchChangesAt, newestDecided } from '../../../src/epochs/change-exchange.js'
import { openInvitation, readInvitation, writeInvitation } from '../../../src/epochs/invitation.js'
import { bringInvitation } from '../../../src/epochs/join-exchange.js'
import type { Membership } from '../../../src/epochs/membership.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { withMember } from '../../../src/transport/member-client.js'
import { signed as signedIn } from '../../support/changes.js'
import { createMember, peers, run } from '../../support/member-network.js'
import { freshMembership } from '../../support/memberships.js'
import { makeRun, otherRun, seeds, signers, strangerSeed } from '../../support/run-fixture.js'

const call = () => ({ clock: systemClock, signal: new AbortController().signal })
const me = (index: number) => identityFromSeed(seeds[index])
const stranger = identityFromSeed(strangerSeed)

const signed = (amendment: Amendment, from: number, by?: readonly number[], view: Run = run) =>
  signedIn(amendment, from, by, view)
const add: Amendment = { kind: 'add', member: peers[4] }
const leave: Amendment = { kind: 'remove', member: peers[3] }
const longer: Amendment = { kind: 'rounds', rounds: 60 }

/** Member 0, which knows what `membership` knows, and where it listens. */
async function startMember(membership: Membership, ofRun = run) {
  const member = createMember(0, [], { membership, ofRun })
  await member.start()
  return { ...member, address: `${member.network.addresses()[0]}` }
}

const cids = ({ decided }: Membership): string[] => decided.map(({ message }) => message.cid.toString())

describe('changes between two nodes', () => {
  it('go to a member that lacks them, decided or not', async () => {
    const there = freshMembership(run)
    there.enter(7, [])
    for (const message of [signed(add, 5), signed(longer, 6), signed(leave, 9, [1])])
      there.take(message.bytes)
    const { address } = await startMember(there)
    const here = freshMembership(run)
    here.enter(7, [peers[0]])
    expect(await fetchChangesAt(me(1), address, here, [], call())).toMatchObject({ round: 7 })
    expect(cids(here)).toEqual(cids(there))
    expect(here.pending).toHaveLength(1)
    // Whoever has them gets none of the decided ones again.
    expect(await fetchChangesAt(me(1), address, here, [], call())).toMatchObject({ changes: 1 })
  })

  it('are given in several replies where they are many', async () => {
    const alone = makeRun({ members: signers.slice(0, 1) })
    const there = freshMembership(alone)
    for (let k = 0; k < 300; k++)
      there.take(signed({ kind: 'rounds', rounds: 50 + (k % 2) }, k, [0], alone).bytes)
    const { address } = await startMember(there, alone)
    const here = freshMembership(alone)
    there.take(signed({ kind: 'add', member: peers[1] }, 400, [0], alone).bytes)
    await fetchChangesAt(me(1), address, here, [], call())
    expect(cids(here)).toEqual(cids(there))
    expect(here.decided).toHaveLength(301)
  })

  it('go to one that is no member any more, and to one that is to be a member', async () => {
    const there = freshMembership(run)
    for (const message of [signed(leave, 2), signed(add, 90)]) there.take(message.bytes)
    there.enter(5, [])
    const { address } = await startMember(there)
    for (const index of [3, 4]) {
      const here = freshMembership(run)
      await fetchChangesAt(me(index), address, here, [], call())
      expect(cids(here)).toEqual(cids(there))
    }
  })

  it('go to no stranger, though it may bring what makes it a member', async () => {
    const there = freshMembership(run)
    there.take(signed(longer, 5).bytes)
    const { address } = await startMember(there)
    const here = freshMembership(run)
    const ask = (sent: readonly Uint8Array[]) => fetchChangesAt(me(4), address, here, sent, call())
    await expect(ask([])).rejects.toMatchObject({ code: 'E_REFUSED' })
    await expect(ask([signed(add, 6, [0, 4]).bytes, Uint8Array.of(1)])).rejects.toMatchObject({
      code: 'E_REFUSED',
    })
    expect(here.decided).toEqual([])
    expect(there.pending).toHaveLength(1)
    await ask([signed(add, 6).bytes])
    expect(cids(here)).toEqual(cids(there))
    expect(here.decided).toHaveLength(2)
  })

  it('that strangers make up take up no place', async () => {
    const there = freshMembership(run)
    const { address } = await startMember(there)
    const forged = signed({ kind: 'replace', member: peers[3], by: peers[5] }, 6, [3, 5])
    const alone = approveChange({ ...forged, approvals: [] }, signers[5])
    const here = freshMembership(run)
    await expect(fetchChangesAt(me(5), address, here, [alone.bytes], call())).rejects.toMatchObject({
      code: 'E_REFUSED',
    })
    expect(there.pending).toEqual([])
  })

  it('go to an owner of the run that is no member', async () => {
    const { manifest } = run
    const owned = sealManifest({
      ...manifest,
      membership: { admission: 'quorum', owners: [stranger.signer.peerId] },
    })
    const there = freshMembership(owned)
    const { address } = await startMember(there, owned)
    const here = freshMembership(owned)
    const message = here.propose(longer, 5, stranger.signer)
    await fetchChangesAt(stranger, address, here, [message.bytes], call())
    expect(cids(there)).toEqual([message.cid.toString()])
  })

  it('tell what holds for a neighbour, so that one that was away for long takes it', async () => {
    const there = freshMembership(run)
    there.take(signed(longer, 5).bytes)
    there.enter(20_000, [])
    const { address } = await startMember(there)
    const here = freshMembership(run)
    here.enter(20_000, [peers[0], peers[1], peers[2]])
    await fetchChangesAt(me(3), address, here, [], call())
    expect(here.decided).toEqual([])
    const alone = freshMembership(run)
    alone.enter(20_000, [peers[0]])
    await fetchChangesAt(me(3), address, alone, [], call())
    expect(cids(alone)).toEqual(cids(there))
  })

  it('do not end a node when the other one says what it likes', async () => {
    const { address } = await startMember(freshMembership(run))
    const say = (frame: unknown) =>
      withMember(
        me(1),
        address,
        { ...call(), deadlines: { dialMs: 10_000, firstByteMs: 10_000, transferMs: 10_000 } },
        (peer, direct) => direct.request(peer, STREAM_PROTOCOLS.changes, frame, call().signal),
      )
    for (const frame of [
      {},
      { known: [1], changes: [] },
      { known: [], changes: 'x' },
      { known: [], changes: [], more: 1 },
      null,
    ])
      await expect(say(frame)).rejects.toMatchObject({ code: 'E_STREAM' })
    expect(await say({ known: [], changes: [] })).toMatchObject({ changes: 0, round: 0 })
  })

  it('are sent as many as fit, the newest of them', () => {
    const membership = freshMembership(run)
    for (let k = 0; k < 300; k++) membership.take(signed({ kind: 'rounds', rounds: 50 + k }, k).bytes)
    const sent = newestDecided(membership)
    const all = membership.decided.map(({ message }) => message.bytes)
    expect(sent.length).toBeLessThan(all.length)
    expect(sent).toEqual(all.slice(-sent.length))
    expect(sent.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(48 * 1024)
  })
})

describe('an invitation that is brought to a member', () => {
  const inAnHour = (): number => systemClock.wallMs() + 3_600_000
  const invite = (index: number, address: string, more: Partial<{ run: Run['id']; expires: number }> = {}) =>
    readInvitation(
      writeInvitation({ run: run.id, addresses: [address], expires: inAnHour(), ...more }, signers[index]),
    )
  const bring = (index: number, address: string, { invitation, bytes }: ReturnType<typeof readInvitation>) =>
    bringInvitation(me(index), address, { run: invitation.run, bytes }, systemClock, call().signal)

  it('gives the run to who brings it, and has it added by the one that invited', async () => {
    const there = freshMembership(run)
    there.take(signed(longer, 5).bytes)
    there.enter(2, [])
    const { address } = await startMember(there)
    const invited = invite(0, address)
    const answer = await bring(4, address, invited)
    expect(answer.run.id.equals(run.id)).toBe(true)
    expect(answer).toMatchObject({ isMember: false, round: 2 })
    expect(answer.changes).toHaveLength(1)
    expect(there.pending.map(({ change }) => [change.amendment, change.from])).toEqual([[add, 5]])
    // Again is no second change.
    await bring(4, address, invited)
    expect(there.pending).toHaveLength(1)
    there.approve(there.pending[0].cid.toString(), signers[1])
    there.approve(there.pending[0].cid.toString(), signers[2])
    expect(await bring(4, address, invited)).toMatchObject({ isMember: true })
  })

  it('is for one peer', async () => {
    const there = freshMembership(run)
    const { address } = await startMember(there)
    const invited = invite(0, address)
    await bring(4, address, invited)
    await expect(bring(5, address, invited)).rejects.toMatchObject({
      code: 'E_INVITATION',
      message: expect.stringContaining('was used'),
    })
    expect(there.pending).toHaveLength(1)
  })

  it('of another member gives the run, but not the word of this one', async () => {
    const there = freshMembership(run)
    const { address } = await startMember(there)
    const answer = await bring(4, address, invite(1, address))
    expect(answer.isMember).toBe(false)
    expect(there.pending).toEqual([])
  })

  it('is refused when it expired, is to another run, or is of no member', async () => {
    const there = freshMembership(run)
    there.take(signed(leave, 0).bytes)
    const { address } = await startMember(there)
    const refused = (invited: ReturnType<typeof readInvitation>) =>
      bring(4, address, invited).then(
        () => 'taken',
        (error: Error & { code: string }) => `${error.code} ${error.message}`,
      )
    expect(await refused(invite(0, address, { expires: systemClock.wallMs() - 1_000 }))).toMatch(
      /^E_INVITATION .*expired/,
    )
    expect(await refused(invite(0, address, { run: otherRun.id }))).toMatch(/^E_INVITATION .*another run/)
    expect(await refused(invite(5, address))).toMatch(/^E_INVITATION .*no member/)
    // Nor of one that has gone.
    expect(await refused(invite(3, address))).toMatch(/^E_INVITATION .*no member/)
    expect(there.pending).toEqual([])
  })

  it('is refused when it was changed or made up', async () => {
    const there = freshMembership(run)
    const { address } = await startMember(there)
    const { invitation, bytes } = invite(0, address)
    const { signature } = signBody('invitation', { ...invitation, author: peers[5] }, signers[5])
    const body = { ...invitation, addresses: [...invitation.addresses] }
    const forged = encodeCanonical({ body, signature })
    expect(() => openInvitation(forged)).toThrow()
    for (const sent of [forged, bytes.subarray(0, -1), Uint8Array.of(1)])
      await expect(bring(4, address, { invitation, bytes: sent })).rejects.toMatchObject({
        code: 'E_INVITATION',
      })
    expect(there.pending).toEqual([])
  })

  it('is refused to a former member, whose key cannot come back', async () => {
    const there = freshMembership(run)
    there.take(signed(leave, 0).bytes)
    const { address } = await startMember(there)
    await expect(bring(3, address, invite(0, address))).rejects.toMatchObject({ code: 'E_INVITATION' })
    expect(there.pending).toEqual([])
  })
})
