/** What the ledger costs: bytes per entry, appending with fsync, verifying, recomputing rounds. */

import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  blobCid,
  createSigner,
  DEFAULT_RUN_LIMITS,
  encodeModel,
  type NeighbourRecord,
  PROTOCOL_VERSION,
  type Run,
  type SignedEntry,
  type Signer,
  sealManifest,
  signAnnouncement,
  signEntry,
} from '@tempered/protocol'
import { imageTask } from '@tempered/train'
import { recordedLosses } from '../dist/aggregate/own-losses.js'
import { replayRound } from '../dist/aggregate/pipeline.js'
import { createRunRule, manifestRule } from '../dist/aggregate/run-rule.js'
import { LEDGER_FILE, openLedger } from '../dist/ledger/ledger.js'
import { createReplay } from '../dist/ledger/replay.js'
import { verifyLedgerFile } from '../dist/ledger/verify.js'
import { manifestLayers } from '../dist/round/manifest-training.js'
import { runTopology } from '../dist/topology.js'

export interface LedgerBenchRow {
  neighbours: number
  bytesPerEntry: number
  /** Entries a second: each signed before, checked, written and fsynced. */
  appendsPerSecond: number
  /** Entries a second: every hash, link and signature, those of the neighbours' announcements included. */
  verifiesPerSecond: number
  /** Rounds a second computed again from models of 109,386 parameters under BALANCE, comparison included. */
  replaysPerSecond: number
}

const ENTRIES = 400
const PARAMETERS = 109_386

export async function benchLedger(degrees: readonly number[] = [4, 9, 20]): Promise<LedgerBenchRow[]> {
  const rows: LedgerBenchRow[] = []
  for (const neighbours of degrees) rows.push(await benchDegree(neighbours))
  return rows
}

async function benchDegree(neighbours: number): Promise<LedgerBenchRow> {
  const signers = Array.from({ length: neighbours + 1 }, (_, k) =>
    createSigner(new Uint8Array(32).fill(k + 1)),
  )
  const folder = await mkdtemp(join(tmpdir(), 'tempered-bench-'))
  try {
    const { run, chain, blobs } = makeChain(signers)
    const ledger = await openLedger(folder, run, signers[0]!.peerId)
    const appendSeconds = await seconds(async () => {
      for (const entry of chain) await ledger.append(entry)
    })
    await ledger.close()
    const path = join(folder, LEDGER_FILE)
    const { size } = await stat(path)
    const verifySeconds = await best(async () => {
      const verdict = await verifyLedgerFile(path, undefined, (of) => runTopology(of).neighboursOf)
      if (!verdict.ok) throw new Error(verdict.message)
    })
    const replay = createReplay(run, async (cid) => blobs.get(cid))
    const rounds = 20
    const replaySeconds = await best(async () => {
      for (let k = 0; k < rounds; k++) {
        const finding = await replay.check(chain[k]!, chain[k - 1])
        if (finding.status !== 'agrees') throw new Error(JSON.stringify(finding))
      }
    })
    return {
      neighbours,
      bytesPerEntry: (size - run.bytes.byteLength) / ENTRIES,
      appendsPerSecond: ENTRIES / appendSeconds,
      verifiesPerSecond: ENTRIES / verifySeconds,
      replaysPerSecond: rounds / replaySeconds,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A chain that replays: in every round the same models, so that few need to be held. */
function makeChain(signers: readonly Signer[]): {
  run: Run
  chain: SignedEntry[]
  blobs: Map<string, Uint8Array>
} {
  const rule = createRunRule({ name: 'balance', params: {}, pre: [] })
  const models = signers.map((_, k) =>
    Float32Array.from({ length: PARAMETERS }, (_x, j) => Math.sin(j) + 0.001 * Math.cos(j * (k + 1))),
  )
  const blobs = new Map(models.map((model) => [blobCid(encodeModel(model)).toString(), encodeModel(model)]))
  const cids = models.map((model) => blobCid(encodeModel(model)))
  const run = sealManifest({
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: 'bench',
    seed: 1,
    task: imageTask('mlp', { shape: [28, 28, 1], classes: 10 }).task,
    model: {
      parameterCount: PARAMETERS,
      initialCid: cids[0]!.toString(),
    },
    rule: manifestRule(rule),
    training: {
      rounds: ENTRIES,
      localSteps: 1,
      batchSize: 1,
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      schedule: { kind: 'constant' },
    },
    topology: { name: 'complete', params: {}, mixing: 'uniform' },
    members: signers.map((signer) => signer.peerId),
    deadlines: {
      joinMs: 1,
      collectMs: 1,
      dialMs: 1,
      firstByteMs: 1,
      transferMs: 1,
      reconnectMs: 1,
    },
    limits: DEFAULT_RUN_LIMITS,
    patienceRounds: 1,
  })
  const me = signers[0]!
  const chain: SignedEntry[] = []
  let start = models[0]!
  for (let round = 0; round < ENTRIES; round++) {
    const parent = chain.at(-1)?.cid ?? run.id
    const announce = (k: number): Uint8Array =>
      signAnnouncement(
        {
          run: run.id,
          round,
          model: cids[k]!,
          byteLength: run.modelBytes,
          parent: k === 0 ? parent : run.id,
          norm: 1,
          opinions: null,
        },
        signers[k]!,
      ).bytes
    const out = new Float32Array(PARAMETERS)
    // The rule's result depends on the round: computed for the first ones, which are replayed, and kept after.
    const given = signers.slice(1).map((signer, k) => ({
      status: 'ready' as const,
      peer: signer.peerId,
      parameters: models[k + 1]!,
      announcement: announce(k + 1),
      arrival: k,
      latenessMs: 1,
      opinions: null,
    }))
    const result = replayRound(
      {
        rule,
        own: models[0]!,
        previous: start,
        neighbours: given,
        round,
        rounds: ENTRIES,
        mixing: undefined,
        memory: undefined,
        layers: manifestLayers(run.manifest),
        neighboursOf: () => [],
        out,
      },
      recordedLosses([]),
    )
    const startCid = blobCid(encodeModel(start))
    const aggregate = encodeModel(out)
    if (round < 21) blobs.set(blobCid(aggregate).toString(), aggregate)
    chain.push(
      signEntry(
        {
          run: run.id,
          height: round,
          parent,
          round,
          start: startCid,
          announcement: announce(0),
          neighbours: [...result.records] as NeighbourRecord[],
          rule: run.manifest.rule,
          ownWeight: result.ownWeight,
          losses: [],
          aggregate: blobCid(aggregate),
          memory: null,
          dataCommitment: new Uint8Array(32),
          localSteps: 1,
          metrics: { trainingLoss: 0.5, testLoss: 0.5, testMetric: 0.5 },
          clock: { wallMs: 1_790_000_000_000 + round, monotonicMs: round },
        },
        me,
      ),
    )
    start = out
  }
  return { run, chain, blobs }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

async function best(work: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let k = 0; k < 3; k++) least = Math.min(least, await seconds(work))
  return least
}
