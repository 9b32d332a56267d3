import type { Ping } from '@libp2p/ping'
import {
  type Evidence,
  encodeCanonical,
  type HeadMessage,
  makeEvidence,
  runTopics,
  type SignedAnnouncement,
} from '@tempered/protocol'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createInbound } from '../../../src/inbound/inbound.js'
import { joinTopics } from '../../../src/transport/gossip.js'
import { openGuard } from '../../support/guards.js'
import { connect, eventually, startLibp2pNode } from '../../support/libp2p-nodes.js'
import { freshMembership } from '../../support/memberships.js'
import {
  announce,
  headOf,
  modelCid,
  run,
  seeds,
  signers,
  stranger,
  strangerSeed,
} from '../../support/run-fixture.js'

const topics = runTopics(run.id)

/** Joins the topics and raises an event for everything that is delivered or logged. */
async function startNode(
  seed: Uint8Array,
  signer: typeof stranger,
  onAnnouncement?: (message: SignedAnnouncement) => void,
  /** Peer ids. */
  neighbours: readonly string[] = run.manifest.members,
) {
  const libp2p = await startLibp2pNode(seed, signer)
  const received = {
    announcements: [] as SignedAnnouncement[],
    heads: [] as HeadMessage[],
    evidence: [] as Evidence[],
    logged: [] as { level: number; code?: string }[],
  }
  const events = new EventTarget()
  const raise = () => events.dispatchEvent(new Event('received'))
  const inbound = createInbound(
    run,
    neighbours,
    {
      announcement(message) {
        onAnnouncement?.(message)
        received.announcements.push(message)
        raise()
      },
      head(message) {
        received.heads.push(message)
        raise()
      },
      accusation() {},
      evidence(evidence) {
        received.evidence.push(evidence)
        raise()
      },
    },
    () => 0,
  )
  const logger = pino(
    { level: 'trace' },
    {
      write(line: string) {
        received.logged.push(JSON.parse(line))
        raise()
      },
    },
  )
  const guard = await openGuard(run, { logger })
  onTestFinished(() => guard.stop())
  joinTopics({ libp2p, inbound, membership: freshMembership(run), guard, logger }, topics, {
    hasChain: true,
    isPrivate: true,
    isChangeable: true,
  })
  return { libp2p, received, guard, until: (check: () => boolean) => eventually(events, 'received', check) }
}
type Node = Awaited<ReturnType<typeof startNode>>

/** Connects and waits until each knows that the other has subscribed to everything. */
async function join(a: Node, b: Node): Promise<void> {
  await connect(a.libp2p, b.libp2p)
  const subscribed = (x: Node, y: Node) =>
    eventually(x.libp2p.services.pubsub as unknown as EventTarget, 'subscription-change', () =>
      Object.values(topics).every((topic) =>
        x.libp2p.services.pubsub.getSubscribers(topic).some((peer) => peer.equals(y.libp2p.peerId)),
      ),
    )
  await Promise.all([subscribed(a, b), subscribed(b, a)])
}
const pingOf = ({ libp2p }: Node) => (libp2p.services as unknown as { ping: Ping }).ping
/** Invalid announcements that gossip's score holds against a peer. */
const invalidFrom = ({ libp2p }: Node, peer: string): number => {
  const pubsub = libp2p.services.pubsub as unknown as {
    dumpPeerScoreStats(): Record<string, { topics: Record<string, { invalidMessageDeliveries: number }> }>
  }
  return pubsub.dumpPeerScoreStats()[peer]!.topics[topics.announcement]!.invalidMessageDeliveries
}
const publish = (node: Node, topic: string, bytes: Uint8Array) =>
  node.libp2p.services.pubsub.publish(topic, bytes)

