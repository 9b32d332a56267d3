import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  accuseEntry,
  type Contribution,
  contributionsOf,
  type Entry,
  isFreeRider,
  type SignedEntry,
  signEntry,
} from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { judgeEvidence } from '../../../src/evidence/judge.js'
import { openBlobFolders, withInitialModel } from '../../../src/ledger/blob-folders.js'
import { checkProofFile, packMisbehaviourProof } from '../../../src/ledger/proof-file.js'
import { createReplay } from '../../../src/ledger/replay.js'
import type { LocalTraining } from '../../../src/round/local-training.js'
import { type MemoryCluster, memoryCluster, realRun } from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const ROUNDS = 5
const MEMBERS = 4
/** Counts measurements, and the loss is one that models can be told apart by. */
function countingTraining(index: number, evaluates: (round: number) => boolean) {
  const measured: number[] = []
  const evaluated: number[] = []
  const lossOf = (parameters: Float32Array) => Math.abs(parameters[0]! - index)
  const training: LocalTraining = {
    async train(_round, parameters) {
      for (let k = 0; k < parameters.length; k++) parameters[k]! += 0.1 * (index + k - parameters[k]!)
      return { loss: 1 }
    },
    async evaluate(round, parameters) {
      if (!evaluates(round)) return null
      evaluated.push(round)
      return { loss: lossOf(parameters), primary: parameters[1]! }
    },
    async measure(parameters) {
      measured.push(parameters[1]!)
      return { loss: lossOf(parameters), primary: parameters[1]! }
    },
    score: async (parameters) => parameters[1]!,
    loss: async (_round, parameters) => lossOf(parameters),
  }
  return { training, measured, evaluated }
}

async function play(
  run: ReturnType<typeof realRun>,
  trainingOf: (index: number) => LocalTraining,
): Promise<{ cluster: MemoryCluster; ledgers: SignedEntry[][] }> {
  const cluster = await memoryCluster(run)
  const nodes = await Promise.all(
    Array.from({ length: MEMBERS }, (_, k) => cluster.start(k, { training: trainingOf(k) })),
  )
  await Promise.all(nodes.map(({ done }) => done))
  return { cluster, ledgers: await Promise.all(nodes.map((node) => node.entries())) }
}

const blobsOf = async (cluster: MemoryCluster) =>
  withInitialModel(await openBlobFolders(cluster.folders.map((folder) => join(folder, 'blobs'))), cluster.run)

const run = realRun({ rounds: ROUNDS, contribution: { every: 2 } })

