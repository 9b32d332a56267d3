import type { Words } from '@tempered/node'
import { blobCid, createSigner, documentCid, type Run } from '@tempered/protocol'
import { type Address, bytesToHex, type Hex, hashTypedData, keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bindPeer } from '../../src/binding.js'
import { localAccountKey } from '../../src/client/local-accounts.js'
import { openClient } from '../../src/client/open-client.js'
import { Outbox } from '../../src/client/outbox.js'
import { createJobBoard, type PostedJob } from '../../src/jobs/job-board.js'
import { runOfJob } from '../../src/jobs/job-document.js'
import type { JobResult } from '../../src/jobs/outcome.js'
import { verdictData } from '../../src/typed-data.js'
import { groundsOf, MOST_RESULTS, Settling } from '../../src/worker/settling.js'
import { hash } from '../support/anvil.js'
import { sealedJob } from '../support/job.js'
import {
  type Deployed,
  deployed,
  jobTerms,
  MINIMUM,
  numberOf,
  openRun,
  PLACE,
  RULES,
} from '../support/settlement.js'

const MEMBERS = 4
let on: Deployed
const sealed = sealedJob()
const peers = Array.from({ length: MEMBERS }, (_, k) => createSigner(new Uint8Array(32).fill(k + 1)))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const stopping = new AbortController()

beforeAll(async () => {
  on = await deployed()
  for (const [k, peer] of peers.entries()) {
    const wallet = on.chain.wallet(k + 1)
    const { peerKey, peerSignature } = bindPeer(peer, wallet.account.address, on.place('stakes'))
    await on.send(wallet, 'stakes', 'register', [peerKey, peerSignature], 99n * MINIMUM)
  }
})
afterAll(async () => {
  stopping.abort()
  await on.chain.stop()
})

interface Party {
  readonly job: PostedJob
  readonly run: Run
  readonly members: readonly { readonly settling: Settling; readonly log: string[] }[]
  /** What each member has said. */
  readonly said: ReadonlyMap<number, readonly Words[]>
  /** What a member says reaches the others through this. */
  hear(author: number, words: Words): Promise<void>
}

/** The members of a job, who hear each other; `speak` changes what one of them says. */
async function party(
  speak: (member: number, words: Words) => Words = (_, words) => words,
  { stranger = false } = {},
): Promise<Party> {
  const terms = await jobTerms(on, { members: MEMBERS + (stranger ? 1 : 0), stake: 2_000n })
  const id = numberOf(await on.send(on.chain.wallet(9), 'escrow', 'post', [terms, PLACE], 1_070n))
  for (const [k] of peers.entries()) await on.send(on.chain.wallet(k + 1), 'escrow', 'accept', [id, PLACE])
  if (stranger) await on.send(on.chain.wallet(7), 'escrow', 'accept', [id, PLACE])
  const clients = await Promise.all(
    peers.map((_, k) =>
      openClient({
        rpc: on.chain.url,
        chainId: on.chain.chain.id,
        contracts: on.contracts,
        key: localAccountKey(k + 1),
      }),
    ),
  )
  const job = (await createJobBoard(clients[0]!, 0n).find(id))!
  const run = runOfJob(
    sealed,
    job.members.flatMap(({ account, peerId }) => (peerId === undefined ? [] : [{ account, peerId }])),
    { chainId: on.chain.chain.id, slashing: on.contracts.slashing, job: id },
  )
  const members: { settling: Settling; log: string[] }[] = []
  const said = new Map<number, Words[]>()
  const hear = async (author: number, words: Words): Promise<void> => {
    for (const [k, { settling }] of members.entries())
      if (k !== author) await settling.heard(peers[author]!.peerId, words)
  }
  for (const [k, client] of clients.entries()) {
    const log: string[] = []
    const settling = new Settling({
      ...{ job, sealed, run, client, position: k, from: 0n, signal: stopping.signal },
      outbox: new Outbox(client, { confirmations: 0, pollMs: 5, retryMs: 5, stuckMs: 5_000 }),
      common: {
        say(words) {
          said.set(k, [...(said.get(k) ?? []), words])
          void hear(k, speak(k, words))
        },
      },
      sleep: (ms, signal) =>
        new Promise((resolve) => (signal.aborted ? resolve() : setTimeout(resolve, Math.min(ms / 50, 100)))),
      log: (_level, what) => log.push(what),
    })
    members.push({ settling, log })
  }
  return { job, run, members, said, hear }
}

