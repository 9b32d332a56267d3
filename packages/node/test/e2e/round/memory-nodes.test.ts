import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { accuseEntry, accuseModel, decodeAnnouncement, signAnnouncement } from '@tempered/protocol'
import { listPreAggregators, listRules } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { full } from '../../../../../test-support/tier.js'
import { openEvidenceLog } from '../../../src/evidence/evidence-log.js'
import { openBlobFolders, withInitialModel } from '../../../src/ledger/blob-folders.js'
import { createReplay } from '../../../src/ledger/replay.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import type { LocalTraining } from '../../../src/round/local-training.js'
import { FINALS_FILE, readFinals } from '../../../src/witness/final-store.js'
import {
  type MemoryCluster,
  type MemoryNode,
  memoryCluster,
  peerOf,
  realRun,
} from '../../support/memory-cluster.js'
import { modelCid, signers } from '../../support/run-fixture.js'

type Played = [
  name: string,
  params: Record<string, number>,
  pre: { name: string; params: Record<string, number> }[],
]
/** Pre-aggregators that run only when requested. */
const PRE_PARAMETERS: Readonly<Record<string, Record<string, number>>> = {
  nnm: { f: 1 },
  arc: { f: 1 },
  bucketing: { s: 2 },
  'static-clipping': { c: 5 },
}

const blobsOf = (cluster: MemoryCluster) =>
  openBlobFolders(cluster.folders.map((folder) => join(folder, 'blobs')))

async function replayed(cluster: MemoryCluster, node: MemoryNode): Promise<string[]> {
  const replay = createReplay(cluster.run, withInitialModel(await blobsOf(cluster), cluster.run))
  const entries = await node.entries()
  const found: string[] = []
  for (const [k, entry] of entries.entries()) found.push((await replay.check(entry, entries[k - 1])).status)
  return found
}

/** Keeps its own model and records what the rule returned. */
const cheating: Partial<NodeComponents> = {
  wrapRule: (rule) => ({
    ...rule,
    aggregate(input, out) {
      const result = rule.aggregate(input, out)
      result.vector.set(input.own)
      return result
    },
  }),
}

describe('every rule of the library', () => {
  const rules = listRules().map(({ name, example }): Played => [name, { ...example }, []])
  const behind = listPreAggregators().map(
    ({ name }): Played => ['trimmed-mean', { f: 1 }, [{ name, params: PRE_PARAMETERS[name] ?? {} }]],
  )
  // Every eighth of them in the quick tier.
  it.each([...rules, ...behind].filter((_, k) => full || k % 8 === 0))(
    '%s %j behind %j runs by name from the manifest, replays, and makes every head final',
    async (name, params, pre) => {
      const run = realRun({ rounds: 3, members: signers, rule: { name, params, pre } })
      const cluster = await memoryCluster(run)
      const nodes = await Promise.all(signers.map((_, index) => cluster.start(index)))
      await Promise.all(nodes.map(({ done }) => done))
      for (const node of nodes) {
        expect(await replayed(cluster, node)).toEqual(Array(3).fill('agrees'))
        const finals = await readFinals(join(node.folder, FINALS_FILE), cluster.run)
        expect(finals.map(({ head }) => head.body.height)).toEqual(signers.map(() => 2))
        expect(node.quarantined).toEqual([])
        const entries = await node.entries()
        expect(entries.every(({ body }) => body.neighbours.every(({ arrival }) => arrival !== null))).toBe(
          true,
        )
      }
    },
  )
})

describe('four nodes', () => {
  it('go on through a partition that heals', async () => {
    const run = realRun({ rounds: 8, deadlines: { collectMs: 300, reconnectMs: 1 } })
    const cluster = await memoryCluster(run)
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    await nodes[0].round(1)
    const across = [0, 1].flatMap((a) => [2, 3].map((b) => [peerOf(a), peerOf(b)] as const))
    for (const [a, b] of across) cluster.hub.setLink(a, b, false)
    await Promise.all(nodes.map((node) => node.round(4)))
    for (const [a, b] of across) cluster.hub.setLink(a, b, true)
    await Promise.all(nodes.map(({ done }) => done))
    const absent = (await nodes[0].entries()).flatMap(({ body }) =>
      body.neighbours.filter(({ arrival }) => arrival === null).map(({ reason }) => reason),
    )
    expect(absent.length).toBeGreaterThan(0)
    for (const node of nodes) expect(new Set(await replayed(cluster, node))).toEqual(new Set(['agrees']))
  })
})

describe('a node whose training diverges', () => {
  it('stops with a plain error instead of announcing evidence against itself', async () => {
    const run = realRun({ rounds: 3, deadlines: { collectMs: 300, reconnectMs: 1 } })
    const cluster = await memoryCluster(run)
    const diverging: LocalTraining = {
      async train(round, parameters) {
        if (round === 1) parameters[3] = Number.POSITIVE_INFINITY
        return { loss: 1 }
      },
      evaluate: async () => null,
      loss: async () => 0,
    }
    const nodes = await Promise.all(
      [0, 1, 2, 3].map((index) => cluster.start(index, index === 3 ? { training: diverging } : {})),
    )
    await expect(nodes[3].done).rejects.toMatchObject({
      code: 'E_DIVERGED',
      message: expect.stringMatching(/round 2: parameter 3 of the trained model is Infinity.*learning rate/),
    })
    await Promise.all(nodes.slice(0, 3).map(({ done }) => done))
    expect(await nodes[3].entries()).toHaveLength(1)
    for (const node of nodes) expect(node.quarantined).toEqual([])
  })
})

