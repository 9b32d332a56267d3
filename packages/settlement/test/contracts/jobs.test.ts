import { type Address, type Hex, hashTypedData } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModelShares, RoyaltyVault } from '../../src/contracts/artifacts.js'
import { type Outcome, outcomeData, verdictData } from '../../src/typed-data.js'
import { hash, type Wallet } from '../support/anvil.js'
import { receiptOf } from '../support/receipt.js'
import {
  BUDGET,
  CARD,
  CARD_HASH,
  type Deployed,
  deployed,
  inOrder,
  openRun,
  PLACE,
  postedJob,
  RULES,
  stakeAll,
} from '../support/settlement.js'

let on: Deployed
let user: Wallet
let members: Wallet[]
beforeAll(async () => {
  on = await deployed()
  user = on.chain.wallet(8)
  members = inOrder(Array.from({ length: 3 }, (_, k) => on.chain.wallet(k + 1)))
  await stakeAll(on, members, 50_000n)
})
afterAll(() => on.chain.stop())

const address = (wallet: Wallet): Address => wallet.account.address
const post = (more: object = {}, value = BUDGET): Promise<Hex> => postedJob(on, user, more, value)

/** A job that all members have accepted. */
async function running(more: object = {}, value = BUDGET): Promise<Hex> {
  const id = await post(more, value)
  for (const member of members) await on.send(member, 'escrow', 'accept', [id, PLACE])
  return id
}

const outcomeOf = (job: Hex, run: string, more: Partial<Outcome> = {}): Outcome => ({
  job,
  run: hash(run),
  model: hash(`model of ${run}`),
  proof: hash('proof'),
  card: CARD_HASH,
  rounds: 8,
  metric: 950_000n,
  weights: [3n, 2n, 2n],
  ...more,
})

async function settle(outcome: Outcome, judges = members.slice(0, 2)) {
  const place = on.place('escrow')
  const signatures = await Promise.all(
    judges.map((judge) => judge.signTypedData(outcomeData(outcome, place))),
  )
  return on.send(on.owner, 'escrow', 'settle', [outcome, signatures, CARD])
}

const owed = (wallet: Wallet): Promise<bigint> => on.read('rewards', 'owed', [address(wallet)])
const balancesAgree = async (): Promise<void> => {
  const [locked, due, staked] = await Promise.all([
    on.read('escrow', 'totalLocked'),
    on.read('rewards', 'totalOwed'),
    on.read('stakes', 'totalStaked'),
  ])
  expect(await on.chain.balance(on.contracts.escrow)).toBe(locked)
  expect(await on.chain.balance(on.contracts.rewards)).toBe(due)
  expect(await on.chain.balance(on.contracts.stakes)).toBe(staked)
}