describe('a run that scores contributions', () => {
  it('has them in every entry, measures each start once, and replays', async () => {
    const counters = Array.from({ length: MEMBERS }, (_, k) => countingTraining(k, (round) => round === 1))
    const { cluster, ledgers } = await play(run, (k) => counters[k]!.training)
    const replay = createReplay(run, await blobsOf(cluster))
    for (const [k, entries] of ledgers.entries()) {
      const scores = entries.map(({ body }) => body.contribution!)
      expect(scores.map(({ neighbours }) => neighbours?.length ?? null)).toEqual([null, 3, null, 3, null])
      expect(scores.map(({ own }) => own !== null)).toEqual([false, true, false, true, false])
      // Round 2 begins with an aggregate that round 1 has evaluated.
      expect(counters[k]!.evaluated).toEqual([1])
      expect(counters[k]!.measured).toHaveLength(ROUNDS - 1)
      expect(scores[2]!.start).toEqual({
        loss: entries[1]!.body.metrics.testLoss,
        metric: entries[1]!.body.metrics.testMetric,
      })
      expect(scores.every(({ start }) => start.loss !== null && start.metric !== null)).toBe(true)
      for (const [height, entry] of entries.entries())
        expect(await replay.check(entry, entries[height - 1])).toEqual({ status: 'agrees' })
      // Leaving a neighbour out says something: its model is nearer to the target of the node, or farther.
      expect(scores[3]!.neighbours!.some((one) => one !== null && one.leaveOneOut !== 0)).toBe(true)
    }
    const members = run.manifest.members
    const summary = contributionsOf(
      ledgers.flat().map(({ body }) => body),
      members,
    )
    expect(summary.map(({ scorers, ownRounds }) => [scorers, ownRounds])).toEqual(members.map(() => [3, 2]))
    expect(summary.some(isFreeRider)).toBe(false)
  })

  it('finds a member that trains nothing, by its own ledger too', async () => {
    const { ledgers } = await play(run, (k) => {
      const { training } = countingTraining(k, () => false)
      return k === 2 ? { ...training, train: async () => ({ loss: 1 }) } : training
    })
    const summary = contributionsOf(
      ledgers.flat().map(({ body }) => body),
      run.manifest.members,
    )
    expect(summary.map(isFreeRider)).toEqual([false, false, true, false])
    expect(summary[2]).toMatchObject({ flaggedBy: 3, scorers: 3, admittedRounds: 2, ownRounds: 2 })
    expect(summary[2]!.reasons).toEqual({ unchanged: 3 })
  })

  it('is refused by a replay, and by a judge, where any part but the claims is changed', async () => {
    const { cluster, ledgers } = await play(run, (k) => countingTraining(k, () => false).training)
    const blobs = await blobsOf(cluster)
    const replay = createReplay(run, blobs)
    const [, , below, entry] = ledgers[0]!
    const contribution = entry!.body.contribution!
    const resigned = (changed: Contribution) => {
      const { version: _, author: __, ...body } = entry!.body
      return signEntry({ ...body, contribution: changed } as Omit<Entry, 'version' | 'author'>, signers[0])
    }
    const neighboursWith = (change: object) =>
      contribution.neighbours!.map((one, k) => (k === 1 && one !== null ? { ...one, ...change } : one))
    for (const change of [
      { distance: 2 },
      { distance: null },
      { cosine: 0.25 },
      { novelty: 7 },
      { overlap: 0.5 },
      { copyOf: 3 },
      { freeRide: 'noise' },
    ]) {
      const [field] = Object.keys(change)
      const theirs = resigned({ ...contribution, neighbours: neighboursWith(change) })
      expect(await replay.check(theirs, below), field).toMatchObject({
        status: 'differs',
        difference: { field: `contribution.neighbours.1.${field}`, peer: run.manifest.members[2] },
      })
      const own = resigned({
        ...contribution,
        own: { ...contribution.own!, ...change } as Contribution['own'],
      })
      const finding = await replay.check(own, below)
      expect(finding).toMatchObject({ status: 'differs', difference: { field: `contribution.own.${field}` } })
      expect(await judgeEvidence(run, accuseEntry(own), below, blobs)).toMatchObject({ status: 'proven' })
      const proof = join(await temporaryFolder(), `${field}.car`)
      await writeFile(proof, Buffer.concat(await packMisbehaviourProof(run, accuseEntry(own), below, blobs)))
      expect(await checkProofFile(proof)).toMatchObject({
        kind: 'misbehaviour',
        judgement: { difference: { field: `contribution.own.${field}` } },
      })
      // Without the entry below nobody can say what it was compared with.
      expect(await judgeEvidence(run, accuseEntry(own), undefined, blobs)).toMatchObject({
        status: 'unproven',
      })
    }
    // Evidence comes from strangers, and may be signed nonsense.
    const more = resigned({
      ...contribution,
      neighbours: [...contribution.neighbours!, ...contribution.neighbours!],
    })
    expect(await judgeEvidence(run, accuseEntry(more), below, blobs)).toMatchObject({ status: 'proven' })
    const claims = resigned({
      start: { loss: 9, metric: 9 },
      own: contribution.own,
      neighbours: neighboursWith({ leaveOneOut: 9 }),
    })
    expect(await replay.check(claims, below)).toEqual({ status: 'agrees' })
    expect(await judgeEvidence(run, accuseEntry(entry!), below, blobs)).toMatchObject({ status: 'refuted' })
    // Who does not score says nothing wrong.
    expect(await replay.check(resigned({ ...contribution, own: null, neighbours: null }), below)).toEqual({
      status: 'agrees',
    })
  })

  it('cannot be checked without the models of the round before, where the aggregate can', async () => {
    const { cluster, ledgers } = await play(run, (k) => countingTraining(k, () => false).training)
    const [, , below, entry] = ledgers[0]!
    const blobs = await blobsOf(cluster)
    const gone = below!.body.start.toString()
    const without = async (cid: string) => (cid === gone ? undefined : blobs(cid))
    expect(await createReplay(run, without).check(entry!, below)).toEqual({
      status: 'unproven',
      missing: [gone],
    })
    const aggregateOnly = createReplay(run, without, { contributions: false })
    expect(await aggregateOnly.check(entry!, below)).toEqual({ status: 'agrees' })
  })

  it('says nothing about neighbours in the first round after a restart, and goes on', async () => {
    const everyRound = realRun({
      rounds: 400,
      contribution: { every: 1 },
      deadlines: { collectMs: 300, reconnectMs: 1 },
    })
    const cluster = await memoryCluster(everyRound)
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    await nodes[0]!.round(3)
    await nodes[0]!.node.stop()
    await nodes[0]!.done.catch(() => undefined)
    const before = (await nodes[0]!.entries()).length
    const again = await cluster.start(0)
    await again.round((await nodes[0]!.entries()).at(-1)!.body.round + 3)
    await Promise.all([again, ...nodes.slice(1)].map(({ node }) => node.stop()))
    const entries = await again.entries()
    const scored = entries.map(({ body }) => body.contribution!.neighbours !== null)
    expect(scored.slice(0, before)).toEqual(Array(before).fill(true))
    // It lacks the models to compare with, unless rounds lie between.
    const follows = entries[before]!.body.round === entries[before - 1]!.body.round + 1
    expect(scored[before]).toBe(!follows)
    expect(scored.slice(before + 1).every(Boolean)).toBe(true)
    const replay = createReplay(everyRound, await blobsOf(cluster))
    for (const [height, entry] of entries.entries())
      expect((await replay.check(entry, entries[height - 1])).status).not.toBe('differs')
  })
})