const result = (name: string, more: Partial<JobResult> = {}): JobResult => ({
  model: blobCid(text(`model ${name}`)),
  block: documentCid(text(`block ${name}`)),
  rounds: 5,
  metric: 870_000n,
  weights: [1n, 1n, 1n, 1n],
  freeRiders: [],
  contributions: [],
  ...more,
})
const rider = (k: number): JobResult['freeRiders'][number] => ({
  peerId: peers[k]!.peerId,
  contribution: {
    ...{ peer: peers[k]!.peerId, scorers: 3, gain: 0, flaggedBy: 3, reasons: { noise: 3 } },
    ...{ ownRounds: 5, admittedRounds: 0 },
  },
})
const stateOf = async ({ job }: Party): Promise<number> => (await on.read('escrow', 'jobOf', [job.id])).state
const owed = async (k: number): Promise<bigint> =>
  on.read('rewards', 'owed', [on.chain.wallet(k + 1).account.address])

describe('members that have come to a result', () => {
  it('settle, once, and all of them see it', async () => {
    const all = await party()
    const before = await owed(0)
    await Promise.all(all.members.map(({ settling }) => settling.propose(result('common'))))
    await Promise.all(all.members.map(({ settling }) => settling.settled()))
    expect(await stateOf(all)).toBe(3)
    expect(await owed(0)).toBeGreaterThan(before)
    expect(
      all.members.flatMap(({ log }) => log).filter((line) => line.includes(' settled in block ')),
    ).toHaveLength(1)
  })

  it('settle although one of them sends signatures that contracts do not take', async () => {
    // 0 or 1 at the end, which a careless check takes for 27 or 28.
    const all = await party((member, words) => {
      const signature = words.signature as Hex
      const recovery = Number.parseInt(signature.slice(-2), 16) - 27
      return member === 0 ? { ...words, signature: `${signature.slice(0, -2)}0${recovery}` } : words
    })
    await Promise.all(all.members.map(({ settling }) => settling.propose(result('signed badly'))))
    await Promise.all(all.members.map(({ settling }) => settling.settled()))
    expect(await stateOf(all)).toBe(3)
    expect(all.members[1]!.log.join()).toMatch(/a signature that is not by its account/)
  })

  it('settle by the block about which enough of them agree', async () => {
    const all = await party()
    for (const [k, { settling }] of all.members.entries()) {
      await settling.propose(result(k < 2 ? 'of some' : 'of others'))
      await settling.propose(result('of all'))
    }
    await Promise.all(all.members.map(({ settling }) => settling.settled()))
    const [event] = await on.chain.reader.getContractEvents({
      address: on.contracts.escrow,
      abi: [
        {
          type: 'event',
          name: 'Settled',
          inputs: [
            { name: 'id', type: 'bytes32', indexed: true },
            ...['run', 'model'].map((name) => ({ name, type: 'bytes32', indexed: false }) as const),
            { name: 'rounds', type: 'uint32', indexed: false },
            { name: 'metric', type: 'int64', indexed: false },
            ...['paid', 'back'].map((name) => ({ name, type: 'uint256', indexed: false }) as const),
          ],
        },
      ] as const,
      eventName: 'Settled',
      args: { id: all.job.id } as never,
      fromBlock: 0n,
    })
    expect((event!.args as { model: Hex }).model).toBe(
      bytesToHex(blobCid(text('model of all')).multihash.digest),
    )
  })

  it('pay nobody whom no peer stands for', async () => {
    await on.send(
      on.chain.wallet(7),
      'stakes',
      'register',
      [`0x${'07'.repeat(32)}`, `0x${'5a'.repeat(64)}`],
      99n * MINIMUM,
    )
    const all = await party(undefined, { stranger: true })
    await Promise.all(all.members.map(({ settling }) => settling.propose(result('of those with peers'))))
    await Promise.all(all.members.map(({ settling }) => settling.settled()))
    expect(await stateOf(all)).toBe(3)
    expect(await on.read('rewards', 'owed', [on.chain.wallet(7).account.address])).toBe(0n)
  })

  it('take no signature that is said about another job', async () => {
    const all = await party((_, words) => ({ ...words, about: `0x${'00'.repeat(32)}` }))
    await Promise.all(all.members.map(({ settling }) => settling.propose(result('about another'))))
    const settled = all.members.map(({ settling }) => settling.settled())
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await stateOf(all)).toBe(2)
    // Then somebody says it rightly.
    for (const [author] of peers.entries())
      for (const words of all.said.get(author) ?? []) await all.hear(author, words)
    await Promise.all(settled)
    expect(await stateOf(all)).toBe(3)
  })

  it('stand by their newest results, each once', async () => {
    const all = await party()
    const { settling } = all.members[0]!
    for (let k = 0; k < MOST_RESULTS + 3; k++)
      for (const _ of [1, 2]) await settling.propose(result(`number ${k}`))
    const digestOf = (k: number) => bytesToHex(blobCid(text(`model number ${k}`)).multihash.digest)
    expect(settling.models).toEqual(Array.from({ length: MOST_RESULTS }, (_, k) => digestOf(k + 3)))
    void settling.settled()
    await vi.waitFor(() => expect(all.said.get(0)?.length).toBeGreaterThanOrEqual(MOST_RESULTS))
    expect(new Set(all.said.get(0)!.map(({ digest }) => digest)).size).toBe(MOST_RESULTS)
  })

  it('judge a free rider, which does not judge itself, for what the job has locked', async () => {
    const all = await party()
    const judged = result('with a rider', { freeRiders: [rider(3)], weights: [1n, 1n, 1n, 0n] })
    await Promise.all(all.members.map(({ settling }) => settling.propose(judged)))
    await Promise.all(all.members.map(({ settling }) => settling.settled()))
    const offender = on.chain.wallet(4).account.address as Address
    // What its friends say about it in a run of their own does not stop the others.
    const friends = [8, 4].map((k) => on.chain.wallet(k))
    await on.send(friends[0]!, 'stakes', 'register', [hash('a friend'), `0x${'5a'.repeat(64)}`], MINIMUM)
    const theirs = await openRun(on, hash('a run of friends'), friends)
    const mild = { run: theirs, offender, grounds: hash('nothing much'), share: 1 }
    const data = verdictData(mild, on.place('slashing'))
    const signed = await Promise.all(friends.map((friend) => friend.signTypedData(data)))
    await on.send(on.owner, 'slashing', 'giveVerdict', [mild, signed])
    await Promise.all(all.members.map(({ settling }) => settling.judge()))
    const verdict = {
      run: all.job.id,
      offender,
      grounds: keccak256(groundsOf(all.job.id, judged, rider(3))),
      share: 10_000,
    }
    const id = hashTypedData(verdictData(verdict, on.place('slashing')))
    const { signers } = await on.read('slashing', 'caseOf', [id])
    // The first three, by position.
    expect(signers).toBe(0b0111n)
    expect(all.said.get(3)!.map(({ digest }) => digest)).not.toContain(id)
    expect(all.said.get(2)!.map(({ digest }) => digest)).toContain(id)
    const before = await on.read('stakes', 'liable', [offender])
    await on.chain.pass(RULES.appealSeconds)
    await on.send(on.owner, 'slashing', 'execute', [id])
    expect(before - (await on.read('stakes', 'liable', [offender]))).toBe(2_000n)
    expect(privateKeyToAccount(localAccountKey(4)).address).toBe(offender)
  })
})