describe('a job', () => {
  it('takes the exact budget, and terms that make sense', async () => {
    await expect(post({}, BUDGET - 1n)).rejects.toThrow('WrongBudget')
    await expect(post({}, BUDGET + 1n)).rejects.toThrow('WrongBudget')
    const now = BigInt(await on.chain.now())
    for (const wrong of [
      { task: `0x${'00'.repeat(32)}` },
      { members: 0 },
      { members: 129 },
      { mostRounds: 0 },
      { acceptUntil: now - 1n },
      { settleUntil: now + 900n },
      { settleUntil: now + 400n * 86_400n },
    ])
      await expect(
        post(wrong),
        JSON.stringify(wrong, (_, v) => String(v)),
      ).rejects.toThrow('MalformedTerms')
    await balancesAgree()
  })

  it('is taken by members with a stake, each once, until it is full', async () => {
    const id = await post({ members: 2 })
    await expect(on.send(on.chain.wallet(9), 'escrow', 'accept', [id, PLACE])).rejects.toThrow(
      'NotRegistered',
    )
    await on.send(members[0]!, 'escrow', 'accept', [id, PLACE])
    await expect(on.send(members[0]!, 'escrow', 'accept', [id, PLACE])).rejects.toThrow('MalformedRun')
    await on.send(members[1]!, 'escrow', 'accept', [id, PLACE])
    await expect(on.send(members[2]!, 'escrow', 'accept', [id, PLACE])).rejects.toThrow('WrongState')
    await expect(on.send(user, 'escrow', 'refund', [id])).rejects.toThrow('TooEarly')
    const rich = await post({ stake: 50_001n })
    await expect(on.send(members[2]!, 'escrow', 'accept', [rich, PLACE])).rejects.toThrow('AboveFreeStake')
  })

  it('pays by weights to the last wei, returns the rest, and gives the user the model', async () => {
    const id = await running()
    const before = await Promise.all([...members, user].map(owed))
    const outcome = outcomeOf(id, 'paid')
    await settle(outcome)
    const after = await Promise.all([...members, user].map(owed))
    const paid = 1_000n + 8n * 7n
    const gained = after.map((amount, k) => amount - before[k]!)
    // 1056 by 3 : 2 : 2 is 452.57, 301.71 and 301.71; the two that are left go to the first two.
    expect(gained).toEqual([453n, 302n, 301n, BUDGET - paid])
    expect(gained.reduce((a, b) => a + b)).toBe(BUDGET)
    await balancesAgree()
    const token = await on.read('models', 'tokenOf', [outcome.job, outcome.run, outcome.model])
    expect(await on.read('models', 'ownerOf', [token])).toBe(address(user))
    expect(await on.read('models', 'modelOf', [token])).toMatchObject({
      task: hash('task'),
      proof: hash('proof'),
    })
    await expect(settle(outcome)).rejects.toThrow('WrongState')

    const start = await on.chain.balance(address(members[0]!))
    const { gasUsed, effectiveGasPrice } = await on.send(members[0]!, 'rewards', 'claim', [
      address(members[0]!),
    ])
    expect(await on.chain.balance(address(members[0]!))).toBe(start + after[0]! - gasUsed * effectiveGasPrice)
    await expect(on.send(members[0]!, 'rewards', 'claim', [address(members[0]!)])).rejects.toThrow(
      'NothingOwed',
    )
    await balancesAgree()
  })

  it.each([
    ['below its target', {}, { metric: 899_999n }, false],
    ['at its target', {}, { metric: 900_000n }, true],
    ['at the target of a loss', { lowerIsBetter: true }, { metric: 900_000n }, true],
    ['above the target of a loss', { lowerIsBetter: true }, { metric: 900_001n }, false],
  ])(
    '%s is paid for its rounds, and the base fee only if it was reached',
    async (name, more, came, isReached) => {
      const id = await running(more)
      const before = await owed(user)
      await settle(outcomeOf(id, name, came))
      expect((await owed(user)) - before).toBe(BUDGET - 8n * 7n - (isReached ? 1_000n : 0n))
    },
  )

  it('is settled by two thirds of its own members alone, in its time', async () => {
    const id = await running()
    const outcome = outcomeOf(id, 'quorum')
    await expect(settle(outcome, members.slice(0, 1))).rejects.toThrow('TooFewSignatures')
    await expect(settle(outcome, [members[0]!, members[0]!])).rejects.toThrow('NotOrdered')
    await expect(settle(outcome, [members[0]!, user])).rejects.toThrow('NotMember')
    await expect(settle({ ...outcome, rounds: 11 })).rejects.toThrow('MalformedOutcome')
    await expect(settle({ ...outcome, weights: [1n, 1n] })).rejects.toThrow('MalformedOutcome')
    await expect(settle({ ...outcome, weights: [0n, 0n, 0n] })).rejects.toThrow('MalformedWeights')
    // A run of others, also one that has all members in it.
    const strangers = inOrder([...members, on.chain.wallet(5), on.chain.wallet(6), on.chain.wallet(7)])
    await openRun(on, hash('strangers'), strangers)
    await expect(settle({ ...outcome, run: hash('strangers') }, strangers)).rejects.toThrow('NotMember')
    // What was signed for one job is no statement about another.
    const other = await post()
    for (const member of members) await on.send(member, 'escrow', 'accept', [other, PLACE])
    const place = on.place('escrow')
    const signatures = await Promise.all(
      members.map((judge) => judge.signTypedData(outcomeData(outcome, place))),
    )
    await expect(
      on.send(on.owner, 'escrow', 'settle', [{ ...outcome, job: other }, signatures, CARD]),
    ).rejects.toThrow('NotMember')
    await on.chain.pass(5_001)
    await expect(settle(outcome)).rejects.toThrow('TooLate')
    await on.send(members[2]!, 'escrow', 'refund', [id])
    await expect(settle(outcome)).rejects.toThrow('WrongState')
    await balancesAgree()
  })

  it('keeps the card that was signed', async () => {
    const id = await running()
    const outcome = outcomeOf(id, 'card')
    const data = outcomeData(outcome, on.place('escrow'))
    const signatures = await Promise.all(members.map((judge) => judge.signTypedData(data)))
    await expect(
      on.send(on.owner, 'escrow', 'settle', [outcome, signatures, 'ipfs://another']),
    ).rejects.toThrow('WrongCard')
    await settle(outcome)
    const token = await on.read('models', 'tokenOf', [outcome.job, outcome.run, outcome.model])
    expect(await on.read('models', 'tokenURI', [token])).toBe(CARD)
  })

  it('is settled without a member that stays away, and judged by the others', async () => {
    const id = await running()
    await settle(outcomeOf(id, 'without one', { weights: [1n, 1n, 0n] }))
    const verdict = { run: id, offender: address(members[2]!), grounds: hash('stayed away'), share: 100 }
    const data = verdictData(verdict, on.place('slashing'))
    const signatures = await Promise.all(members.slice(0, 2).map((judge) => judge.signTypedData(data)))
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])
  })

  it('locks a part of each stake until it is over', async () => {
    const wallet = on.chain.wallet(4)
    await stakeAll(on, [wallet], 2_500n)
    const jobs = [await post(), await post(), await post()]
    await on.send(wallet, 'escrow', 'accept', [jobs[0], PLACE])
    await on.send(wallet, 'escrow', 'accept', [jobs[1], PLACE])
    await expect(on.send(wallet, 'escrow', 'accept', [jobs[2], PLACE])).rejects.toThrow('AboveFreeStake')
    await expect(on.send(wallet, 'stakes', 'unbond', [2_500n])).rejects.toThrow('AboveFreeStake')
    await expect(on.send(wallet, 'escrow', 'release', [jobs[0]])).rejects.toThrow('WrongState')
    await on.send(user, 'escrow', 'refund', [jobs[0]])
    await on.send(wallet, 'escrow', 'release', [jobs[0]])
    await expect(on.send(wallet, 'escrow', 'release', [jobs[0]])).rejects.toThrow('NothingLocked')
    await expect(on.send(members[0]!, 'escrow', 'release', [jobs[0]])).rejects.toThrow('NothingLocked')
    await on.send(wallet, 'escrow', 'accept', [jobs[2], PLACE])
    expect(await on.read('stakes', 'memberOf', [address(wallet)])).toMatchObject({
      staked: 2_500n,
      locked: 2_000n,
    })
  })

  it('gives the budget back when nobody, or not enough, take it', async () => {
    const id = await post()
    await on.send(members[0]!, 'escrow', 'accept', [id, PLACE])
    await expect(on.send(members[0]!, 'escrow', 'refund', [id])).rejects.toThrow('NotUser')
    await on.chain.pass(1_001)
    await expect(on.send(members[1]!, 'escrow', 'accept', [id, PLACE])).rejects.toThrow('TooLate')
    const before = await owed(user)
    await on.send(members[0]!, 'escrow', 'refund', [id])
    expect((await owed(user)) - before).toBe(BUDGET)
    await expect(on.send(user, 'escrow', 'refund', [id])).rejects.toThrow('WrongState')
    const withdrawn = await post()
    await on.send(user, 'escrow', 'refund', [withdrawn])
    await balancesAgree()
  })
})