describe('a run that scores nothing', () => {
  it('has entries without the field', async () => {
    const counters = Array.from({ length: MEMBERS }, (_, k) => countingTraining(k, () => false))
    const { ledgers } = await play(realRun({ rounds: 2 }), (k) => counters[k]!.training)
    expect(ledgers.flat().some(({ body }) => 'contribution' in body)).toBe(false)
    expect(counters.every(({ measured }) => measured.length === 0)).toBe(true)
  })
})

describe('a run with a common chain', () => {
  it("measures the last block's model once: as the score of the round that it ends", async () => {
    const chained = realRun({
      rounds: 4,
      contribution: { every: 1 },
      chain: { architecture: 'bft', params: { deltaMs: 1_000 } },
    })
    const counters = Array.from({ length: MEMBERS }, (_, k) => countingTraining(k, () => true))
    const { cluster, ledgers } = await play(chained, (k) => counters[k]!.training)
    const replay = createReplay(chained, await blobsOf(cluster))
    for (const [k, entries] of ledgers.entries()) {
      // Only that of the first round has not been evaluated before.
      expect(counters[k]!.measured).toHaveLength(1)
      for (const [height, entry] of entries.entries())
        expect(await replay.check(entry, entries[height - 1])).toEqual({ status: 'agrees' })
      // All have begun with the same model.
      expect(entries.map(({ body }) => body.contribution!.start.metric)).toEqual(
        ledgers[0]!.map(({ body }) => body.contribution!.start.metric),
      )
    }
  })
})
