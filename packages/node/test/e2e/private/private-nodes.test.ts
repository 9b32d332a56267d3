import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  blobCid,
  decodeAnnouncement,
  type Entry,
  encodeModel,
  type GroupWordBody,
  signGroupWord,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createReplay } from '../../../src/ledger/replay.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import type { LocalTraining } from '../../../src/round/local-training.js'
import type { RoundReport } from '../../../src/round/report.js'
import {
  type MemoryCluster,
  type MemoryNode,
  memoryCluster,
  peerOf,
  realRun,
  START,
} from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'

const MEMBERS = 7
const privacy = {
  mode: 'shares',
  threshold: 1,
  group: MEMBERS,
  range: 8,
  rule: { name: 'multi-krum', params: { f: 1 } },
} as const

const MASKS = { mode: 'masks', threshold: 2, group: MEMBERS, range: 8 } as const

const privateRun = (changes = {}) =>
  realRun({ members: signers.slice(0, MEMBERS), rounds: 3, privacy, ...changes })

/** A model whose bits nobody could make by chance. */
const trainedOf = (index: number, round: number, parameters: Float32Array): Float32Array =>
  parameters.map(
    (value, k) => value + 0.01 * Math.sin(12.9898 * (index + 1) + 78.233 * (k + 1) + 3.7 * round),
  )

/** Training that keeps what it has trained, so that a test can look for it elsewhere. */
function watched(index: number, trained: Uint8Array[]): LocalTraining {
  return {
    async train(round, parameters) {
      parameters.set(trainedOf(index, round, parameters))
      trained.push(new Uint8Array(parameters.slice().buffer))
      return { loss: 1 }
    },
    evaluate: async () => null,
    loss: async () => 1,
  }
}

async function startAll(
  cluster: MemoryCluster,
  special: Readonly<Record<number, Partial<NodeComponents>>> = {},
  onRound: (report: RoundReport) => void = () => undefined,
): Promise<{ nodes: MemoryNode[]; trained: Uint8Array[][] }> {
  const trained = Array.from({ length: MEMBERS }, (): Uint8Array[] => [])
  const nodes: MemoryNode[] = []
  for (let index = 0; index < MEMBERS; index++)
    nodes.push(
      await cluster.start(
        index,
        { training: watched(index, trained[index]), ...special[index] },
        { events: { onRound } },
      ),
    )
  return { nodes, trained }
}

async function bytesIn(folder: string): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) found.push(await readFile(join(entry.parentPath, entry.name)))
  return found
}

const blobsIn = (folder: string) => async (cid: string) => {
  try {
    return new Uint8Array(await readFile(join(folder, 'blobs', cid)))
  } catch {
    return undefined
  }
}

/** Blobs of all nodes, and others. */
function lookupOf(cluster: MemoryCluster, more: ReadonlyMap<string, Uint8Array> = new Map()) {
  const lookups = cluster.folders.map(blobsIn)
  const start = encodeModel(START)
  return async (cid: string): Promise<Uint8Array | undefined> => {
    if (cid === cluster.run.manifest.model.initialCid) return start
    for (const lookup of lookups) {
      const found = await lookup(cid)
      if (found !== undefined) return found
    }
    return more.get(cid)
  }
}

/** Each entry of a node, computed again. */
async function replayed(cluster: MemoryCluster, nodes: readonly MemoryNode[], index: number) {
  const entries = await nodes[index].entries()
  const replay = createReplay(cluster.run, lookupOf(cluster))
  const findings = []
  for (const [k, entry] of entries.entries()) findings.push(await replay.check(entry, entries[k - 1]))
  return { entries, findings }
}