describe('evidence', () => {
  it('of a wrong aggregate convinces every node by its blobs, and its author is heard no more', async () => {
    const cluster = await memoryCluster(
      realRun({ rounds: 40, topology: { name: 'ring', params: {}, mixing: 'uniform' } }),
    )
    const nodes = await Promise.all(
      [0, 1, 2, 3].map((index) => cluster.start(index, index === 3 ? cheating : {})),
    )
    await nodes[1].round(2)
    const [entry] = await nodes[3].entries()
    // Member 1 is no neighbour of member 3 in the ring: it only knows from the collected blobs.
    const accusation = accuseEntry(entry)
    expect(await nodes[1].node.accuse(accusation.bytes, await blobsOf(cluster))).toMatchObject({
      status: 'proven',
    })
    await Promise.all([0, 1, 2].map((index) => nodes[index].quarantine(peerOf(3))))
    await Promise.all([0, 1, 2].map((index) => nodes[index].done))
    await nodes[3].node.stop()
    for (const index of [0, 1, 2]) {
      expect(nodes[index].quarantined).toEqual([{ peer: peerOf(3), round: 0, kind: 'wrong-aggregate' }])
      const log = await openEvidenceLog(join(nodes[index].folder, 'evidence.car'), cluster.run)
      expect(log.all.map(({ bytes }) => bytes)).toEqual([accusation.bytes])
      await log.close()
    }
    const last = (await nodes[0].entries()).at(-1)
    const record = last?.body.neighbours.find(({ peer }) => peer === peerOf(3))
    expect(record).toMatchObject({ accepted: false, reason: 'quarantined' })
  })

  it('that does not convince harms nobody', async () => {
    const cluster = await memoryCluster(realRun({ rounds: 6 }))
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    await nodes[0].round(1)
    const [entry] = await nodes[2].entries()
    const lookup = await blobsOf(cluster)
    expect(await nodes[0].node.accuse(accuseEntry(entry).bytes, lookup)).toMatchObject({ status: 'refuted' })
    const announcement = decodeAnnouncement(entry.body.announcement)
    expect(await nodes[0].node.accuse(accuseModel(announcement).bytes, lookup)).toMatchObject({
      status: 'refuted',
    })
    expect(await nodes[0].node.accuse(accuseEntry(entry).bytes, async () => undefined)).toMatchObject({
      status: 'unproven',
    })
    await Promise.all(nodes.map(({ done }) => done))
    expect(nodes.flatMap(({ quarantined }) => quarantined)).toEqual([])
  })

  it('of an equivocation quarantines within the round, also at late joiners, and after a restart', async () => {
    const cluster = await memoryCluster(realRun({ rounds: 12 }))
    const equivocating: Partial<NodeComponents> = {
      createNetwork(parts) {
        const network = cluster.hub.connect(parts)
        return {
          ...network,
          async announce(message) {
            await network.announce(message)
            const { version: _, author: __, ...body } = message.body
            if (body.round === 2)
              await network.announce(signAnnouncement({ ...body, model: modelCid(9) }, parts.signer))
          },
        }
      },
    }
    const nodes = await Promise.all(
      [0, 1, 2, 3].map((index) => cluster.start(index, index === 3 ? equivocating : {})),
    )
    await Promise.all([0, 1, 2].map((index) => nodes[index].quarantine(peerOf(3))))
    await nodes[1].node.stop()
    await nodes[1].done
    const again = await cluster.start(1)
    await Promise.all([nodes[0].done, nodes[2].done, again.done])
    await nodes[3].node.stop()
    for (const index of [0, 2]) {
      const entries = await nodes[index].entries()
      const heard = entries
        .filter(({ body }) => body.neighbours[2].arrival !== null)
        .map(({ body }) => body.round)
      expect(Math.max(...heard)).toBeLessThanOrEqual(2)
      expect(nodes[index].quarantined).toEqual([
        { peer: peerOf(3), round: 2, kind: 'announcement-equivocation' },
      ])
    }
    const late = (await again.entries()).at(-1)?.body.neighbours.find(({ peer }) => peer === peerOf(3))
    expect(late?.reason).toBe('quarantined')
  })
})

describe('a ledger that was rolled back', () => {
  it('is refused by its own node, which would else write a second history', async () => {
    const cluster = await memoryCluster(realRun({ rounds: 20, members: signers.slice(0, 2) }))
    const [first, second] = await Promise.all([0, 1].map((index) => cluster.start(index)))
    await first.round(3)
    await first.node.stop()
    await first.done
    await cp(first.folder, `${first.folder}-copy`, { recursive: true })
    const more = await cluster.start(0)
    await more.round(9)
    await more.node.stop()
    await more.done
    await rm(first.folder, { recursive: true })
    await cp(`${first.folder}-copy`, first.folder, { recursive: true })
    const rolledBack = await cluster.start(0)
    await expect(rolledBack.done).rejects.toMatchObject({ code: 'E_ROLLED_BACK' })
    await second.node.stop()
    expect(second.quarantined).toEqual([])
  })
})
