import { peerIdFromString } from '@libp2p/peer-id'
import {
  accuseModel,
  type Evidence,
  encodeCanonical,
  type HeadMessage,
  makeEvidence,
  type Run,
  type SignedAnnouncement,
  type SignedHead,
  STREAM_PROTOCOLS,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import type { NodeError } from '../../../src/errors.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { createInbound } from '../../../src/inbound/inbound.js'
import { createAdmission } from '../../../src/transport/admission.js'
import { createDirectProtocols } from '../../../src/transport/direct-protocols.js'
import { fetchManifest } from '../../../src/transport/fetch-manifest.js'
import { helloOf } from '../../support/hello.js'
import { connect, startLibp2pNode } from '../../support/libp2p-nodes.js'
import { createManualClock } from '../../support/manual-clock.js'
import {
  announce,
  headOf,
  modelCid,
  otherRun,
  run,
  seeds,
  signers,
  stranger,
  strangerSeed,
} from '../../support/run-fixture.js'

const DEADLINES = { dialMs: 60_000, firstByteMs: 60_000, transferMs: 60_000 }
const signal = () => new AbortController().signal

/** A node that admits and is admitted, with everything it received. */
async function startNode(seed: Uint8Array, signer: typeof stranger, ofRun: Run = run) {
  const libp2p = await startLibp2pNode(seed, signer, ofRun)
  const received = {
    admitted: [] as string[],
    refused: [] as [peer: string, code: string][],
    faults: [] as [peer: string, code: string][],
    announcements: [] as SignedAnnouncement[],
    heads: [] as HeadMessage[],
    evidence: [] as Evidence[],
    accusations: [] as Evidence[],
    ownHeads: [] as SignedHead[],
    errors: [] as string[],
  }
  // Time stands still, so that no deadline passes by chance.
  const direct = createDirectProtocols(libp2p, createManualClock(), DEADLINES, (_protocol, _peer, error) =>
    received.errors.push((error as NodeError).code),
  )
  const inbound = createInbound(
    ofRun,
    ofRun.manifest.members,
    {
      announcement: (message) => received.announcements.push(message),
      head: (message) => received.heads.push(message),
      evidence: (evidence) => received.evidence.push(evidence),
      accusation: (evidence) => received.accusations.push(evidence),
    },
    () => 0,
  )
  const own = {
    announcements: [] as SignedAnnouncement[],
    head: undefined as HeadMessage | undefined,
    evidence: [] as Evidence[],
    seen: new Map<string, SignedHead>(),
  }
  const admission = createAdmission({
    onUnknownHere: async () => undefined,
    run: ofRun,
    self: signer.peerId,
    direct,
    inbound,
    local: {
      announcements: (fromRound) => own.announcements.filter((message) => message.body.round >= fromRound),
      head: () => own.head,
      digests: () => [],
      evidence: () => own.evidence,
      entries: async () => [],
      finalHeads: () => [],
      blocks: () => [],
      groupWords: () => [],
      newestHead: (author) => own.seen.get(author),
      blob: async () => undefined,
    },
    addresses: () => libp2p.getMultiaddrs().map(String),
    onAdmitted: (peer) => received.admitted.push(peer),
    onRefused: (peer, code) => received.refused.push([peer, code]),
    onFault: (peer, code) => received.faults.push([peer, code]),
    onOwnHead: (head) => received.ownHeads.push(head),
    isAdmitted: (peer) => received.admitted.includes(peer),
  })
  await admission.start()
  return { libp2p, direct, admission, received, own, peer: peerIdFromString(signer.peerId) }
}

const member = (k: number) => startNode(seeds[k], signers[k])

describe('admission', () => {
  it('lets members of the run in on both sides, and brings over what each last said', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    a.own.announcements = [announce(signers[0], 0), announce(signers[0], 1)]
    a.own.head = headOf(signers[0], 0)
    b.own.announcements = [announce(signers[1], 5)]
    await connect(a.libp2p, b.libp2p)
    await a.admission.introduce(b.peer, signal())
    expect(a.received.admitted).toEqual([signers[1].peerId])
    expect(b.received.admitted).toEqual([signers[0].peerId])
    expect(a.received.announcements.map((message) => message.body.round)).toEqual([5])
    expect(b.received.announcements.map((message) => message.body.round)).toEqual([0, 1])
    expect(b.received.heads.map(({ head }) => head.body.height)).toEqual([0])
    expect([...a.received.refused, ...b.received.refused]).toEqual([])
  })

  it('refuses a node of another run with a reason, on both sides', async () => {
    const [a, b] = await Promise.all([startNode(seeds[0], signers[0], otherRun), member(1)])
    await connect(a.libp2p, b.libp2p)
    await expect(a.admission.introduce(b.peer, signal())).rejects.toMatchObject({
      code: 'E_REFUSED',
      details: { code: 'E_WRONG_RUN', run: run.id.toString() },
      message: expect.stringContaining(otherRun.id.toString()),
    })
    expect(a.received.refused).toEqual([[signers[1].peerId, 'E_WRONG_RUN']])
    expect(b.received.refused).toEqual([[signers[0].peerId, 'E_WRONG_RUN']])
    expect([...a.received.admitted, ...b.received.admitted]).toEqual([])
  })

  it('refuses a peer that is not a member with a reason, whichever side dialled', async () => {
    const [outsider, b] = await Promise.all([startNode(strangerSeed, stranger), member(1)])
    await connect(outsider.libp2p, b.libp2p)
    await expect(outsider.admission.introduce(b.peer, signal())).rejects.toMatchObject({
      code: 'E_REFUSED',
      details: { code: 'E_NOT_A_MEMBER' },
    })
    expect(b.received.refused).toEqual([[stranger.peerId, 'E_NOT_A_MEMBER']])
    await expect(b.admission.introduce(outsider.peer, signal())).rejects.toMatchObject({
      code: 'E_REFUSED',
      details: { code: 'E_NOT_A_MEMBER' },
    })
    expect(b.received.admitted).toEqual([])
  })

  it("sends evidence to peers that were offline, and a node's own head back to it", async () => {
    const [a, b] = await Promise.all([0, 1].map((k) => startNode(seeds[k], signers[k])))
    const evidence = makeEvidence(announce(signers[2], 3), announce(signers[2], 3, { model: modelCid(99) }))
    b.own.evidence = [evidence, accuseModel(announce(signers[3], 1))]
    b.own.seen.set(signers[0].peerId, headOf(signers[0], 6).head)
    a.own.seen.set(signers[1].peerId, headOf(signers[2], 6).head)
    await connect(a.libp2p, b.libp2p)
    await a.admission.introduce(b.peer, signal())
    expect(a.received.evidence.map(({ bytes }) => bytes)).toEqual([evidence.bytes])
    expect(a.received.accusations).toHaveLength(1)
    expect(a.received.ownHeads.map(({ body }) => body.height)).toEqual([6])
    // It received a head of another author, not its own.
    expect(b.received.ownHeads).toEqual([])
  })

  it('refuses a node of another protocol version with a reason', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    const hello = helloOf(run, { version: 1 })
    const reply = await a.direct.request(b.peer, STREAM_PROTOCOLS.hello, hello, signal())
    expect(reply).toMatchObject({ refused: 'E_UNSUPPORTED_VERSION' })
    expect(b.received.admitted).toEqual([])
  })

  it.each<[string, unknown]>([
    ['no hello', 'text'],
    ['too many addresses', { addresses: Array(9).fill('/ip4/1.2.3.4/tcp/1') }],
    ['an address that is too long', { addresses: ['x'.repeat(257)] }],
    ['too many announcements', { announcements: Array(5).fill(new Uint8Array(1)) }],
    ['an unknown field', { extra: 1 }],
  ])('resets a hello with %s', async (_what, changes) => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    const hello = helloOf(run)
    const message = typeof changes === 'string' ? changes : { ...hello, ...(changes as object) }
    await expect(a.direct.request(b.peer, STREAM_PROTOCOLS.hello, message, signal())).rejects.toMatchObject({
      code: 'E_STREAM',
    })
    expect(b.received.errors).toEqual(['E_MALFORMED'])
    expect(b.received.admitted).toEqual([])
  })

  it('takes eight addresses and four announcements, and drops announcements that are not valid', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    const hello = {
      version: 2,
      run: run.id.toString(),
      addresses: Array(8).fill('/ip4/1.2.3.4/tcp/1'),
      announcements: [
        announce(signers[2], 0).bytes,
        announce(signers[0], 0, { run: otherRun.id }).bytes,
        new Uint8Array(3),
        announce(signers[0], 2).bytes,
      ],
      head: headOf(signers[2], 0).bytes,
      evidence: [],
      yourHead: null,
    }
    await a.direct.request(b.peer, STREAM_PROTOCOLS.hello, hello, signal())
    // The status goes through validation after the reply; the next answer comes after it.
    await a.direct.request(b.peer, STREAM_PROTOCOLS.status, { fromRound: 0 }, signal())
    expect(b.received.admitted).toEqual([signers[0].peerId])
    expect(b.received.announcements.map((message) => message.body.round)).toEqual([2])
    expect(b.received.heads).toEqual([])
  })

  /** A member that answers each hello with this. */
  const answering = async (reply: unknown) => {
    const [a, libp2p] = await Promise.all([member(0), startLibp2pNode(seeds[1], signers[1])])
    await createDirectProtocols(libp2p, createManualClock(), DEADLINES, () => undefined).serve(
      STREAM_PROTOCOLS.hello,
      4,
      async (stream, _connection, limit) => {
        await stream.readFrame(limit)
        await stream.writeFrame(reply, limit)
      },
    )
    await connect(a.libp2p, libp2p)
    return a
  }

  it('takes what a peer says of its refusal as text alone: it cannot steer a terminal or forge a line', async () => {
    const a = await answering({
      refused: '\u001b]0;evil\u0007',
      message: 'no\u001b[2J\r\n12:00 ERROR forged\u202e',
      run: '\u0000\u2028',
    })
    const refusal = await a.admission.introduce(peerIdFromString(signers[1].peerId), signal()).then(
      () => undefined,
      (error: NodeError) => error,
    )
    expect(refusal).toMatchObject({ code: 'E_REFUSED', details: { code: 'E_REFUSED' } })
    expect(refusal!.message).toBe('no\\x1b[2J 12:00 ERROR forged\\u202e')
    expect(JSON.stringify([refusal!.message, refusal!.details])).not.toMatch(/\\u00(0[0-8bcef]|1)|\u2028/)
    expect(a.received.refused).toEqual([[signers[1].peerId, 'E_REFUSED']])
  })

  it('says E_MALFORMED of a reply that is none', async () => {
    const a = await answering({ something: 'else' })
    await expect(a.admission.introduce(peerIdFromString(signers[1].peerId), signal())).rejects.toMatchObject({
      code: 'E_MALFORMED',
    })
    expect(a.received.admitted).toEqual([])
  })
})

