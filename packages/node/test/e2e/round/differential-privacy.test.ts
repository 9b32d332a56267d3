import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { accuseEntry, type Entry, type SignedEntry, signEntry } from '@tempered/protocol'
import { createTrainerService, type DataSource, loadData, type TrainerService } from '@tempered/train'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CACHE } from '../../../../../test-support/cache.js'
import { createNoiseSeed } from '../../../src/differential-privacy/noise-seed.js'
import { createPrivateUpdates } from '../../../src/differential-privacy/private-updates.js'
import { judgeEvidence } from '../../../src/evidence/judge.js'
import type { Failpoint } from '../../../src/failpoints.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { openBlobFolders, withInitialModel } from '../../../src/ledger/blob-folders.js'
import { LEDGER_FILE } from '../../../src/ledger/ledger.js'
import { createReplay } from '../../../src/ledger/replay.js'
import { verifyLedgerFile } from '../../../src/ledger/verify.js'
import { openLocalTraining } from '../../../src/local-node.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import { manifestInitialParameters } from '../../../src/round/initial-model.js'
import type { LocalTraining } from '../../../src/round/local-training.js'
import { createRunManifest } from '../../../src/run-manifest.js'
import { memoryCluster, realRun } from '../../support/memory-cluster.js'
import { seeds, signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const ROUNDS = 3
const MEMBERS = 4
const privacy = { on: 'update', clip: 1, noiseMultiplier: 2, delta: 1e-5 } as const
const run = realRun({ rounds: ROUNDS, differentialPrivacy: privacy })

/** Steps towards a point of the node's own, clipped and noised. */
function privateTraining(index: number, of = run): LocalTraining {
  const plain: LocalTraining = {
    async train(_round, parameters) {
      for (let k = 0; k < parameters.length; k++) parameters[k]! += 0.1 * (index + k - parameters[k]!)
      return { loss: 1 }
    },
    evaluate: async () => null,
    loss: async () => 1,
  }
  return createPrivateUpdates(plain, privacy, createNoiseSeed(of, identityFromSeed(seeds[index]!)))
}

async function play(of = run, training: (index: number) => LocalTraining = privateTraining) {
  const cluster = await memoryCluster(of)
  const nodes = await Promise.all(
    Array.from({ length: MEMBERS }, (_, k) => cluster.start(k, { training: training(k) })),
  )
  await Promise.all(nodes.map(({ done }) => done))
  const ledgers = await Promise.all(nodes.map((node) => node.entries()))
  const blobs = withInitialModel(
    await openBlobFolders(cluster.folders.map((folder) => join(folder, 'blobs'))),
    of,
  )
  return { cluster, ledgers, replay: createReplay(of, blobs), blobs }
}

function resigned({ body }: SignedEntry, change: Partial<Entry>): SignedEntry {
  const { version: _, author: __, ...rest } = body
  return signEntry({ ...rest, ...change }, signers[0]!)
}

describe('a run with noise on updates', () => {
  it('says in every entry what is spent, and no losses on own samples; it verifies and replays', async () => {
    const { cluster, ledgers, replay } = await play()
    for (const [k, entries] of ledgers.entries()) {
      expect(entries.map(({ body }) => body.differentialPrivacy!.steps)).toEqual([1, 2, 3])
      // dp-accounting 0.6.0, GaussianDpEvent(2), 1 and 3 steps at a delta of 1e-5.
      expect(entries[0]!.body.differentialPrivacy!.epsilon).toBeCloseTo(2.1680106367839715, 10)
      expect(entries[2]!.body.differentialPrivacy!.epsilon).toBeCloseTo(4.01191164235448, 10)
      expect(entries.every(({ body }) => body.metrics.trainingLoss === null)).toBe(true)
      for (const [height, entry] of entries.entries())
        expect(await replay.check(entry, entries[height - 1])).toEqual({ status: 'agrees' })
      expect(await verifyLedgerFile(join(cluster.folders[k]!, LEDGER_FILE))).toMatchObject({ ok: true })
    }
  })

  it('has evidence against a member that says it has spent less, in its ledger and by replay', async () => {
    const { cluster, ledgers, replay, blobs } = await play()
    const [, below, last] = ledgers[0]!
    const record = last!.body.differentialPrivacy!
    const lie = resigned(last!, { differentialPrivacy: { ...record, epsilon: 0.1 } })
    expect(await replay.check(lie, below)).toEqual({
      status: 'differs',
      difference: {
        field: 'differentialPrivacy.epsilon',
        recorded: '0.1',
        computed: String(record.epsilon),
      },
    })
    expect(await judgeEvidence(run, accuseEntry(lie), below, blobs)).toMatchObject({ status: 'proven' })
    expect(await judgeEvidence(run, accuseEntry(last!), below, blobs)).toMatchObject({ status: 'refuted' })
    // The same entry in a ledger file: the last block replaced, framing and hashes in order.
    const bytes = await readFile(join(cluster.folders[0]!, LEDGER_FILE))
    const at = bytes.indexOf(Buffer.from(last!.bytes))
    const honest = section(last!)
    expect(bytes.subarray(at - (honest.length - last!.bytes.length))).toEqual(honest)
    const forged = join(await temporaryFolder(), LEDGER_FILE)
    await writeFile(
      forged,
      Buffer.concat([bytes.subarray(0, at - (honest.length - last!.bytes.length)), section(lie)]),
    )
    expect(await verifyLedgerFile(forged)).toMatchObject({
      ok: false,
      entry: 2,
      code: 'E_DIFFERENTIAL_PRIVACY',
      message: expect.stringMatching(
        /says that it has spent an epsilon of 0\.1, but the manifest gives 4\.01/,
      ),
    })
  })

  it.each<Failpoint>(['model.before-store', 'announcement.before-record', 'announcement.after-record'])(
    'announces the same model after a crash at %s',
    async (point) => {
      // Alone, so that nobody goes ahead without it.
      const alone = realRun({ rounds: ROUNDS, differentialPrivacy: privacy, members: signers.slice(0, 1) })
      const cluster = await memoryCluster(alone)
      const prepared: string[] = []
      const components: Partial<NodeComponents> = {
        training: privateTraining(0, alone),
        publisher: {
          async prepare(round, trained) {
            if (round === 1) prepared.push(Buffer.from(trained.slice().buffer).toString('hex'))
            return trained
          },
        },
      }
      let rounds = 0
      const crash = new Error('crash')
      const first = await cluster.start(0, {
        ...components,
        failpoints: {
          hit(reached) {
            if (reached !== point) return
            rounds += 1
            if (rounds === 2) throw crash
          },
        },
      })
      await expect(first.done).rejects.toThrow('crash')
      await first.node.stop()
      const again = await cluster.start(0, components)
      await again.done
      const entries = await again.entries()
      expect(entries.map(({ body }) => body.round)).toEqual([0, 1, 2])
      // After the announcement is on disk nothing is trained again.
      expect(prepared).toHaveLength(point === 'announcement.after-record' ? 1 : 2)
      expect(new Set(prepared).size).toBe(1)
    },
  )
})

describe('a run with noise on samples', () => {
  const samples = realRun({
    rounds: ROUNDS,
    differentialPrivacy: { ...privacy, on: 'sample' },
    localSteps: 4,
  })
  const plain = (rate: number | undefined): LocalTraining => {
    const { samplingRate: _, ...training } = privateTraining(0)
    return rate === undefined ? training : { ...training, samplingRate: rate }
  }

  it('accounts for the samples that each node says it has, and for all of them where it says nothing', async () => {
    const { ledgers, replay } = await play(samples, (k) => plain([0.5, 0.25, 0, undefined][k]))
    const spent = ledgers.map((entries) => entries.map(({ body }) => body.differentialPrivacy!))
    expect(spent.map((records) => records[2]!.samplingRate)).toEqual([0.5, 0.25, 0, 1])
    expect(spent[0]!.map(({ steps }) => steps)).toEqual([4, 8, 12])
    // dp-accounting 0.6.0, PoissonSampledDpEvent(0.5, GaussianDpEvent(2)), 4 and 12 steps at a delta of 1e-5.
    expect(spent[0]![0]!.epsilon).toBeCloseTo(2.817445579882227, 10)
    expect(spent[0]![2]!.epsilon).toBeCloseTo(4.791990151491418, 10)
    expect(spent[1]![2]!.epsilon).toBeLessThan(spent[0]![2]!.epsilon)
    expect(spent[2]!.map(({ epsilon }) => epsilon)).toEqual([0, 0, 0])
    expect(spent[3]![2]!.epsilon).toBeGreaterThan(spent[0]![2]!.epsilon)
    for (const entries of ledgers)
      for (const [height, entry] of entries.entries())
        expect(await replay.check(entry, entries[height - 1])).toEqual({ status: 'agrees' })
  })
})

describe('training on digits, in the training thread', () => {
  const CLIP = 0.01
  let service: TrainerService
  let source: DataSource
  beforeAll(async () => {
    service = await createTrainerService()
    source = await loadData({ source: 'mnist' }, CACHE)
  })
  afterAll(() => service.close())

  /** How far a round moves the model, L2. */
  async function moved(on: 'sample' | 'update' | undefined, isPoisoned = false): Promise<Float32Array> {
    const digits = createRunManifest({
      members: signers.slice(0, 2).map(({ peerId }) => peerId),
      model: 'softmax',
      training: { rounds: 2, localSteps: 4, batchSize: 16, learningRate: 0.1, momentum: 0 },
      ...(on === undefined
        ? {}
        : { differentialPrivacy: { on, clip: CLIP, noiseMultiplier: 1e-3, delta: 1e-5 } }),
    })
    const training = await openLocalTraining(service, {
      run: digits,
      source,
      samples: source.train,
      evaluation: { every: 1, samples: 10 },
      identity: identityFromSeed(seeds[0]!),
      indices: Uint32Array.from({ length: 200 }, (_, k) => k),
      isPoisoned,
    })
    const start = manifestInitialParameters(digits.manifest)
    const parameters = start.slice()
    await training.train(0, parameters)
    return parameters.map((value, k) => value - start[k]!)
  }
  const lengthOf = (x: Float32Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))

  it('is clipped where the run asks for it, and an attacker on other samples is not', async () => {
    const bare = lengthOf(await moved(undefined))
    expect(bare).toBeGreaterThan(0.1)
    // The clip, and noise of 10⁻⁵ on 7,850 parameters.
    expect(Math.abs(lengthOf(await moved('update')) - CLIP)).toBeLessThan(CLIP / 10)
    // Four steps of at most the rate times the clip times the samples over their expected number.
    expect(lengthOf(await moved('sample'))).toBeLessThan(0.1 * CLIP * 4 * 3)
    for (const on of ['update', 'sample'] as const)
      expect(lengthOf(await moved(on, true))).toBeCloseTo(bare, 5)
  })

  it('comes to the same model when a round is computed again', async () => {
    expect(await moved('sample')).toEqual(await moved('sample'))
    expect(await moved('update')).toEqual(await moved('update'))
  })
})

describe('a run without differential privacy', () => {
  it('has entries without the field', async () => {
    const { ledgers } = await play(realRun({ rounds: 1 }), (index) => privateTraining(index))
    expect(ledgers.flat().some(({ body }) => 'differentialPrivacy' in body)).toBe(false)
    expect(ledgers.flat().every(({ body }) => body.metrics.trainingLoss === 1)).toBe(true)
  })
})

/** A block of a CAR file: the length of CID and bytes as a varint, the CID, the bytes. */
function section({ cid, bytes }: SignedEntry): Buffer {
  let left = cid.bytes.length + bytes.length
  const length: number[] = []
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128)
  return Buffer.concat([Uint8Array.from([...length, left]), cid.bytes, bytes])
}
