import { createSigner } from '@tempered/protocol'
import { bytesToHex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bindPeer } from '../../src/binding.js'
import { openClient, type SettlementClient } from '../../src/client/open-client.js'
import { jobStatus } from '../../src/jobs/job-status.js'
import { type ContractStatement, outcomeData, statementData, statementFields } from '../../src/typed-data.js'
import { hash, MNEMONIC, type Wallet } from '../support/anvil.js'
import {
  CARD,
  CARD_HASH,
  type Deployed,
  deployed,
  inOrder,
  PLACE,
  postedJob,
  RULES,
} from '../support/settlement.js'

const RUN = hash('run')

let on: Deployed
let client: SettlementClient
let members: Wallet[]
let user: Wallet
beforeAll(async () => {
  on = await deployed()
  const key = bytesToHex(mnemonicToAccount(MNEMONIC, { addressIndex: 9 }).getHdKey().privateKey!)
  client = await openClient({
    rpc: on.chain.url,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key,
  })
  members = inOrder([1, 2, 3].map((k) => on.chain.wallet(k)))
  user = on.chain.wallet(9)
})
afterAll(() => on.chain.stop())

const signerOf = (k: number) => createSigner(new Uint8Array(32).fill(k + 1))

describe('the status of a job', () => {
  it('says who took it, who was paid, who lost a stake, and who has the model', async () => {
    // The third one registers a key that is not its own.
    for (const [k, member] of members.entries()) {
      const binding = bindPeer(signerOf(k), member.account.address, on.place('stakes'))
      const signature = k === 2 ? `0x${'11'.repeat(64)}` : binding.peerSignature
      await on.send(member, 'stakes', 'register', [binding.peerKey, signature], 4_000n)
    }
    const job = await postedJob(on, user)
    expect(await jobStatus(client, job, 0n)).toMatchObject({
      state: 'open',
      user: user.account.address,
      budget: 1_070n,
      members: [],
      outcome: undefined,
      paid: [],
      losses: [],
    })
    for (const member of members) await on.send(member, 'escrow', 'accept', [job, PLACE])
    const [first, liar] = members as [Wallet, Wallet]
    const pair = ['a', 'b'].map(
      (value): ContractStatement => ({ run: RUN, kind: 'announcement', slot: 4, value: hash(value) }),
    ) as [ContractStatement, ContractStatement]
    const signatures = await Promise.all(
      pair.map((one) => liar.signTypedData(statementData(one, on.place('slashing')))),
    )
    const punished = await on.send(first, 'slashing', 'punishContradiction', [
      liar.account.address,
      statementFields(pair[0]),
      signatures[0],
      statementFields(pair[1]),
      signatures[1],
      first.account.address,
    ])
    const outcome = {
      job,
      run: RUN,
      model: hash('model'),
      proof: hash('proof'),
      card: CARD_HASH,
      rounds: 9,
      metric: 950_000n,
      weights: [2n, 0n, 1n],
    }
    const signed = await Promise.all(
      members.map((member) => member.signTypedData(outcomeData(outcome, on.place('escrow')))),
    )
    const settled = await on.send(user, 'escrow', 'settle', [outcome, signed, CARD])
    // Somebody else's money in the name of the job says nothing about it.
    await on.send(user, 'rewards', 'credit', [job, [user.account.address], [1n]], 5n)

    const status = await jobStatus(client, job, 0n)
    expect(status).toMatchObject({
      state: 'settled',
      returned: 7n,
      outcome: {
        run: RUN,
        model: hash('model'),
        rounds: 9,
        metric: 950_000n,
        block: settled.blockNumber,
        owner: user.account.address,
      },
      losses: [
        {
          account: liar.account.address,
          amount: (4_000n * BigInt(RULES.contradictionShare)) / 10_000n,
          block: punished.blockNumber,
          why: 'contradiction',
          about: 4n,
        },
      ],
    })
    expect(status.members.map(({ peerId }) => peerId)).toEqual([
      signerOf(0).peerId,
      signerOf(1).peerId,
      undefined,
    ])
    // 1,063 by 2 : 0 : 1.
    expect(status.paid.map(({ account, amount }) => [account, amount])).toEqual([
      [members[0]!.account.address, 709n],
      [members[2]!.account.address, 354n],
    ])
    const coins = status.paid.reduce((sum, { amount }) => sum + amount, status.returned)
    expect(coins).toBe(status.budget)
  })

  it('is that of a refund', async () => {
    const job = await postedJob(on, user)
    await on.send(user, 'escrow', 'refund', [job])
    expect(await jobStatus(client, job, 0n)).toMatchObject({ state: 'refunded', returned: 1_070n, paid: [] })
  })

  it('is an error for a job that does not exist', async () => {
    await expect(jobStatus(client, hash('none'), 0n)).rejects.toMatchObject({ code: 'E_CONTRACT' })
  })
})