describe('status', () => {
  it('is answered to admitted peers only', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    await expect(a.admission.pollStatus(b.peer, 0, signal())).rejects.toMatchObject({ code: 'E_STREAM' })
    expect(b.received.errors).toEqual(['E_NOT_ADMITTED'])
  })

  it('brings the announcements from a round on, at most the newest four, and reports how far the peer is', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    await a.admission.introduce(b.peer, signal())
    expect(await a.admission.pollStatus(b.peer, 0, signal())).toEqual({ rounds: [], newestRound: -1 })
    b.own.announcements = [0, 1, 2, 3, 4, 5].map((round) => announce(signers[1], round))
    expect(await a.admission.pollStatus(b.peer, 4, signal())).toEqual({ rounds: [4, 5], newestRound: 5 })
    // Those that are known already count as well and are handed on again: they may have been dropped as not yet due.
    expect(await a.admission.pollStatus(b.peer, 0, signal())).toEqual({
      rounds: [2, 3, 4, 5],
      newestRound: 5,
    })
    expect(a.received.announcements.map((message) => message.body.round)).toEqual([4, 5, 2, 3, 4, 5])
  })

  it('counts nothing that does not pass validation', async () => {
    const [a, b] = await Promise.all([member(0), member(1)])
    await connect(a.libp2p, b.libp2p)
    await a.admission.introduce(b.peer, signal())
    const { body, signature } = announce(signers[1], 3)
    const forged = { body: { ...body, model: modelCid(77) }, signature }
    b.own.announcements = [{ ...forged, bytes: encodeCanonical(forged) }]
    expect(await a.admission.pollStatus(b.peer, 0, signal())).toEqual({ rounds: [], newestRound: -1 })
    expect(a.received.announcements).toEqual([])
  })
})

