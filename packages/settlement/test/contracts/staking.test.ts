import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hash } from '../support/anvil.js'
import { type Deployed, deployed, MINIMUM, RULES } from '../support/settlement.js'

const SIGNATURE = `0x${'5a'.repeat(64)}`

let on: Deployed
beforeAll(async () => {
  on = await deployed()
})
afterAll(() => on.chain.stop())

describe('a stake', () => {
  it('is taken to the exact minimum, and bound to a peer once', async () => {
    const wallet = on.chain.wallet(1)
    const { address } = wallet.account
    const register = (value: bigint) =>
      on.send(wallet, 'stakes', 'register', [hash('peer'), SIGNATURE], value)
    await expect(register(MINIMUM - 1n)).rejects.toThrow('BelowMinimum')
    await register(MINIMUM)
    expect(await on.read('stakes', 'memberOf', [address])).toMatchObject({
      peerKey: hash('peer'),
      staked: MINIMUM,
      unbonding: 0n,
    })
    await expect(register(MINIMUM)).rejects.toThrow('AlreadyRegistered')
  })

  it('needs a peer and its signature', async () => {
    const wallet = on.chain.wallet(2)
    const zero = `0x${'00'.repeat(32)}`
    await expect(on.send(wallet, 'stakes', 'stake', [], MINIMUM)).rejects.toThrow('NotRegistered')
    await expect(on.send(wallet, 'stakes', 'register', [zero, SIGNATURE], MINIMUM)).rejects.toThrow(
      'MalformedBinding',
    )
    await expect(on.send(wallet, 'stakes', 'register', [hash('p'), '0x5a'], MINIMUM)).rejects.toThrow(
      'MalformedBinding',
    )
  })

  it('is paid back when its time is over, not before, and to the last wei', async () => {
    const wallet = on.chain.wallet(3)
    const { address } = wallet.account
    await on.send(wallet, 'stakes', 'register', [hash('third'), SIGNATURE], 5_000n)
    await expect(on.send(wallet, 'stakes', 'unbond', [4_001n])).rejects.toThrow('BelowMinimum')
    await expect(on.send(wallet, 'stakes', 'unbond', [5_001n])).rejects.toThrow('AboveFreeStake')
    await expect(on.send(wallet, 'stakes', 'unbond', [0n])).rejects.toThrow('AboveFreeStake')
    await on.send(wallet, 'stakes', 'unbond', [4_000n])
    await expect(on.send(wallet, 'stakes', 'withdraw')).rejects.toThrow('NotReleased')
    await on.chain.pass(RULES.unbondingSeconds - 5)
    await expect(on.send(wallet, 'stakes', 'withdraw')).rejects.toThrow('NotReleased')
    // Asking for the rest puts the release of all of it off.
    await on.send(wallet, 'stakes', 'unbond', [1_000n])
    await on.chain.pass(10)
    await expect(on.send(wallet, 'stakes', 'withdraw')).rejects.toThrow('NotReleased')
    await on.chain.pass(RULES.unbondingSeconds)
    const before = await on.chain.balance(address)
    const { gasUsed, effectiveGasPrice } = await on.send(wallet, 'stakes', 'withdraw')
    expect(await on.chain.balance(address)).toBe(before + 5_000n - gasUsed * effectiveGasPrice)
    await expect(on.send(wallet, 'stakes', 'withdraw')).rejects.toThrow('NothingUnbonding')
    expect(await on.read('stakes', 'liable', [address])).toBe(0n)
  })

  it('is slashed, held and locked by nobody but the contracts for that', async () => {
    const [victim, thief] = [on.chain.wallet(1).account.address, on.chain.wallet(4)]
    for (const [call, args, error] of [
      ['slash', [victim, [thief.account.address], [1n]], 'NotSlasher'],
      ['hold', [victim, 10n ** 12n], 'NotSlasher'],
      ['lock', [victim, 1n], 'NotLocker'],
      ['unlock', [victim, 0n], 'NotLocker'],
    ] as const)
      await expect(on.send(thief, 'stakes', call, args), call).rejects.toThrow(error)
  })

  it('binds a peer to one account, contract and chain', async () => {
    const [a, b] = [on.chain.wallet(1).account.address, on.chain.wallet(2).account.address]
    const of = (account: string, key: string) => on.read('stakes', 'bindingHash', [account, key])
    const hashes = await Promise.all([of(a, hash('x')), of(b, hash('x')), of(a, hash('y'))])
    expect(new Set(hashes).size).toBe(3)
    // The same addresses on a chain of another number.
    const other = await deployed({ chainId: 31_338 })
    try {
      expect(other.contracts).toEqual(on.contracts)
      expect(await other.read('stakes', 'bindingHash', [a, hash('x')])).not.toBe(hashes[0])
    } finally {
      await other.chain.stop()
    }
  })
})
