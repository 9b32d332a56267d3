import { type Address, encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModelShares, RoyaltyVault } from '../../src/contracts/artifacts.js'
import { outcomeData } from '../../src/typed-data.js'
import { hash, type Wallet } from '../support/anvil.js'
import { receiptOf } from '../support/receipt.js'
import { reenterer } from '../support/reenterer.js'
import {
  CARD,
  CARD_HASH,
  type Deployed,
  deployed,
  inOrder,
  PLACE,
  postedJob,
  stakeAll,
} from '../support/settlement.js'

let on: Deployed
let owner: Wallet
let a: Wallet
let b: Wallet
let shares: Address
beforeAll(async () => {
  on = await deployed()
  owner = on.chain.wallet(9)
  ;[a, b] = inOrder([on.chain.wallet(1), on.chain.wallet(2)]) as [Wallet, Wallet]
  await stakeAll(on, [a, b], 100_000n)
  shares = await on.read('models', 'shares')
})
afterAll(() => on.chain.stop())

const address = (wallet: Wallet): Address => wallet.account.address

/** A model of a and b, half each; its token. */
async function model(name: string): Promise<bigint> {
  const job = await postedJob(on, owner, { members: 2 })
  for (const member of [a, b]) await on.send(member, 'escrow', 'accept', [job, PLACE])
  const outcome = {
    job,
    run: hash(name),
    model: hash(`model of ${name}`),
    proof: hash('proof'),
    card: CARD_HASH,
    rounds: 1,
    metric: 0n,
    weights: [1n, 1n],
  }
  const data = outcomeData(outcome, on.place('escrow'))
  const signatures = await Promise.all([a, b].map((member) => member.signTypedData(data)))
  await on.send(owner, 'escrow', 'settle', [outcome, signatures, CARD])
  return on.read('models', 'tokenOf', [outcome.job, outcome.run, outcome.model])
}

const call = async (
  wallet: Wallet,
  functionName: string,
  args: readonly unknown[],
  value = 0n,
): Promise<void> => {
  const request = { address: shares, abi: ModelShares.abi, functionName, args, value } as never
  await on.chain.reader.simulateContract({ ...(request as object), account: wallet.account } as never)
  const sent = await wallet.writeContract(request)
  await receiptOf(on.chain.reader, sent)
}
const transfer = (ids: readonly bigint[], amounts: readonly bigint[]) =>
  call(a, 'safeBatchTransferFrom', [address(a), address(b), ids, amounts, '0x'])

async function claimed(wallet: Wallet, tokens: readonly bigint[]): Promise<bigint> {
  const to = `0x${(0x1000 + Number(on.chain.chain.id) + claims++).toString(16).padStart(40, '0')}` as Address
  await call(wallet, 'claim', [tokens, to])
  return on.chain.balance(to)
}
let claims = 0

describe('shares of models', () => {
  it('are issued by the registry alone', async () => {
    await expect(call(a, 'issue', [1n, [address(a)], [1n]])).rejects.toThrow('NotRegistry')
    await expect(call(a, 'distribute', [1n], 5n)).rejects.toThrow('NoShares')
  })

  it('take what they have earned along for each model of a batch, and pay to whom the holder names', async () => {
    const [one, two] = [await model('one'), await model('two')]
    for (const token of [one, two]) await call(owner, 'distribute', [token], 100n)
    await transfer([one, two], [500_000n, 500_000n])
    for (const token of [one, two]) await call(owner, 'distribute', [token], 40n)
    expect(await claimed(a, [one, two])).toBe(100n)
    expect(await claimed(b, [one, two])).toBe(100n + 80n)
    await expect(call(b, 'claim', [[one, two], address(b)])).rejects.toThrow('NothingEarned')
    expect(await on.chain.balance(shares)).toBe(0n)
  })

  it('earn the same whether they are moved to oneself, or booked twice', async () => {
    const token = await model('self')
    await call(owner, 'distribute', [token], 100n)
    await call(a, 'safeTransferFrom', [address(a), address(a), token, 500_000n, '0x'])
    await call(a, 'safeTransferFrom', [address(a), address(a), token, 0n, '0x'])
    expect(await claimed(a, [token, token, token])).toBe(50n)
    expect(await claimed(b, [token])).toBe(50n)
  })

  it('are paid once to a holder that calls back', async () => {
    const token = await model('thief')
    await call(owner, 'distribute', [token], 100n)
    const thief = await reenterer(on, shares)
    const claim = encodeFunctionData({
      abi: ModelShares.abi,
      functionName: 'claim',
      args: [[token], thief.address],
    })
    // The thief is paid what a has earned, and calls for its own.
    await thief.prepare(claim)
    await call(a, 'claim', [[token], thief.address])
    expect(await on.chain.balance(thief.address)).toBe(50n)
    expect(await thief.read('wasRefused')).toBe(true)
  })

  it('have a vault that serves one model for ever', async () => {
    const token = await model('vault')
    const [vault] = await on.read('models', 'royaltyInfo', [token, 100n])
    const binding = {
      address: vault as Hex,
      abi: RoyaltyVault.abi,
      functionName: 'bind',
      args: [shares, 1n],
    } as const
    await expect(on.chain.reader.simulateContract({ ...binding, account: a.account })).rejects.toThrow(
      'AlreadyBound',
    )
  })
})

describe('rewards', () => {
  it('need an account for each weight, and go to whom the member names', async () => {
    const credit = (accounts: readonly Address[], weights: readonly bigint[]) =>
      on.send(owner, 'rewards', 'credit', [hash('job'), accounts, weights], 10n)
    await expect(credit([address(a), address(b)], [1n])).rejects.toThrow()
    await expect(credit([address(a)], [1n, 1n])).rejects.toThrow()
    await expect(credit([address(a)], [2n ** 64n])).rejects.toThrow('MalformedWeights')
    await expect(credit([address(a)], [0n])).rejects.toThrow('MalformedWeights')
    const other = on.chain.wallet(5)
    await on.send(owner, 'rewards', 'credit', [hash('job'), [address(other)], [1n]], 10n)
    const to = '0x00000000000000000000000000000000000000cc'
    await on.send(other, 'rewards', 'claim', [to])
    expect(await on.chain.balance(to)).toBe(10n)
  })

  it('earn fractions of a wei that add up', async () => {
    const token = await model('fractions')
    // A third of the shares of a model: each distribution earns them a third of a wei.
    const held = 333_333n
    await call(b, 'safeTransferFrom', [address(b), address(a), token, 500_000n - held, '0x'])
    for (let k = 0; k < 5; k++) await call(a, 'distribute', [token], 1n)
    // 1.67 wei: one is paid, and what is left counts with the next.
    expect(await claimed(b, [token])).toBe(1n)
    for (let k = 0; k < 2; k++) await call(a, 'distribute', [token], 1n)
    expect(await claimed(b, [token])).toBe(1n)
  })
})