/** What members sign against one of them. */
async function verdictOf(run: Hex, offender: Wallet, share = 10_000, grounds = 'grounds', judges = members) {
  const verdict = { run, offender: address(offender), grounds: hash(grounds), share }
  const data = verdictData(verdict, on.place('slashing'))
  const signatures = await Promise.all(judges.map((judge) => judge.signTypedData(data)))
  return { verdict, signatures, id: hashTypedData(data) }
}

describe('what cannot be divided', () => {
  it('goes to the first with weight, one wei each, and never to one without', async () => {
    const before = await Promise.all(members.map(owed))
    const id = await running({ baseFee: 0n, roundFee: 7n }, 70n)
    // 56 wei by 0 : 3 : 5.
    await settle(outcomeOf(id, 'odd', { weights: [0n, 3n, 4n] }))
    const after = await Promise.all(members.map(owed))
    expect(after.map((now, k) => now - before[k]!)).toEqual([0n, 24n, 32n])
    const other = await running({ baseFee: 5n, roundFee: 0n }, 5n)
    await settle(outcomeOf(other, 'odder', { weights: [0n, 1n, 1n] }))
    const last = await Promise.all(members.map(owed))
    expect(last.map((now, k) => now - after[k]!)).toEqual([0n, 3n, 2n])
  })

  it('of a million shares goes to the first with weight', async () => {
    const id = await running()
    const outcome = outcomeOf(id, 'thirds', { weights: [0n, 1n, 2n] })
    await settle(outcome)
    const token = await on.read('models', 'tokenOf', [id, outcome.run, outcome.model])
    const held = await on.chain.reader.readContract({
      address: await on.read('models', 'shares'),
      abi: ModelShares.abi,
      functionName: 'balanceOfBatch',
      args: [members.map(address), members.map(() => token)],
    })
    expect(held).toEqual([0n, 333_334n, 666_666n])
  })
})

