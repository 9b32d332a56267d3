import { createRng, type Rng } from '@tempered/robust-agg/rng'
import type { Address, Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { type ContractStatement, outcomeData, statementData, statementFields } from '../../src/typed-data.js'
import { hash, type Wallet } from '../support/anvil.js'
import {
  CARD,
  CARD_HASH,
  type Deployed,
  deployed,
  inOrder,
  numberOf,
  PLACE,
  RULES,
  stakeAll,
} from '../support/settlement.js'

const MEMBERS = 5

/** Errors that calls at random times may run into; a panic is none of them. */
const EXPECTED = new Set([
  ...['BelowMinimum', 'AboveFreeStake', 'NothingUnbonding', 'NotReleased', 'NoStake', 'AlreadyPunished'],
  ...['WrongState', 'TooLate', 'TooEarly', 'MalformedRun', 'NotUser', 'TooFewSignatures', 'NothingLocked'],
  ...['NothingOwed', 'MalformedWeights', 'ERC721InvalidSender', 'NotRegistered'],
])

interface World {
  readonly on: Deployed
  readonly rng: Rng
  readonly members: readonly Wallet[]
  readonly users: readonly Wallet[]
  readonly jobs: Hex[]
}

const address = (wallet: Wallet): Address => wallet.account.address

function pick<T>({ rng }: World, list: readonly T[]): T {
  return list[rng.integer(list.length)]!
}

async function post(world: World): Promise<void> {
  const { on, rng } = world
  const now = await on.chain.now()
  const terms = {
    task: hash('task'),
    metric: hash('accuracy'),
    target: BigInt(rng.integer(1_000_000)),
    lowerIsBetter: rng.integer(2) === 0,
    mostRounds: 1 + rng.integer(20),
    members: 1 + rng.integer(3),
    baseFee: BigInt(rng.integer(10_000)),
    roundFee: BigInt(rng.integer(1_000)),
    stake: BigInt(rng.integer(2_000)),
    acceptUntil: BigInt(now + 1 + rng.integer(600)),
    settleUntil: BigInt(now + 700 + rng.integer(2_000)),
  }
  const budget = terms.baseFee + terms.roundFee * BigInt(terms.mostRounds)
  world.jobs.push(numberOf(await on.send(pick(world, world.users), 'escrow', 'post', [terms, PLACE], budget)))
}

async function settle(world: World): Promise<void> {
  const { on, rng, members, jobs } = world
  if (jobs.length === 0) return
  const job = pick(world, jobs)
  const { members: accepted, terms } = await on.read('escrow', 'jobOf', [job])
  const party = inOrder(members.filter((member) => accepted.includes(address(member))))
  if (party.length === 0) return
  const outcome = {
    job,
    run: job,
    model: hash(`model ${rng.integer(1_000_000)}`),
    proof: hash('proof'),
    card: CARD_HASH,
    rounds: rng.integer(terms.mostRounds + 1),
    metric: BigInt(rng.integer(1_000_000)),
    weights: accepted.map(() => BigInt(rng.integer(1_000))),
  }
  const data = outcomeData(outcome, on.place('escrow'))
  const signatures = await Promise.all(party.map((member) => member.signTypedData(data)))
  await on.send(on.owner, 'escrow', 'settle', [outcome, signatures, CARD])
}

async function punish(world: World): Promise<void> {
  const { on, rng } = world
  const liar = pick(world, world.members)
  const slot = rng.integer(50)
  const [first, second] = ['a', 'b'].map(
    (value): ContractStatement => ({ run: hash('run'), kind: 'announcement', slot, value: hash(value) }),
  ) as [ContractStatement, ContractStatement]
  const place = on.place('slashing')
  await on.send(on.owner, 'slashing', 'punishContradiction', [
    address(liar),
    statementFields(first),
    await liar.signTypedData(statementData(first, place)),
    statementFields(second),
    await liar.signTypedData(statementData(second, place)),
    address(pick(world, world.users)),
  ])
}

const ACTIONS: readonly ((world: World) => Promise<unknown>)[] = [
  (world) =>
    world.on.send(pick(world, world.members), 'stakes', 'stake', [], BigInt(world.rng.integer(3_000))),
  (world) =>
    world.on.send(pick(world, world.members), 'stakes', 'unbond', [BigInt(world.rng.integer(3_000))]),
  (world) => world.on.send(pick(world, world.members), 'stakes', 'withdraw'),
  (world) => world.on.chain.pass(1 + world.rng.integer(2 * RULES.unbondingSeconds)),
  post,
  async (world) => {
    if (world.jobs.length > 0)
      await world.on.send(pick(world, world.members), 'escrow', 'accept', [
        pick(world, world.jobs.slice(-3)),
        PLACE,
      ])
  },
  async (world) => {
    if (world.jobs.length > 0)
      await world.on.send(pick(world, [...world.users, ...world.members]), 'escrow', 'refund', [
        pick(world, world.jobs),
      ])
  },
  settle,
  async (world) => {
    const who = pick(world, [...world.members, ...world.users])
    await world.on.send(who, 'rewards', 'claim', [address(who)])
  },
  punish,
  async (world) => {
    // Of all members' jobs, since few of them are over and not released.
    for (const job of world.jobs)
      for (const member of world.members) {
        const released = world.on.send(member, 'escrow', 'release', [job])
        if (
          await released.then(
            () => true,
            () => false,
          )
        )
          return
      }
    throw new Error('NothingLocked')
  },
]

/** What each contract owes it holds, and no coin has come into being or gone. */
async function check({ on, members, users }: World, begun: bigint): Promise<void> {
  const { stakes, escrow, rewards, treasury, slashing, runs, models } = on.contracts
  const balance = on.chain.balance
  expect(await balance(stakes)).toBe(await on.read('stakes', 'totalStaked'))
  expect(await balance(escrow)).toBe(await on.read('escrow', 'totalLocked'))
  expect(await balance(rewards)).toBe(await on.read('rewards', 'totalOwed'))
  for (const empty of [slashing, runs, models]) expect(await balance(empty)).toBe(0n)
  const liable = await Promise.all(members.map((one) => on.read('stakes', 'liable', [address(one)])))
  expect(liable.reduce((a: bigint, b: bigint) => a + b, 0n)).toBe(await balance(stakes))
  expect(await sum(on, [...members, ...users], [stakes, escrow, rewards, treasury])).toBe(begun)
}

async function sum(on: Deployed, wallets: readonly Wallet[], contracts: readonly Address[]): Promise<bigint> {
  const places = [...wallets.map(address), address(on.owner), ...contracts]
  const balances = await Promise.all(places.map((one) => on.chain.balance(one)))
  return balances.reduce((a, b) => a + b, 0n)
}

describe('coins', () => {
  it.each(sized([1], [1, 2, 3, 4, 5, 6, 7, 8]))(
    'are conserved to the last wei whatever happens (seed %s)',
    async (seed) => {
      const on = await deployed({ isFree: true })
      try {
        const rng = createRng(seed, 'settlement')
        const members = inOrder(Array.from({ length: MEMBERS }, (_, k) => on.chain.wallet(k + 1)))
        const users = [on.chain.wallet(9), on.chain.wallet(10)]
        const world: World = { on, rng, members, users, jobs: [] }
        const { stakes, escrow, rewards, treasury } = on.contracts
        const begun = await sum(on, [...members, ...users], [stakes, escrow, rewards, treasury])
        await stakeAll(on, members, 3_000n)
        const done = ACTIONS.map(() => 0)
        for (let step = 0; step < sized(240, 600); step++) {
          const k = rng.integer(ACTIONS.length)
          try {
            await ACTIONS[k]!(world)
            done[k]! += 1
          } catch (error) {
            if (!EXPECTED.has((error as Error).message)) throw error
          }
          await check(world, begun)
        }
        // Every kind of step was taken, or the test would prove nothing.
        expect(Math.min(...done), done.join()).toBeGreaterThan(0)
        // And everybody gets everything out in the end.
        await on.chain.pass(10_000)
        for (const job of world.jobs)
          await on.send(users[0]!, 'escrow', 'refund', [job]).catch(() => undefined)
        expect(await on.chain.balance(escrow)).toBe(0n)
        for (const wallet of [...members, ...users])
          await on.send(wallet, 'rewards', 'claim', [address(wallet)]).catch(() => undefined)
        expect(await on.chain.balance(rewards)).toBe(0n)
        for (const member of members)
          for (const job of world.jobs)
            await on.send(member, 'escrow', 'release', [job]).catch(() => undefined)
        for (const member of members) {
          const { staked } = await on.read('stakes', 'memberOf', [address(member)])
          if (staked > 0n) await on.send(member, 'stakes', 'unbond', [staked])
        }
        await on.chain.pass(RULES.unbondingSeconds + 1)
        for (const member of members) await on.send(member, 'stakes', 'withdraw').catch(() => undefined)
        expect(await on.chain.balance(stakes)).toBe(0n)
        expect(await sum(on, [...members, ...users], [treasury])).toBe(begun)
      } finally {
        await on.chain.stop()
      }
    },
  )
})
