import {
  type AccountSigner,
  blobCid,
  createAccountSigner,
  createSigner,
  documentCid,
  type Evidence,
  makeEvidence,
  makeForkEvidence,
  type Run,
  type Signer,
  sealManifest,
  signAnnouncement,
  signHead,
} from '@tempered/protocol'
import { type Address, bytesToHex, type Hex, hexToBytes } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contradictionIn } from '../../src/agent/evidence-bringer.js'
import { SettlementAgent } from '../../src/agent/settlement-agent.js'
import { localAccountKey } from '../../src/client/local-accounts.js'
import { openClient, type SettlementClient } from '../../src/client/open-client.js'
import { Outbox } from '../../src/client/outbox.js'
import { runOfJob } from '../../src/jobs/job-document.js'
import { registeredRun } from '../../src/jobs/registered-run.js'
import { MNEMONIC } from '../support/anvil.js'
import { flakyRpc } from '../support/flaky-rpc.js'
import { sealedJob } from '../support/job.js'
import {
  type Deployed,
  deployed,
  MINIMUM,
  membershipOf,
  openRun,
  RULES,
  stakeAll,
} from '../support/settlement.js'

let on: Deployed
let run: Run
let signers: readonly Signer[]
const accounts: AccountSigner[] = []
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const model = (name: string) => blobCid(text(name))

beforeAll(async () => {
  on = await deployed()
  const place = on.place('slashing')
  const plain = [1, 2, 3].map((fill) => createSigner(new Uint8Array(32).fill(fill)))
  for (const k of [1, 2, 3]) accounts.push(createAccountSigner(hexToBytes(localAccountKey(k)), place))
  signers = plain.map((signer, k) => ({ ...signer, account: accounts[k] }))
  run = runOfJob(
    sealedJob(),
    plain.map(({ peerId }, k) => ({ peerId, account: accounts[k]!.address as Address })),
    { chainId: place.chainId, slashing: place.contract, job: `0x${'7'.repeat(64)}` },
  )
  await stakeAll(
    on,
    [1, 2, 3].map((k) => on.chain.wallet(k)),
    4n * MINIMUM,
  )
})
afterAll(() => on.chain.stop())

/** What a member says of its model of a round. */
const announce = (k: number, round: number, name: string, signer = signers[k]!) =>
  signAnnouncement(
    {
      run: run.id,
      round,
      model: model(name),
      byteLength: run.modelBytes,
      parent: run.id,
      norm: 1,
      opinions: null,
    },
    signer,
  )

const head = (k: number, height: number, name: string, root = 7, signer = signers[k]!) =>
  signHead(
    {
      run: run.id,
      height,
      round: height,
      entry: documentCid(text(name)),
      parent: run.id,
      root: new Uint8Array(32).fill(root),
    },
    [],
    signer,
  ).head

describe('what a contract can check of evidence', () => {
  it('is two models of one round', () => {
    const found = contradictionIn(makeEvidence(announce(0, 2, 'a'), announce(0, 2, 'b')), run)
    expect(found).toMatchObject({ offender: accounts[0]!.address, peerId: signers[0]!.peerId })
  })

  it('is two entries of one height', () => {
    expect(contradictionIn(makeForkEvidence(head(1, 3, 'a'), head(1, 3, 'b')), run)).toBeDefined()
  })

  const { account: _, ...unstated } = createSigner(new Uint8Array(32).fill(1)) as Signer
  it.each<[string, () => Evidence]>([
    ['two trees over one entry', () => makeForkEvidence(head(1, 3, 'a', 1), head(1, 3, 'a', 2))],
    ['a message without a statement', () => makeEvidence(announce(0, 2, 'a'), announce(0, 2, 'b', unstated))],
    [
      'the statement of another account',
      () => makeEvidence(announce(0, 2, 'a'), announce(0, 2, 'b', { ...signers[0]!, account: accounts[1] })),
    ],
  ])('is not %s', (_name, evidence) => {
    expect(contradictionIn(evidence(), run)).toBeUndefined()
  })

  it('is nothing in a run without accounts', () => {
    const { settlement: _settlement, ...manifest } = run.manifest
    expect(
      contradictionIn(makeEvidence(announce(0, 2, 'a'), announce(0, 2, 'b')), sealManifest(manifest)),
    ).toBeUndefined()
  })
})

interface Opened {
  readonly agent: SettlementAgent
  readonly outbox: Outbox
  readonly log: string[]
}