describe('a verdict of a job', () => {
  it('needs all members to be there: those who came first are no quorum', async () => {
    const id = await post({ members: 100 })
    for (const member of members) await on.send(member, 'escrow', 'accept', [id, PLACE])
    const { verdict, signatures } = await verdictOf(id, members[2]!)
    await expect(on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])).rejects.toThrow(
      'RunIncomplete',
    )
    await on.send(user, 'escrow', 'refund', [id])
    for (const member of members) await on.send(member, 'escrow', 'release', [id])
  })

  it('costs at most what the job has locked, all of its verdicts together', async () => {
    const stake = 2_000n
    const id = await running({ stake })
    const offender = members[2]!
    const before = (await on.read('stakes', 'liable', [address(offender)])) as bigint
    const lost = async (): Promise<bigint> =>
      before - (await on.read('stakes', 'liable', [address(offender)]))
    const cases: Hex[] = []
    for (const [share, grounds] of [
      [6_000, 'one'],
      [10_000, 'two'],
      [10_000, 'three'],
    ] as const) {
      const one = await verdictOf(id, offender, share, grounds)
      await on.send(on.owner, 'slashing', 'giveVerdict', [one.verdict, one.signatures])
      cases.push(one.id)
    }
    await on.chain.pass(RULES.appealSeconds)
    await on.send(on.owner, 'slashing', 'execute', [cases[0]])
    expect(await lost()).toBe(1_200n)
    await on.send(on.owner, 'slashing', 'execute', [cases[1]])
    expect(await lost()).toBe(stake)
    await expect(on.send(on.owner, 'slashing', 'execute', [cases[2]])).rejects.toThrow('NoStake')
    await on.chain.pass(10_000)
    await on.send(user, 'escrow', 'refund', [id])
    for (const member of members) await on.send(member, 'escrow', 'release', [id])
  })

  it('keeps the stake from being used for another job until it is over', async () => {
    const id = await running()
    const offender = members[2]!
    const { verdict, signatures, id: number } = await verdictOf(id, offender, 100, 'held')
    await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])
    const next = await post({
      acceptUntil: BigInt((await on.chain.now()) + 9_000),
      settleUntil: BigInt((await on.chain.now()) + 99_000),
    })
    const accepting = () => on.send(offender, 'escrow', 'accept', [next, PLACE])
    await expect(accepting()).rejects.toThrow('StakeHeld')
    await on.chain.pass(RULES.appealSeconds)
    await on.send(on.owner, 'slashing', 'execute', [number])
    await on.chain.pass(RULES.appealSeconds + 2)
    await accepting()
    await on.send(user, 'escrow', 'refund', [next])
    await on.send(offender, 'escrow', 'release', [next])
    await on.chain.pass(5_000)
    await on.send(user, 'escrow', 'refund', [id])
    for (const member of members) await on.send(member, 'escrow', 'release', [id])
  })

  it('comes no later after the job than stakes are being withdrawn', async () => {
    const id = await running({ settleUntil: BigInt((await on.chain.now()) + 1_000_000) })
    await settle(outcomeOf(id, 'early'))
    for (const member of members) await on.send(member, 'escrow', 'release', [id])
    await on.chain.pass(RULES.unbondingSeconds + 10)
    const { verdict, signatures } = await verdictOf(id, members[2]!)
    await expect(on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])).rejects.toThrow(
      'RunOver',
    )
  })
})

