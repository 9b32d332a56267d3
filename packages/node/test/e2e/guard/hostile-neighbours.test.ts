import { describe, expect, it } from 'vitest'
import { openBytes } from '../../../src/blobs/open-blob.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import { createLibp2pNetwork, type Libp2pNetworkComponents } from '../../../src/transport/libp2p-network.js'
import type { RunNetwork } from '../../../src/transport/network.js'
import { memoryCluster, peerOf, realRun } from '../../support/memory-cluster.js'
import { seeds, signers } from '../../support/run-fixture.js'

/** So many rounds at least; the run does not end by itself. */
const ROUNDS = 6

const overLibp2p = (index: number, parts: Libp2pNetworkComponents): RunNetwork =>
  createLibp2pNetwork(parts, {
    seed: seeds[index]!,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    mdns: false,
  })

/** What each of the neighbours does instead of what it should. */
const HOSTILE: readonly ((index: number) => Partial<NodeComponents>)[] = [
  // Models that are no numbers.
  () => ({ publisher: { prepare: async (_round, trained) => trained.map(() => Number.NaN) } }),
  // Models from far away.
  () => ({ publisher: { prepare: async (_round, trained) => trained.map((one) => -1e6 * one) } }),
  // Bytes that are not those that it has announced, and too few of them.
  (index) => ({
    createNetwork: (parts) =>
      overLibp2p(index, {
        ...parts,
        local: {
          ...parts.local,
          blob: async () => openBytes(new Uint8Array(12).fill(7)),
        },
      }),
  }),
  // Announcements that it has not signed, and nothing when it is asked.
  (index) => ({
    createNetwork(parts) {
      const network = overLibp2p(index, {
        ...parts,
        local: { ...parts.local, blob: async () => undefined },
      })
      return {
        ...network,
        announce(message) {
          const bytes = message.bytes.slice()
          bytes[bytes.length - 1]! ^= 1
          return network.announce({ ...message, bytes })
        },
      }
    },
  }),
]

describe('a node whose every neighbour is hostile', () => {
  it('closes its rounds with its own model, and its ledger verifies', async () => {
    const run = realRun({
      rounds: 100_000,
      members: signers.slice(0, 1 + HOSTILE.length),
      rule: { name: 'balance', params: { gamma: 0.3, kappa: 1, alpha: 0.5 }, pre: [] },
      deadlines: { joinMs: 600_000, collectMs: 1_500, firstByteMs: 1_000, transferMs: 2_000 },
    })
    const cluster = await memoryCluster(run)
    const honest = await cluster.start(0, { createNetwork: (parts) => overLibp2p(0, parts) })
    const hostile = await Promise.all(
      HOSTILE.map((components, k) =>
        cluster.start(k + 1, {
          createNetwork: (parts) => overLibp2p(k + 1, parts),
          ...components(k + 1),
        }),
      ),
    )
    const all = [honest, ...hostile]
    const listening = async (): Promise<void> => {
      while (all.some(({ node }) => node.addresses().length === 0))
        await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await listening()
    for (const [i, { node }] of all.entries())
      for (const [j, other] of all.entries())
        if (i !== j) node.learnAddresses(peerOf(j), other.node.addresses())
    // Its models reach the node sooner or later.
    await honest.quarantine(peerOf(1))
    await honest.round(ROUNDS - 1)
    await Promise.all(all.map(({ node }) => node.stop()))
    await honest.done
    const entries = await honest.entries()
    expect(entries.length).toBeGreaterThanOrEqual(ROUNDS)
    expect(entries.map(({ body }) => body.round)).toEqual(entries.map((_, round) => round))
    const neighbours = entries.flatMap(({ body }) => body.neighbours)
    expect(neighbours.filter(({ accepted }) => accepted)).toEqual([])
    expect(entries.every(({ body }) => body.ownWeight === 1)).toBe(true)
    expect([...new Set(honest.quarantined.map(({ peer }) => peer))]).toEqual([peerOf(1)])
  })
})