describe('gossip between two libp2p nodes', () => {
  it('delivers valid announcements, heads and evidence', async () => {
    const [a, b] = await Promise.all([startNode(seeds[0], signers[0]), startNode(seeds[1], signers[1])])
    await join(a, b)
    await publish(a, topics.announcement, announce(signers[0], 0).bytes)
    await publish(a, topics.head, headOf(signers[0], 0).bytes)
    const evidence = makeEvidence(announce(signers[2], 1), announce(signers[2], 1, { model: modelCid(99) }))
    await publish(a, topics.evidence, evidence.bytes)
    await b.until(
      () => b.received.announcements.length + b.received.heads.length + b.received.evidence.length === 3,
    )
    expect(b.received.announcements[0].body.round).toBe(0)
    expect(b.received.evidence[0].offender).toBe(signers[2].peerId)
  })

  it('does not deliver what is not valid, says why in the log, and goes on', async () => {
    const [a, b] = await Promise.all([startNode(seeds[0], signers[0]), startNode(seeds[1], signers[1])])
    await join(a, b)
    const { body, signature } = announce(signers[0], 1)
    const bad: [Uint8Array, string][] = [
      [new Uint8Array(10), 'E_MALFORMED'],
      [new Uint8Array(5000), 'E_TOO_LARGE'],
      [announce(signers[2], 0).bytes, 'E_WRONG_AUTHOR'],
      [encodeCanonical({ body: { ...body, norm: 77 }, signature }), 'E_SIGNATURE'],
    ]
    for (const [bytes] of bad) await publish(a, topics.announcement, bytes)
    await publish(a, topics.announcement, announce(signers[0], 2).bytes)
    await b.until(() => b.received.announcements.length === 1 && b.received.logged.length === bad.length)
    expect(b.received.announcements[0].body.round).toBe(2)
    expect(b.received.logged.map((line) => line.code).sort()).toEqual(bad.map(([, code]) => code).sort())
  })

  it('is for members only: a stranger is neither told what is said nor heard, whichever side dialled', async () => {
    const [outsider, a, b] = await Promise.all([
      startNode(strangerSeed, stranger),
      startNode(seeds[0], signers[0]),
      startNode(seeds[1], signers[1]),
    ])
    await connect(outsider.libp2p, a.libp2p)
    await connect(b.libp2p, outsider.libp2p)
    const all = (node: Node) =>
      Object.values(topics).flatMap((topic) => node.libp2p.services.pubsub.getSubscribers(topic))
    await join(a, b)
    await publish(outsider, topics.announcement, announce(stranger, 0).bytes)
    await publish(a, topics.announcement, announce(signers[0], 0).bytes)
    await b.until(() => b.received.announcements.length === 1)
    // What a stranger wants to open reaches the members before this reply does.
    for (const node of [a, b]) await pingOf(node).ping(outsider.libp2p.peerId)
    expect(all(outsider)).toEqual([])
    expect(outsider.received.announcements).toEqual([])
    for (const node of [a, b]) {
      expect(all(node).some((peer) => peer.equals(outsider.libp2p.peerId))).toBe(false)
      expect(node.received.announcements.every(({ body }) => body.author !== stranger.peerId)).toBe(true)
    }
  })

  it('blames nobody for passing on what its author has forged', async () => {
    // a publishes with a bad signature inside; b is no neighbour of it and passes it on without looking; c looks.
    const c = await startNode(seeds[2], signers[2])
    const [a, b] = await Promise.all([
      startNode(seeds[0], signers[0]),
      startNode(seeds[1], signers[1], undefined, []),
    ])
    await join(a, b)
    await join(b, c)
    for (const round of [1, 2, 3, 4, 5]) {
      const { body, signature } = announce(signers[0], round)
      await publish(a, topics.announcement, encodeCanonical({ body: { ...body, norm: 77 }, signature }))
    }
    await b.until(() => b.received.announcements.length === 5)
    await publish(b, topics.announcement, announce(signers[1], 1).bytes)
    await c.until(() => c.received.announcements.some(({ body: { author } }) => author === signers[1].peerId))
    const dropped = c.guard.report().rejects
    expect(dropped).toEqual([{ kind: 'announcement', code: 'E_SIGNATURE', count: 5 }])
    // Nothing against b, neither in gossip's own score nor in the log.
    expect(invalidFrom(c, signers[1].peerId)).toBe(0)
    expect(c.received.logged).toEqual([])
  })

  it('survives a handler that throws: the message is ignored, the next one delivered', async () => {
    const [a, b] = await Promise.all([
      startNode(seeds[0], signers[0]),
      startNode(seeds[1], signers[1], (message) => {
        if (message.body.round === 0) throw new TypeError('a bug')
      }),
    ])
    await join(a, b)
    await publish(a, topics.announcement, announce(signers[0], 0).bytes)
    await publish(a, topics.announcement, announce(signers[0], 1).bytes)
    await b.until(() => b.received.announcements.length === 1 && b.received.logged.length === 1)
    expect(b.received.announcements[0].body.round).toBe(1)
    expect(b.received.logged[0].level).toBe(50)
  })
})