it('notices on both sides a node that has the key of this one', async () => {
  const ends: string[] = []
  const start = (name: string) =>
    startLibp2pNode(seeds[0], signers[0], run, (direction) => void ends.push(`${name} ${direction}`))
  const [one, twin] = [await start('one'), await start('twin')]
  const address = twin.getMultiaddrs()[0].decapsulateCode(421)
  await expect(one.dial(address)).rejects.toThrow('self')
  await expect.poll(() => ends.toSorted()).toEqual(['one outbound', 'twin inbound'])
})

describe('the manifest', () => {
  it('is given to members before they are admitted, and to nobody else', async () => {
    const b = await member(1)
    const address = b.libp2p.getMultiaddrs()[0].toString()
    const fetched = await fetchManifest(identityFromSeed(seeds[0]), address, systemClock, signal())
    expect(fetched.id.equals(run.id)).toBe(true)
    await expect(
      fetchManifest(identityFromSeed(strangerSeed), address, systemClock, signal()),
    ).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringMatching(new RegExp(`${stranger.peerId} is not a member`)),
    })
    expect(b.received.refused).toEqual([[stranger.peerId, 'E_NOT_A_MEMBER']])
    expect(b.received.errors).toEqual([])
  })

  it('is not fetched from a node with the same key, which is said', async () => {
    const b = await member(1)
    const address = b.libp2p
      .getMultiaddrs()[0]
      .toString()
      .replace(/\/p2p\/.*/, '')
    await expect(
      fetchManifest(identityFromSeed(seeds[1]), address, systemClock, signal()),
    ).rejects.toMatchObject({ code: 'E_KEY', message: expect.stringContaining("this node's key") })
  })
})
