import { encodeFunctionData } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RewardManager, StakingRegistry } from '../../src/contracts/artifacts.js'
import { statementData, statementFields } from '../../src/typed-data.js'
import { hash } from '../support/anvil.js'
import { reenterer } from '../support/reenterer.js'
import { type Deployed, deployed, MINIMUM, RULES, stakeAll } from '../support/settlement.js'

let on: Deployed
beforeAll(async () => {
  on = await deployed()
})
afterAll(() => on.chain.stop())

describe('whoever calls back while it is paid', () => {
  it('gets a stake once', async () => {
    const { stakes } = on.contracts
    // So that there is something to steal.
    await stakeAll(on, [on.chain.wallet(1), on.chain.wallet(2)], 10n * MINIMUM)
    const thief = await reenterer(on, stakes)
    const call = (functionName: 'withdraw' | 'unbond' | 'register', args: readonly unknown[] = []) =>
      encodeFunctionData({ abi: StakingRegistry.abi, functionName, args } as never)
    await thief.run(stakes, call('register', [hash('thief'), `0x${'5a'.repeat(64)}`]), MINIMUM)
    await thief.run(stakes, call('unbond', [MINIMUM]))
    await on.chain.pass(RULES.unbondingSeconds + 1)
    await thief.prepare(call('withdraw'))
    await thief.run(stakes, call('withdraw'))
    expect(await thief.read('entries')).toBe(1n)
    expect(await thief.read('wasRefused')).toBe(true)
    expect(await on.chain.balance(thief.address)).toBe(MINIMUM)
    expect(await on.chain.balance(stakes)).toBe(await on.read('stakes', 'totalStaked'))
  })

  it('gets a reward once', async () => {
    const { rewards } = on.contracts
    const thief = await reenterer(on, rewards)
    await on.send(
      on.owner,
      'rewards',
      'credit',
      [hash('job'), [thief.address, on.owner.account.address], [1n, 9n]],
      100n,
    )
    const claim = encodeFunctionData({ abi: RewardManager.abi, functionName: 'claim', args: [thief.address] })
    await thief.prepare(claim)
    await thief.run(rewards, claim)
    expect(await thief.read('entries')).toBe(1n)
    expect(await on.chain.balance(thief.address)).toBe(10n)
    expect(await on.chain.balance(rewards)).toBe(90n)
  })

  it('gets a bounty once, and cannot have a stake slashed twice', async () => {
    const thief = await reenterer(on, on.contracts.slashing)
    const liar = on.chain.wallet(1)
    const [first, second] = ['a', 'b'].map((value) => ({
      run: hash('run'),
      kind: 'head' as const,
      slot: 1,
      value: hash(value),
    })) as [Parameters<typeof statementFields>[0], Parameters<typeof statementFields>[0]]
    const place = on.place('slashing')
    const [one, two] = await Promise.all(
      [first, second].map((statement) => liar.signTypedData(statementData(statement, place))),
    )
    const args = [
      liar.account.address,
      statementFields(first),
      one,
      statementFields(second),
      two,
      thief.address,
    ] as const
    await thief.prepare(
      encodeFunctionData({
        abi: (await import('../../src/contracts/artifacts.js')).SlashingManager.abi,
        functionName: 'punishContradiction',
        args: args as never,
      }),
    )
    const before: bigint = await on.read('stakes', 'liable', [liar.account.address])
    await on.send(on.owner, 'slashing', 'punishContradiction', args)
    const taken = (before * BigInt(RULES.contradictionShare) + 9_999n) / 10_000n
    expect(await thief.read('entries')).toBe(1n)
    expect(await thief.read('wasRefused')).toBe(true)
    expect(await on.read('stakes', 'liable', [liar.account.address])).toBe(before - taken)
  })
})