describe('a model', () => {
  it('is registered by the escrow alone, and nobody can take another job’s token', async () => {
    const model = {
      job: hash('j'),
      run: hash('r'),
      model: hash('m'),
      proof: hash('p'),
      task: hash('t'),
      uri: '',
    }
    await expect(
      on.send(user, 'models', 'registerFor', [address(user), model, [address(user)], [1n]]),
    ).rejects.toThrow('NotRegistrar')
    const first = await running()
    await settle(outcomeOf(first, 'twice'))
    // The run and the model of another job: whoever settled them first must not be in the way.
    const second = await running()
    await settle(outcomeOf(second, 'twice'))
    const tokens = await Promise.all(
      [first, second].map((job) =>
        on.read('models', 'tokenOf', [job, hash('twice'), hash('model of twice')]),
      ),
    )
    expect(new Set(tokens).size).toBe(2)
    for (const token of tokens) expect(await on.read('models', 'ownerOf', [token])).toBe(address(user))
  })

  it('pays royalties to those who hold its shares when they arrive', async () => {
    const id = await running()
    const outcome = outcomeOf(id, 'royalties', { weights: [1n, 1n, 0n] })
    await settle(outcome)
    const token: bigint = await on.read('models', 'tokenOf', [outcome.job, outcome.run, outcome.model])
    const [vault, amount] = await on.read('models', 'royaltyInfo', [token, 10_000n])
    expect(amount).toBe(500n)
    const shares = { address: await on.read('models', 'shares'), abi: ModelShares.abi } as const
    const { reader } = on.chain
    const pay = async (value: bigint): Promise<void> => {
      for (const hash of [
        await user.sendTransaction({ to: vault, value }),
        await user.writeContract({ address: vault, abi: RoyaltyVault.abi, functionName: 'flush' }),
      ])
        await receiptOf(reader, hash)
    }
    const claimed = async (wallet: Wallet): Promise<bigint> => {
      const before = await on.chain.balance(address(wallet))
      const hash = await wallet.writeContract({
        ...shares,
        functionName: 'claim',
        args: [[token], address(wallet)],
      })
      const { gasUsed, effectiveGasPrice } = await receiptOf(reader, hash)
      return (await on.chain.balance(address(wallet))) - before + gasUsed * effectiveGasPrice
    }
    await pay(1_001n)
    const [a, b, none] = members as [Wallet, Wallet, Wallet]
    // All of b's shares go to the third member, with what comes later, not with what has come.
    const move = await b.writeContract({
      ...shares,
      functionName: 'safeTransferFrom',
      args: [address(b), address(none), token, 500_000n, '0x'],
    })
    await receiptOf(reader, move)
    await pay(1_001n)
    // 500.5 twice: halves of a wei are kept.
    expect(await claimed(a)).toBe(1_001n)
    expect(await claimed(b)).toBe(500n)
    expect(await claimed(none)).toBe(500n)
    expect(await on.chain.balance(shares.address)).toBe(1n)
  })
})
