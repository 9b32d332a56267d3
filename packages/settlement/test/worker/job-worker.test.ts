import { randomIdentity, type TemperedNode } from '@tempered/node'
import type { Run, Signer } from '@tempered/protocol'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bindPeer } from '../../src/binding.js'
import { localAccountKey } from '../../src/client/local-accounts.js'
import { openClient } from '../../src/client/open-client.js'
import { Outbox } from '../../src/client/outbox.js'
import { createJobBoard } from '../../src/jobs/job-board.js'
import { type SealedJob, targetTerms } from '../../src/jobs/job-document.js'
import type { JobSite } from '../../src/worker/job-site.js'
import { JobWorker } from '../../src/worker/job-worker.js'
import { jobDocument, sealedJob } from '../support/job.js'
import { type Deployed, deployed, jobTerms, MINIMUM, numberOf } from '../support/settlement.js'

let on: Deployed
const peers: Signer[] = []
const STAKE = 10n * MINIMUM

beforeAll(async () => {
  on = await deployed()
  for (const k of [0, 1, 2, 3]) {
    peers.push(randomIdentity().signer)
    if (k === 0) continue
    const wallet = on.chain.wallet(k)
    const { peerKey, peerSignature } = bindPeer(peers[k]!, wallet.account.address, on.place('stakes'))
    await on.send(wallet, 'stakes', 'register', [peerKey, peerSignature], STAKE)
  }
})
afterAll(() => on.chain.stop())

const placeOf = (k: number): string => `/ip4/127.0.0.1/tcp/${4000 + k}/p2p/${peers[k]!.peerId}`

/** A job of this document; `more`: terms in place of the usual ones. */
async function post(job: SealedJob, more: object = {}, where = '/ip4/127.0.0.1/tcp/1'): Promise<Hex> {
  const terms = await jobTerms(on, {
    task: job.hash,
    ...targetTerms(job.document),
    mostRounds: job.mostRounds,
    members: 2,
    roundFee: 10n,
    ...more,
  })
  const { baseFee, roundFee, mostRounds } = terms as unknown as Record<string, bigint>
  const budget = baseFee! + roundFee! * BigInt(mostRounds!)
  return numberOf(await on.send(on.chain.wallet(9), 'escrow', 'post', [terms, where], budget))
}

interface Worker {
  readonly log: string[]
  readonly opened: { readonly job: Hex; readonly run: Run; readonly members: readonly string[] }[]
  readonly kept: Map<Hex, Uint8Array>
  stop(): Promise<void>
}

const working: Worker[] = []

async function work(
  k: number,
  site: Partial<JobSite> = {},
  policy: object = {},
  kept = new Map<Hex, Uint8Array>(),
): Promise<Worker> {
  const client = await openClient({
    rpc: on.chain.url,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key: localAccountKey(k),
  })
  const outbox = new Outbox(client, { confirmations: 0, pollMs: 5, retryMs: 5, stuckMs: 5_000 })
  const stopping = new AbortController()
  const log: string[] = []
  const opened: Worker['opened'] = []
  const worker = new JobWorker({
    ...{ client, outbox, anchorEvery: 5, from: 0n, pollMs: 10, signal: stopping.signal },
    board: createJobBoard(client, 0n),
    policy: {
      ...{ leastFee: 0n, mostStake: STAKE, mostRounds: 100 },
      ...{ mostParameters: 10_000, mostSamples: 1_000_000, mostSeconds: 10_000, mostWaitSeconds: 2_000 },
      ...policy,
    },
    site: {
      peerId: peers[k]!.peerId,
      where: [placeOf(k)],
      fetchDocument: async () => {
        throw new Error('nobody listens')
      },
      check: async () => undefined,
      kept: async (job) => kept.get(job),
      keep: async (job, document) => {
        kept.set(job, document)
      },
      async openNode(job, run, members) {
        opened.push({ job, run, members })
        return idleNode(stopping.signal)
      },
      deliver: async () => 'taken',
      keepModel: async () => undefined,
      keepResult: async () => undefined,
      modelOf: async () => undefined,
      undelivered: async () => [],
      owe: async () => undefined,
      delivered: async () => undefined,
      ...site,
    },
    now: Date.now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        const timer = setTimeout(resolve, Math.min(ms, 10))
        signal.addEventListener('abort', () => {
          clearTimeout(timer)
          resolve()
        })
      }),
    log: (_level, what) => log.push(what),
  })
  const done = worker.run()
  const one: Worker = {
    ...{ log, opened, kept },
    async stop() {
      stopping.abort()
      outbox.close()
      await done
    },
  }
  working.push(one)
  return one
}

/** A node that trains nothing and comes to no result. */
function idleNode(signal: AbortSignal): TemperedNode {
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  return {
    common: { say: () => undefined, model: async () => undefined, ledgerTo: async () => [] },
    run: () => stopped,
    stop: async () => undefined,
  } as unknown as TemperedNode
}