describe('nodes of a private run', () => {
  it('come to the mean of the accepted models, and no file of any holds the model of one', async () => {
    const cluster = await memoryCluster(privateRun())
    const { nodes, trained } = await startAll(cluster)
    await Promise.all(nodes.map(({ done }) => done))
    const announced = new Set<string>()
    for (const index of nodes.keys()) {
      const { entries, findings } = await replayed(cluster, nodes, index)
      expect(entries).toHaveLength(3)
      expect(findings).toEqual([{ status: 'agrees' }, { status: 'agrees' }, { status: 'agrees' }])
      announced.add(decodeAnnouncement(entries[0].body.announcement).body.model.toString())
      for (const { body } of entries) expect(body.privacy?.sum).not.toBeNull()
    }
    expect(announced.size).toBe(1)
    for (const folder of cluster.folders)
      for (const bytes of await bytesIn(folder))
        for (const model of trained.flat()) expect(bytes.includes(Buffer.from(model))).toBe(false)
    // The search would find it: every node has files with the start.
    const start = Buffer.from(new Uint8Array(START.slice().buffer))
    expect(start.length).toBe(16)
  })

  it('leave out a model that is far away, and say whose', async () => {
    const cluster = await memoryCluster(privateRun())
    const far: LocalTraining = {
      async train(_round, parameters) {
        parameters.fill(1.5)
        return { loss: 1 }
      },
      evaluate: async () => null,
      loss: async () => 1,
    }
    const reports: RoundReport[] = []
    const { nodes } = await startAll(cluster, { 4: { training: far } }, (report) => reports.push(report))
    await Promise.all(nodes.map(({ done }) => done))
    expect(reports).toHaveLength(3 * MEMBERS)
    for (const { privacy: shared } of reports) {
      expect(shared!.members.map(({ accepted }) => accepted)).toEqual(
        [0, 1, 2, 3, 4, 5, 6].map((k) => k !== 4),
      )
      expect(shared!.members[4]).toMatchObject({
        peer: peerOf(4),
        isShared: true,
        weight: 0,
        reason: 'refused',
      })
      expect(shared!.members[4].score).toBeGreaterThan(shared!.members[4].threshold!)
    }
    const { findings } = await replayed(cluster, nodes, 0)
    for (const finding of findings) expect(finding.status).toBe('agrees')
  })

  it('cannot claim another sum, or none, or the words of others', async () => {
    const cluster = await memoryCluster(privateRun())
    const { nodes } = await startAll(cluster)
    await Promise.all(nodes.map(({ done }) => done))
    const mine = await nodes[0].entries()
    const theirs = await nodes[1].entries()
    const zeros = new Uint8Array(8 * START.length)
    const blobs = lookupOf(cluster, new Map([[blobCid(zeros).toString(), zeros]]))
    const check = (privacy: Entry['privacy'], at = 1) =>
      createReplay(cluster.run, blobs).check(
        { ...mine[at], body: { ...mine[at].body, privacy } },
        mine[at - 1],
      )
    const { transcript, sum } = mine[1].body.privacy!
    expect(await check({ transcript, sum })).toEqual({ status: 'agrees' })
    const lies: [NonNullable<Entry['privacy']>, string][] = [
      [{ transcript, sum: blobCid(zeros) }, 'privacy.sum'],
      [{ transcript, sum: mine[2].body.privacy!.sum }, 'privacy.sum'],
      [{ transcript, sum: null }, 'privacy.sum'],
      [{ transcript: theirs[1].body.privacy!.transcript, sum }, 'privacy.transcript'],
      [mine[2].body.privacy!, 'privacy.transcript'],
      // An older round of its own, whose sum it has announced before.
      [mine[0].body.privacy!, 'privacy.transcript'],
      [{ transcript: sum!, sum }, 'privacy.transcript'],
    ]
    for (const [privacy, field] of lies)
      expect(await check(privacy)).toMatchObject({ status: 'differs', difference: { field } })
    const gone = { transcript, sum: blobCid(Uint8Array.of(1)) }
    expect(await check(gone)).toEqual({ status: 'unproven', missing: [gone.sum.toString()] })
  })

  it.each([
    ['shares', privacy, 'answers'],
    ['masks', MASKS, 'masked'],
    ['masks', MASKS, 'vote'],
  ])(
    'with %s go on without a member that stops in the middle, which takes part again after its restart',
    async (_, mode, kind) => {
      const cluster = await memoryCluster(
        privateRun({ rounds: 6, privacy: mode, deadlines: { reconnectMs: 200 } }),
      )
      let stop: (() => void) | undefined
      const stopped = new Promise<void>((resolve) => {
        stop = resolve
      })
      const dying = {
        say(body: GroupWordBody) {
          if (body.round === 1 && body.kind === kind) stop?.()
          return body
        },
      }
      const { nodes } = await startAll(cluster, { 3: { privateDeviation: dying } })
      await stopped
      await nodes[3].node.stop()
      await nodes[0].round(1)
      nodes[3] = await cluster.start(3, { training: watched(3, []) })
      await Promise.all(nodes.map(({ done }) => done))
      for (const index of nodes.keys()) {
        const { entries, findings } = await replayed(cluster, nodes, index)
        for (const finding of findings) expect(finding).toEqual({ status: 'agrees' })
        expect(entries.at(-1)?.body.round).toBe(5)
        if (index !== 3) for (const { body } of entries) expect(body.privacy?.sum).not.toBeNull()
      }
      // Nobody takes it for a liar.
      for (const { quarantined } of nodes) expect(quarantined).toEqual([])
    },
  )

  it('go on with what they have, at once, when too few are there to open anything', async () => {
    // With a threshold of two, all seven must agree about a distance. No step's deadline ever passes.
    const run = privateRun({
      privacy: { ...privacy, threshold: 2 },
      rounds: 3,
      deadlines: { joinMs: 300, reconnectMs: 200, collectMs: 86_400_000 },
    })
    const cluster = await memoryCluster(run)
    const reports: RoundReport[] = []
    const nodes: MemoryNode[] = []
    for (let index = 0; index < MEMBERS - 1; index++)
      nodes.push(
        await cluster.start(
          index,
          { training: watched(index, []) },
          { events: { onRound: (report) => reports.push(report) } },
        ),
      )
    await Promise.all(nodes.map(({ done }) => done))
    for (const { privacy: shared } of reports) expect(shared?.reason).toBe('too-few-members')
    for (const index of nodes.keys()) {
      const { entries, findings } = await replayed(cluster, nodes, index)
      for (const finding of findings) expect(finding).toEqual({ status: 'agrees' })
      for (const { body } of entries) expect(body.privacy?.sum).toBeNull()
    }
  })

  it('take in a member that comes late', async () => {
    const cluster = await memoryCluster(
      privateRun({ rounds: 6, deadlines: { joinMs: 300, reconnectMs: 200 } }),
    )
    let onLate: () => void = () => undefined
    const late = new Promise<void>((resolve) => {
      onLate = resolve
    })
    const trained: Uint8Array[] = []
    /** The others train their third model when the late one trains too. */
    const waiting = (index: number): LocalTraining => {
      const plain = watched(index, trained)
      return {
        ...plain,
        async train(round, parameters) {
          if (round >= 2) await late
          return plain.train(round, parameters)
        },
      }
    }
    const nodes: MemoryNode[] = []
    for (let index = 0; index < MEMBERS - 1; index++)
      nodes.push(await cluster.start(index, { training: waiting(index) }))
    await nodes[0].round(1)
    const reports: RoundReport[] = []
    const latest = watched(MEMBERS - 1, trained)
    nodes.push(
      await cluster.start(
        MEMBERS - 1,
        {
          training: {
            ...latest,
            async train(round, parameters) {
              onLate()
              return latest.train(round, parameters)
            },
          },
        },
        { events: { onRound: (report) => reports.push(report) } },
      ),
    )
    await Promise.all(nodes.map(({ done }) => done))
    expect(reports.at(-1)?.round).toBe(5)
    // Its own model is in sums from some round on.
    expect(reports.some(({ privacy: shared }) => shared?.members[MEMBERS - 1].isShared)).toBe(true)
    for (const index of nodes.keys()) {
      const { findings } = await replayed(cluster, nodes, index)
      for (const finding of findings) expect(finding).toEqual({ status: 'agrees' })
    }
    for (const { quarantined } of nodes) expect(quarantined).toEqual([])
  })

  it('convict a member that says two things in one round, and go on without it', async () => {
    const cluster = await memoryCluster(privateRun({ rounds: 4 }))
    /** Beside each vote it says another one. */
    const forked: NodeComponents['createNetwork'] = (parts) => {
      const network = cluster.hub.connect(parts)
      return {
        ...network,
        async publishGroupWord(word) {
          await network.publishGroupWord(word)
          const { version: _, author: __, ...body } = word.body
          if (body.kind === 'vote')
            await network.publishGroupWord(
              signGroupWord({ ...body, decision: new Uint8Array(32).fill(7) }, parts.signer),
            )
        },
      }
    }
    const { nodes } = await startAll(cluster, { 2: { createNetwork: forked } })
    await Promise.all(nodes.filter((_, index) => index !== 2).map(({ done }) => done))
    for (const [index, { quarantined, entries }] of nodes.entries()) {
      if (index === 2) continue
      expect(quarantined).toEqual([{ peer: peerOf(2), round: 0, kind: 'group-word-equivocation' }])
      for (const { body } of await entries()) expect(body.privacy?.sum).not.toBeNull()
    }
    await nodes[2].node.stop()
  })

  it('with masks come to the mean of all models, replay it, and keep no model of one', async () => {
    const cluster = await memoryCluster(privateRun({ privacy: MASKS }))
    const reports: RoundReport[] = []
    const { nodes, trained } = await startAll(cluster, {}, (report) => reports.push(report))
    await Promise.all(nodes.map(({ done }) => done))
    const announced = new Set<string>()
    for (const index of nodes.keys()) {
      const { entries, findings } = await replayed(cluster, nodes, index)
      expect(findings).toEqual([{ status: 'agrees' }, { status: 'agrees' }, { status: 'agrees' }])
      announced.add(decodeAnnouncement(entries[0].body.announcement).body.model.toString())
      for (const { body } of entries) expect(body.privacy?.sum).not.toBeNull()
    }
    expect(announced.size).toBe(1)
    expect(reports).toHaveLength(3 * MEMBERS)
    for (const { privacy: shared } of reports)
      for (const member of shared!.members)
        expect(member).toMatchObject({ accepted: true, weight: 1 / MEMBERS, score: null, reason: 'in-sum' })
    for (const folder of cluster.folders)
      for (const bytes of await bytesIn(folder))
        for (const model of trained.flat()) expect(bytes.includes(Buffer.from(model))).toBe(false)
    // Another sum of the same length is not taken for it.
    const zeros = new Uint8Array(8 * START.length)
    const mine = await nodes[0].entries()
    const { transcript } = mine[1].body.privacy!
    const blobs = lookupOf(cluster, new Map([[blobCid(zeros).toString(), zeros]]))
    const claim = { ...mine[1], body: { ...mine[1].body, privacy: { transcript, sum: blobCid(zeros) } } }
    expect(await createReplay(cluster.run, blobs).check(claim, mine[0])).toMatchObject({
      status: 'differs',
      difference: { field: 'privacy.sum' },
    })
  })
})
