import { bytesToHex, encodeErrorResult, type Hex, parseEther } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openClient, type SettlementClient } from '../../src/client/open-client.js'
import { type Call, Outbox, type OutboxInit } from '../../src/client/outbox.js'
import { StakingRegistry } from '../../src/contracts/artifacts.js'
import { hash, MNEMONIC } from '../support/anvil.js'
import { type FlakyRpc, flakyRpc } from '../support/flaky-rpc.js'
import { type Deployed, deployed, MINIMUM } from '../support/settlement.js'

const KEY = bytesToHex(mnemonicToAccount(MNEMONIC, { addressIndex: 1 }).getHdKey().privateKey!)
const SIGNATURE = `0x${'5a'.repeat(64)}`

interface World {
  readonly on: Deployed
  readonly rpc: FlakyRpc
  readonly client: SettlementClient
  readonly troubles: string[]
  outbox(init?: OutboxInit): Outbox
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function world(): Promise<World> {
  const on = await deployed()
  closing.push(() => on.chain.stop())
  const rpc = await flakyRpc(on.chain.url)
  closing.push(() => rpc.close())
  const client = await openClient({
    rpc: rpc.url,
    chainId: on.chain.chain.id,
    contracts: on.contracts,
    key: KEY,
  })
  const troubles: string[] = []
  return {
    on,
    rpc,
    client,
    troubles,
    outbox(init = {}) {
      const outbox = new Outbox(client, {
        confirmations: 0,
        pollMs: 5,
        retryMs: 5,
        stuckMs: 100,
        onTrouble: (what) => troubles.push(what),
        ...init,
      })
      closing.push(() => outbox.close())
      return outbox
    },
  }
}

const register = ({ on }: World): Call => ({
  address: on.contracts.stakes,
  abi: StakingRegistry.abi,
  functionName: 'register',
  args: [hash('peer'), SIGNATURE],
  value: MINIMUM,
})
const stake = ({ on }: World, value: bigint): Call => ({
  address: on.contracts.stakes,
  abi: StakingRegistry.abi,
  functionName: 'stake',
  value,
})
const staked = async ({ on, client }: World): Promise<bigint> =>
  (await on.read('stakes', 'memberOf', [client.wallet.account!.address])).staked

describe('a client', () => {
  let on: Deployed
  beforeAll(async () => {
    on = await deployed()
    return () => on.chain.stop()
  })
  const open = (more: object) =>
    openClient({ rpc: on.chain.url, chainId: on.chain.chain.id, contracts: on.contracts, key: KEY, ...more })

  it('refuses another chain, an address without a contract, and an RPC that is not there', async () => {
    await expect(open({ chainId: 10 })).rejects.toMatchObject({
      code: 'E_CHAIN_ID',
      message: expect.stringContaining('serves chain 31337, but the contracts are on chain 10'),
    })
    const nowhere = { ...on.contracts, escrow: `0x${'11'.repeat(20)}` as Hex }
    await expect(open({ contracts: nowhere })).rejects.toMatchObject({
      code: 'E_CONTRACT',
      message: expect.stringContaining('no contract escrow'),
    })
    await expect(open({ rpc: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'E_RPC' })
  })
})

describe('what an RPC does wrong', () => {
  it.each<[string, object, RegExp]>([
    [
      'says no',
      { error: { code: -32_005, message: 'query exceeds max block range\nand more' } },
      /error response: query exceeds max block range$/,
    ],
    ['says nothing', {}, /invalid response$/],
  ])('is told in one line without its address, when it %s', async (_, answer, text) => {
    const at = await world()
    at.rpc.fake('eth_blockNumber', 10, answer)
    const failing = at.client.reader.getBlockNumber({ cacheTime: 0 })
    await expect(failing).rejects.toMatchObject({ code: 'E_RPC', message: expect.stringMatching(text) })
    const message = await failing.catch((error: Error) => error.message)
    expect(message).not.toMatch(/\n|http:/)
    expect(message).toMatch(/^127\.0\.0\.1:\d+: /)
  })

  it('or that another contract stands at an address is told as such', async () => {
    const at = await world()
    const reading = at.client.reader.readContract({
      address: at.on.contracts.treasury,
      abi: StakingRegistry.abi,
      functionName: 'minimumStake',
    })
    await expect(reading).rejects.toMatchObject({ code: 'E_CONTRACT' })
  })
})

describe('an outbox', () => {
  it('sends one after the other, whatever was asked at the same time', async () => {
    const at = await world()
    const outbox = at.outbox()
    const receipts = await Promise.all([
      outbox.send(register(at)),
      ...[1n, 2n, 3n, 4n].map((value) => outbox.send(stake(at, value))),
    ])
    const blocks = receipts.map(({ blockNumber }) => blockNumber)
    expect(blocks).toEqual([...blocks].sort((a, b) => Number(a - b)))
    expect(await staked(at)).toBe(MINIMUM + 10n)
  })

  it('says why a contract refuses a call, sends nothing, and goes on', async () => {
    const at = await world()
    const outbox = at.outbox()
    await expect(outbox.send(stake(at, 1n))).rejects.toMatchObject({
      code: 'E_REVERTED',
      message: expect.stringContaining('rejected `stake`: NotRegistered'),
    })
    await outbox.send(register(at))
    const { address } = at.client.wallet.account!
    expect(await at.on.chain.reader.getTransactionCount({ address })).toBe(1)
  })

  it('says that the account cannot pay', async () => {
    const at = await world()
    await expect(at.outbox().send({ ...register(at), value: parseEther('20000') })).rejects.toMatchObject({
      code: 'E_FUNDS',
      message: expect.stringMatching(/insufficient funds for `register` and its fees; fund account 0x/),
    })
  })

  it('waits for an RPC that is away, and sends nothing twice', async () => {
    const at = await world()
    const outbox = at.outbox({ sleep: () => new Promise((resolve) => setImmediate(resolve)) })
    for (let lost = 1; lost <= 12; lost++) {
      at.rpc.drop(lost)
      await outbox.send(lost === 1 ? register(at) : stake(at, 10n))
    }
    expect(await staked(at)).toBe(MINIMUM + 110n)
    expect(at.troubles).toContainEqual(expect.stringMatching(/the RPC did not answer a request .*retrying/))
  })

  it('does not pay twice when an answer is lost', async () => {
    const at = await world()
    const outbox = at.outbox()
    await outbox.send(register(at))
    at.rpc.dropAnswers('eth_sendRawTransaction', 2)
    await outbox.send(stake(at, 7n))
    expect(await staked(at)).toBe(MINIMUM + 7n)
    const { address } = at.client.wallet.account!
    expect(await at.on.chain.reader.getTransactionCount({ address })).toBe(2)
  })

  it('sends a transaction that is in no block again for more, and has it done once', async () => {
    const at = await world()
    const { control, reader } = at.on.chain
    await control.setAutomine(false)
    let looks = 0
    const outbox = at.outbox({
      // A block comes only after the transaction was sent three times.
      async sleep() {
        if (at.troubles.length >= 2 && looks++ === 0) await control.mine({ blocks: 1 })
      },
    })
    const receipt = await outbox.send(register(at))
    expect(at.troubles.length).toBeGreaterThanOrEqual(2)
    expect(at.troubles[0]).toMatch(/not mined after 0.1 s; resending with a higher fee/)
    const { maxFeePerGas } = await reader.getTransaction({ hash: receipt.transactionHash })
    const today = await reader.estimateFeesPerGas()
    expect(maxFeePerGas!).toBeGreaterThan(today.maxFeePerGas)
    expect(await staked(at)).toBe(MINIMUM)
  })

  it.each([1, 2, 7])('does not pay twice when a receipt is not known %s times', async (count) => {
    const at = await world()
    const outbox = at.outbox()
    await outbox.send(register(at))
    at.rpc.fake('eth_getTransactionReceipt', count, { result: null })
    await outbox.send(stake(at, 7n))
    expect(await staked(at)).toBe(MINIMUM + 7n)
  })

  it('does not give up a transaction because its replacement is refused', async () => {
    const at = await world()
    const { control } = at.on.chain
    await control.setAutomine(false)
    const { address } = at.client.wallet.account!
    const outbox = at.outbox({
      async sleep() {
        // The first is sent; then there is too little for a second.
        if (at.troubles.length === 0) await control.setBalance({ address, value: 10n ** 12n })
        if (!at.troubles.some((trouble) => trouble.includes('does not accept'))) return
        await control.setBalance({ address, value: 10n ** 20n })
        await control.mine({ blocks: 1 })
      },
    })
    await outbox.send(register(at))
    expect(at.troubles).toContainEqual(expect.stringContaining('does not accept the transaction yet'))
    expect(await staked(at)).toBe(MINIMUM)
  })

  it('does not pay twice when what a reorganisation took out comes back by itself', async () => {
    const at = await world()
    const { control, reader } = at.on.chain
    const { address } = at.client.wallet.account!
    let reorganised = false
    const outbox = at.outbox({
      confirmations: 3,
      async sleep() {
        if (!reorganised && (await reader.getTransactionCount({ address })) === 1) {
          reorganised = true
          await control.request({ method: 'anvil_reorg', params: [1, []] } as never)
        }
        await control.mine({ blocks: 1 })
      },
    })
    await outbox.send(register(at))
    await outbox.send(stake(at, 7n))
    expect(reorganised).toBe(true)
    expect(await staked(at)).toBe(MINIMUM + 7n)
    expect(await reader.getTransactionCount({ address })).toBe(2)
  })

  it('does not take a refusal for an RPC that is away', async () => {
    const at = await world()
    at.rpc.fake('eth_sendRawTransaction', 1, {
      error: { code: -32_603, message: 'insufficient funds for gas * price + value' },
    })
    await expect(at.outbox().send(register(at))).rejects.toMatchObject({ code: 'E_FUNDS' })
  })

  it('waits while the chain wants more than it may offer', async () => {
    const at = await world()
    at.rpc.fake('eth_sendRawTransaction', 2, {
      error: { code: -32_000, message: 'max fee per gas less than block base fee' },
    })
    await at.outbox().send(register(at))
    expect(at.troubles).toContainEqual(expect.stringContaining('does not accept the transaction yet'))
    expect(await staked(at)).toBe(MINIMUM)
  })

  it('offers no more than it may', async () => {
    const at = await world()
    const { reader } = at.on.chain
    const { maxFeePerGas: today } = await reader.estimateFeesPerGas()
    const mostFeePerGas = today - 1n
    const receipt = await at.outbox({ mostFeePerGas }).send(register(at))
    const { maxFeePerGas } = await reader.getTransaction({ hash: receipt.transactionHash })
    expect(maxFeePerGas).toBe(mostFeePerGas)
  })

  it('ends with the reason of a contract, also where an RPC calls it an internal error', async () => {
    const at = await world()
    const data = encodeErrorResult({
      abi: StakingRegistry.abi,
      errorName: 'NotRegistered',
      args: [at.client.wallet.account!.address],
    })
    at.rpc.fake('eth_call', 1, {
      error: { code: -32_603, message: 'execution reverted', data },
    })
    await expect(at.outbox().send(stake(at, 1n))).rejects.toMatchObject({ code: 'E_REVERTED' })
  })

  it('takes no other number before enough blocks show that its own is used by another transaction', async () => {
    const at = await world()
    const { control } = at.on.chain
    const outbox = at.outbox({
      confirmations: 3,
      stuckMs: 10,
      async sleep() {
        if (at.rpc.left() === 0) await control.mine({ blocks: 1 })
        else if (++looks % 20 === 0) at.rpc.fake('eth_getTransactionReceipt', 0, { result: null })
      },
    })
    let looks = 0
    // The receipt stays unknown, and no block follows: whatever the time, nothing may be sent again.
    at.rpc.fake('eth_getTransactionReceipt', Number.POSITIVE_INFINITY, { result: null })
    await outbox.send(register(at))
    expect(at.troubles.filter((trouble) => /number of this one/.test(trouble))).toEqual([])
    expect(await staked(at)).toBe(MINIMUM)
  })

  it('replaces a transaction that an earlier process has left', async () => {
    const at = await world()
    const { control } = at.on.chain
    await control.setAutomine(false)
    await at.client.wallet.sendTransaction({
      account: at.client.wallet.account!,
      chain: at.client.wallet.chain,
      to: at.client.wallet.account!.address,
      value: 1n,
    })
    let looks = 0
    const outbox = at.outbox({
      async sleep() {
        if (++looks % 30 === 0) await control.mine({ blocks: 1 })
      },
    })
    await outbox.send(register(at))
    expect(await staked(at)).toBe(MINIMUM)
  })

  it('sends again what a reorganisation has taken out of the chain', async () => {
    const at = await world()
    const { control, reader } = at.on.chain
    let reorganised = false
    const outbox = at.outbox({
      confirmations: 2,
      async sleep() {
        const { address } = at.client.wallet.account!
        const used = await reader.getTransactionCount({ address })
        if (used === 1 && !reorganised) {
          reorganised = true
          await control.request({ method: 'anvil_reorg', params: [1, []] } as never)
          // Nobody brings it into a block by itself.
          await control.request({ method: 'anvil_dropAllTransactions', params: [] } as never)
        } else await control.mine({ blocks: 1 })
      },
    })
    await outbox.send(register(at))
    expect(reorganised).toBe(true)
    expect(await staked(at)).toBe(MINIMUM)
  })

  it('ends when it is closed while the RPC is away', async () => {
    const at = await world()
    const outbox = at.outbox()
    at.rpc.drop(Number.POSITIVE_INFINITY)
    const sending = outbox.send(register(at))
    const ended = expect(sending).rejects.toMatchObject({ code: 'E_RPC' })
    while (at.troubles.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    outbox.close()
    await ended
  })
})