/** Looks often, and gives up after so many looks that something must be wrong. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    if (looks > 6_000)
      throw new Error(`it never comes: ${working.map(({ log }) => log.join('\n')).join('\n\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const said = (worker: Worker, what: RegExp): boolean => worker.log.some((line) => what.test(line))
const stateOf = async (job: Hex): Promise<number> => (await on.read('escrow', 'jobOf', [job])).state
const membersOf = async (job: Hex): Promise<readonly string[]> =>
  (await on.read('escrow', 'jobOf', [job])).members
const over = async (): Promise<void> => {
  await Promise.all(working.splice(0).map((one) => one.stop()))
  await on.chain.pass(10_000)
}

describe('a job that is not for this node', () => {
  const job = sealedJob()
  const still = sealedJob({}, { learningRate: 1e-300 })
  const idle = sealedJob({}, { localSteps: 0 })
  const withManifest = (more: object): SealedJob => {
    const document = jobDocument()
    return sealedJob({ manifest: { ...document.manifest, ...more } })
  }
  const patient = withManifest({
    deadlines: { ...(jobDocument().manifest.deadlines as object), collectMs: 86_400_000 },
  })
  const loyal = withManifest({ patienceRounds: 1_000 })
  const slow = withManifest({ chain: { architecture: 'bft', params: { deltaMs: 600_000 } } })
  const serve = (document: Uint8Array): Partial<JobSite> => ({ fetchDocument: async () => document })
  it.each<[string, () => Promise<Hex>, Partial<JobSite>, object, RegExp]>([
    [
      'pays too little',
      () => post(job),
      serve(job.bytes),
      { leastFee: 10_000n },
      /it pays at most 0.00000000000000055, below this node's minimum of 0.00000000000001/,
    ],
    [
      'locks too much',
      () => post(job, { stake: 5_000n }),
      serve(job.bytes),
      { mostStake: 4_999n },
      /it locks a stake of 0.000000000000005,/,
    ],
    ['takes too long', () => post(job), serve(job.bytes), { mostRounds: 9 }, /it may take 10 rounds/],
    [
      'may wait too long for members',
      async () => post(job, { acceptUntil: BigInt((await on.chain.now()) + 3_000) }),
      serve(job.bytes),
      {},
      /it may wait \d+ s for members, above this node's maximum of 2000 s/,
    ],
    [
      'may take too long',
      () => post(job),
      serve(job.bytes),
      { mostSeconds: 4_000 },
      /it may take \d+ s, above this node's maximum of 4000 s/,
    ],
    [
      'has too large a model',
      () => post(job),
      serve(job.bytes),
      { mostParameters: 7_849 },
      /it has 7850 parameters, above this node's maximum of 7849/,
    ],
    [
      'asks for too much work',
      () => post(job),
      serve(job.bytes),
      { mostSamples: 8_000 },
      /it has 8960 samples, above this node's maximum of 8000/,
    ],
    [
      'has a learning rate with which no model changes',
      () => post(still),
      serve(still.bytes),
      {},
      /is not between 0.000001/,
    ],
    ['lets nobody train', () => post(idle), serve(idle.bytes), {}, /it has no training steps/],
    [
      'waits for a silent member for a day',
      () => post(patient),
      serve(patient.bytes),
      {},
      /its collectMs is 86400000 ms, above this node's maximum of 600000 ms/,
    ],
    [
      'waits for a silent member for a thousand rounds',
      () => post(loyal),
      serve(loyal.bytes),
      {},
      /wait 1000 rounds for a silent one, above this node's maximum of 10/,
    ],
    ['has a chain that takes its time', () => post(slow), serve(slow.bytes), {}, /its deltaMs is 600000 ms/],
    [
      'has another document',
      () => post(job),
      serve(sealedJob({ pay: 'samples' }).bytes),
      {},
      /does not match hash/,
    ],
    ['has a document of junk', () => post(job), serve(new Uint8Array(50)), {}, /does not match hash/],
    [
      'says another target on the chain',
      () => post(job, { target: 1n }),
      serve(job.bytes),
      {},
      /target is 1 on the chain/,
    ],
    [
      'does not fit its data',
      () => post(job),
      { ...serve(job.bytes), check: async () => Promise.reject(new Error('no such column')) },
      {},
      /no such column/,
    ],
  ])('because it %s, is left to others', async (_, posting, site, policy, why) => {
    const id = await posting()
    const worker = await work(1, site, policy)
    await until(() => said(worker, why))
    expect(await membersOf(id)).toEqual([])
    expect(worker.log.filter((line) => why.test(line))).toHaveLength(1)
  })

  it('is not taken with the account of another peer, which is said once', async () => {
    const id = await post(job)
    const worker = await work(1, { ...serve(job.bytes), peerId: peers[2]!.peerId })
    await until(() => said(worker, /is bound to peer .* no jobs are accepted/))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(worker.log.filter((line) => /is bound to peer/.test(line))).toHaveLength(1)
    expect(await membersOf(id)).toEqual([])
  })

  it('is not taken without a stake, which is said once', async () => {
    const id = await post(job)
    const worker = await work(4 - 4, serve(job.bytes))
    await until(() => said(worker, /has no stake/))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(worker.log.filter((line) => /has no stake/.test(line))).toHaveLength(1)
    expect(await membersOf(id)).toEqual([])
  })
})

afterEach(over)

describe('a job', () => {
  it('waits for a user who does not answer yet', async () => {
    const job = sealedJob()
    const id = await post(job)
    let calls = 0
    const worker = await work(1, {
      fetchDocument: async () => {
        calls += 1
        if (calls < 3) throw new Error('nobody listens')
        return job.bytes
      },
    })
    await until(async () => (await membersOf(id)).length === 1)
    const told = worker.log.filter((line) =>
      /cannot fetch its document from the user yet \(nobody listens\)/.test(line),
    )
    expect(told).toHaveLength(1)
  })

  it('that is full becomes the same run for all of its members, who find each other', async () => {
    const job = sealedJob()
    const id = await post(job)
    const serve = { fetchDocument: async () => job.bytes }
    const first = await work(1, serve)
    await until(async () => (await membersOf(id)).length === 1)
    const second = await work(2, serve)
    await until(() => first.opened.length === 1 && second.opened.length === 1)
    const [{ run, members }, other] = [first.opened[0]!, second.opened[0]!]
    expect(run.id.equals(other.run.id)).toBe(true)
    expect(run.manifest.members).toEqual([peers[1]!.peerId, peers[2]!.peerId])
    expect(run.manifest.settlement!.accounts).toEqual(await membersOf(id))
    expect(members).toEqual([placeOf(1), placeOf(2)])
  })

  it('goes on after a restart, without the user', async () => {
    const job = sealedJob()
    const id = await post(job)
    const first = await work(1, { fetchDocument: async () => job.bytes })
    await until(async () => (await membersOf(id)).length === 1)
    const second = await work(2, { fetchDocument: async () => job.bytes })
    await until(() => first.opened.length === 1 && second.opened.length === 1)
    await first.stop()
    const again = await work(1, {}, {}, first.kept)
    await until(() => again.opened.length === 1)
    expect(again.opened[0]!.run.id.equals(first.opened[0]!.run.id)).toBe(true)
  })

  it('that too few take is refunded, the stake is free, and the next one is taken', async () => {
    const job = sealedJob()
    const id = await post(job, { stake: STAKE })
    const worker = await work(3, { fetchDocument: async () => job.bytes })
    await until(async () => (await membersOf(id)).length === 1)
    await on.chain.pass(1_001)
    await until(() => said(worker, new RegExp(`${id.slice(0, 10)} finished`)))
    expect(await stateOf(id)).toBe(4)
    const next = await post(job, { stake: STAKE })
    await until(async () => (await membersOf(next)).length === 1)
  })

  it('that nobody settles in time is given back, and its members are free', async () => {
    const job = sealedJob()
    const id = await post(job)
    const serve = { fetchDocument: async () => job.bytes }
    const [first, second] = [await work(1, serve), await work(2, serve)]
    await until(() => first.opened.length === 1 && second.opened.length === 1)
    await on.chain.pass(6_000)
    const isOver = new RegExp(`${id.slice(0, 10)} finished`)
    await until(() => said(first, isOver) && said(second, isOver))
    expect(await stateOf(id)).toBe(4)
    for (const k of [1, 2]) {
      const { locked } = await on.read('stakes', 'memberOf', [on.chain.wallet(k).account.address])
      expect(locked).toBe(0n)
    }
  })

  it('counts a peer once that stands for two accounts', async () => {
    const job = sealedJob()
    const id = await post(job, { members: 3 })
    const double = on.chain.wallet(6)
    const { peerKey, peerSignature } = bindPeer(peers[1]!, double.account.address, on.place('stakes'))
    await on.send(double, 'stakes', 'register', [peerKey, peerSignature], STAKE)
    const serve = { fetchDocument: async () => job.bytes }
    const first = await work(1, serve)
    await until(async () => (await membersOf(id)).length === 1)
    await on.send(double, 'escrow', 'accept', [id, placeOf(1)])
    const second = await work(2, serve)
    await until(() => first.opened.length === 1 && second.opened.length === 1)
    const { manifest } = first.opened[0]!.run
    expect(manifest.members).toEqual([peers[1]!.peerId, peers[2]!.peerId])
    expect(manifest.settlement!.accounts[0]).toBe(on.chain.wallet(1).account.address)
  })

  it('is one run for its honest members although one of them has bound no peer', async () => {
    const job = sealedJob()
    const id = await post(job, { members: 3 })
    const stranger = on.chain.wallet(5)
    await on.send(stranger, 'stakes', 'register', [`0x${'05'.repeat(32)}`, `0x${'5a'.repeat(64)}`], STAKE)
    await on.send(stranger, 'escrow', 'accept', [id, 'anything, such as \u0000 or /p2p/none'])
    const serve = { fetchDocument: async () => job.bytes }
    const [first, second] = [await work(1, serve), await work(2, serve)]
    await until(() => first.opened.length === 1 && second.opened.length === 1)
    expect(new Set(first.opened[0]!.run.manifest.members)).toEqual(
      new Set([peers[1]!.peerId, peers[2]!.peerId]),
    )
    expect(first.opened[0]!.run.id.equals(second.opened[0]!.run.id)).toBe(true)
  })
})
