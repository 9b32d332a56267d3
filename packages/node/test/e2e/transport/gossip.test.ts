import {
  type Evidence,
  encodeCanonical,
  type HeadMessage,
  makeEvidence,
  runTopics,
  type SignedAnnouncement,
} from '@tempered/protocol'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createInbound } from '../../../src/inbound/inbound.js'
import { joinTopics } from '../../../src/transport/gossip.js'
import { connect, eventually, startLibp2pNode } from '../../support/libp2p-nodes.js'
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
    run.manifest.members,
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
  joinTopics(libp2p, topics, inbound, logger, { hasChain: true, isPrivate: true })
  return { libp2p, received, until: (check: () => boolean) => eventually(events, 'received', check) }
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

  it('does not deliver what somebody outside the run says, member though it claims to be', async () => {
    const [outsider, b] = await Promise.all([
      startNode(strangerSeed, stranger),
      startNode(seeds[1], signers[1]),
    ])
    await join(outsider, b)
    await publish(outsider, topics.announcement, announce(stranger, 0).bytes)
    await publish(outsider, topics.announcement, announce(signers[0], 0).bytes)
    await b.until(() => b.received.logged.length === 2)
    expect(b.received.logged.map((line) => line.code).sort()).toEqual(['E_NOT_A_MEMBER', 'E_WRONG_AUTHOR'])
    expect(b.received.announcements).toEqual([])
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