async function open(k: number, registered: Hex | undefined, rpc = on.chain.url): Promise<Opened> {
  const client: SettlementClient = await openClient({
    rpc,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key: localAccountKey(k),
  })
  const log: string[] = []
  const outbox = new Outbox(client, { confirmations: 0, pollMs: 5, retryMs: 5, stuckMs: 50 })
  const agent = new SettlementAgent({
    ...{ run, client, outbox, registered },
    anchorEvery: 5,
    courtesyMs: 0,
    sleep: (_ms, signal) => new Promise((resolve) => (signal.aborted ? resolve() : setTimeout(resolve, 1))),
    log: (_level, what) => log.push(what),
  })
  return { agent, outbox, log }
}

const stakeOf = async (k: number): Promise<bigint> =>
  (await on.read('stakes', 'memberOf', [accounts[k]!.address])).staked

describe('an agent', () => {
  it('brings evidence to the contract once, and gets the bounty', async () => {
    const { agent, outbox, log } = await open(2, undefined)
    const before = await on.chain.balance(accounts[2]!.address as Address)
    const evidence = makeEvidence(announce(1, 0, 'this'), announce(2 - 1, 0, 'that'))
    for (const offender of [0, 1]) {
      const staked = await stakeOf(offender)
      const found = offender === 1 ? evidence : makeForkEvidence(head(0, 3, 'a'), head(0, 3, 'b'))
      agent.evidence(found)
      agent.evidence(found)
      await agent.idle()
      const lost = staked - (await stakeOf(offender))
      expect(lost).toBe((staked * BigInt(RULES.contradictionShare)) / 10_000n)
    }
    expect(log.filter((line) => line.includes('was slashed'))).toHaveLength(2)
    expect(before).toBeGreaterThan(0n)
    // Another node, and this one after a restart, look before they bring it again.
    const again = await open(2, undefined)
    const staked = await stakeOf(1)
    again.agent.evidence(evidence)
    await again.agent.idle()
    expect(await stakeOf(1)).toBe(staked)
    expect(again.log).toEqual([])
    for (const one of [outbox, again.outbox]) one.close()
  })

  it('anchors a head every so many entries, and none twice', async () => {
    const wallets = [1, 2, 3].map((k) => on.chain.wallet(k))
    const digest = bytesToHex(run.id.multihash.digest)
    expect(await registeredRun(await clientOf(1), run)).toBeUndefined()
    await openRun(on, digest, wallets)
    const id = await registeredRun(await clientOf(1), run)
    expect(id).toBe(await on.read('runs', 'idOf', [digest, (await membershipOf(on, digest, wallets))[1]]))
    const { agent, outbox } = await open(1, id)
    for (const height of [0, 3, 4, 5, 8, 9, 10]) agent.head(head(0, height, `entry ${height}`))
    await agent.idle()
    expect(await anchored(id!, 0)).toBe(10n)
    const restarted = await open(1, id)
    restarted.agent.head(head(0, 6, 'entry 6'))
    await restarted.agent.idle()
    expect(await anchored(id!, 0)).toBe(10n)
    expect(restarted.log).toEqual([])
    for (const one of [outbox, restarted.outbox]) one.close()
  })

  it('waits for a chain that is away, and the node does not wait for it', async () => {
    const id = await registeredRun(await clientOf(2), run)
    const rpc = await flakyRpc(on.chain.url)
    const { agent, outbox, log } = await open(2, id, rpc.url)
    rpc.drop(4)
    agent.head(head(1, 30, 'entry 30'))
    await agent.idle()
    expect(await anchored(id!, 1)).toBe(31n)
    expect(log.some((line) => line.includes('retrying'))).toBe(true)
    outbox.close()
    await rpc.close()
  })

  it('reports what the contract refuses, and goes on', async () => {
    const { agent, outbox, log } = await open(3, `0x${'12'.repeat(32)}`)
    agent.head(head(2, 5, 'entry 5'))
    await agent.idle()
    expect(log.join()).toMatch(/NotMember/)
    outbox.close()
  })
})

const clientOf = (k: number): Promise<SettlementClient> =>
  openClient({
    rpc: on.chain.url,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key: localAccountKey(k),
  })
const anchored = (id: Hex, k: number): Promise<bigint> =>
  on.read('runs', 'anchoredHeight', [id, accounts[k]!.address])

it('the local accounts are those of the chain', () => {
  expect(mnemonicToAccount(MNEMONIC, { addressIndex: 3 }).address).toBe(accounts[2]!.address)
})
