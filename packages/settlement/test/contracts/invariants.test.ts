import { createRng, type Rng } from '@tempered/robust-agg/rng'
import { type Abi, type Address, type Hex, hashTypedData } from 'viem'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { ModelShares, RoyaltyVault } from '../../src/contracts/artifacts.js'
import {
  type ContractStatement,
  outcomeData,
  retractionData,
  statementData,
  statementFields,
  type Verdict,
  verdictData,
} from '../../src/typed-data.js'
import { hash, type Wallet } from '../support/anvil.js'
import { receiptOf } from '../support/receipt.js'
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
/** There is nothing yet that a step could be about. */
const NOTHING = 'nothing to choose from'

/** Errors that calls at random times may run into; a panic is none of them. */
const EXPECTED = new Set([
  NOTHING,
  ...[
    'BelowMinimum',
    'AboveFreeStake',
    'NothingUnbonding',
    'NotReleased',
    'StakeHeld',
    'NoStake',
    'AlreadyPunished',
  ],
  ...['WrongState', 'TooLate', 'TooEarly', 'MalformedRun', 'NotUser', 'TooFewSignatures', 'NothingLocked'],
  ...['NothingOwed', 'MalformedWeights', 'NotRegistered', 'RunIncomplete', 'MalformedShares'],
  ...[
    'CaseClosed',
    'CaseExpired',
    'AppealedBefore',
    'AppealOver',
    'RunOver',
    'NothingEarned',
    'NotRetractable',
  ],
  ...['ERC1155InsufficientBalance', 'InsufficientBalance', 'NotAMember'],
])

interface World {
  readonly on: Deployed
  readonly rng: Rng
  readonly members: readonly Wallet[]
  readonly users: readonly Wallet[]
  readonly jobs: Hex[]
  /** Models that were registered. */
  readonly tokens: bigint[]
  readonly cases: Hex[]
  readonly shares: Address
}

const address = (wallet: Wallet): Address => wallet.account.address

function pick<T>({ rng }: World, list: readonly T[]): T {
  if (list.length === 0) throw new Error(NOTHING)
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
    stake: BigInt(rng.integer(900)),
    acceptUntil: BigInt(now + 1 + rng.integer(4_000)),
    settleUntil: BigInt(now + 4_100 + rng.integer(6_000)),
  }
  const budget = terms.baseFee + terms.roundFee * BigInt(terms.mostRounds)
  world.jobs.push(numberOf(await on.send(pick(world, world.users), 'escrow', 'post', [terms, PLACE], budget)))
}

const STATES = { open: 1, full: 2 } as const

/** The newest jobs in a state, or any if there is none. */
async function jobsThatAre({ on, jobs }: World, state: keyof typeof STATES): Promise<readonly Hex[]> {
  const found: Hex[] = []
  for (const job of jobs.slice(-8))
    if ((await on.read('escrow', 'jobOf', [job])).state === STATES[state]) found.push(job)
  return found.length > 0 ? found : jobs
}

async function settle(world: World): Promise<void> {
  const { on, rng, members } = world
  const job = pick(world, await jobsThatAre(world, 'full'))
  const { members: accepted, terms } = await on.read('escrow', 'jobOf', [job])
  const party = inOrder(members.filter((member) => accepted.includes(address(member))))
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
  world.tokens.push(await on.read('models', 'tokenOf', [outcome.job, outcome.run, outcome.model]))
}

/** Two thirds of a job's members judge one of them. */
async function judge(world: World): Promise<void> {
  const { on, rng, members } = world
  const run = pick(world, await jobsThatAre(world, 'full'))
  const { members: accepted } = await on.read('escrow', 'jobOf', [run])
  const party = members.filter((member) => accepted.includes(address(member)))
  const verdict: Verdict = {
    run,
    offender: address(pick(world, party)),
    grounds: hash(`grounds ${rng.integer(1_000_000)}`),
    share: 1 + rng.integer(10_000),
  }
  const data = verdictData(verdict, on.place('slashing'))
  const signatures = await Promise.all(party.map((member) => member.signTypedData(data)))
  await on.send(on.owner, 'slashing', 'giveVerdict', [verdict, signatures])
  world.cases.push(hashTypedData(data))
}

/** The accused appeals, and some of the members take their signatures back. */
async function appeal(world: World): Promise<void> {
  const { on, rng, members, cases } = world
  const id = pick(world, cases.slice(-3))
  const { verdict } = await on.read('slashing', 'caseOf', [id])
  const accused = members.find((member) => address(member) === verdict.offender)!
  const proof = hash('replayed')
  await on.send(accused, 'slashing', 'appeal', [id, proof])
  const { members: accepted } = await on.read('escrow', 'jobOf', [verdict.run])
  const party = members.filter((member) => accepted.includes(address(member)))
  const some = party.slice(0, rng.integer(party.length + 1))
  const data = retractionData(id, proof, on.place('slashing'))
  const signatures = await Promise.all(some.map((member) => member.signTypedData(data)))
  await on.send(on.owner, 'slashing', 'retract', [id, proof, signatures])
}

/** Royalties of a model arrive, and are passed on or not. */
async function sell(world: World): Promise<void> {
  const { on, rng, tokens } = world
  const [vault] = await on.read('models', 'royaltyInfo', [pick(world, tokens), 10_000n])
  const user = pick(world, world.users)
  const paid = await user.sendTransaction({
    to: vault,
    value: BigInt(rng.integer(5_000)),
    gasPrice: 0n,
  } as never)
  await receiptOf(on.chain.reader, paid)
  if (rng.integer(2) === 0) await on.call(user, { address: vault, abi: RoyaltyVault.abi as Abi }, 'flush')
}

async function trade(world: World): Promise<void> {
  const { rng, members, shares, tokens } = world
  const [from, to] = [pick(world, members), pick(world, members)]
  const args = [address(from), address(to), pick(world, tokens), BigInt(rng.integer(400_000)), '0x']
  await world.on.call(from, { address: shares, abi: ModelShares.abi as Abi }, 'safeTransferFrom', args)
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

/** Somebody who has asked for its stake waits until it may be taken. */
async function withdraw(world: World): Promise<void> {
  const { on, rng } = world
  const member = pick(world, world.members)
  const { unbonding, releaseTime, heldUntil } = await on.read('stakes', 'memberOf', [address(member)])
  if (unbonding > 0n && rng.integer(4) === 0) {
    await passTo(world, releaseTime)
    await passTo(world, heldUntil)
  }
  await on.send(member, 'stakes', 'withdraw')
}

/** A case whose time has come, or too early, or too late. */
async function execute(world: World): Promise<void> {
  const { on, rng } = world
  const id = pick(world, world.cases.slice(-4))
  const { executableAt } = await on.read('slashing', 'caseOf', [id])
  if (rng.integer(2) === 0) await passTo(world, executableAt)
  await on.send(on.owner, 'slashing', 'execute', [id])
}

async function passTo({ on }: World, time: bigint): Promise<void> {
  const wait = Number(time) - (await on.chain.now())
  if (wait > 0) await on.chain.pass(wait)
}

/** Places among the actions. */
const ACCEPT = 5
const SETTLE = 7
const JUDGE = 10
const APPEAL = 11
const EXECUTE = 12
const ACTIONS: readonly ((world: World) => Promise<unknown>)[] = [
  (world) =>
    world.on.send(pick(world, world.members), 'stakes', 'stake', [], BigInt(world.rng.integer(3_000))),
  (world) =>
    world.on.send(pick(world, world.members), 'stakes', 'unbond', [BigInt(world.rng.integer(3_000))]),
  withdraw,
  (world) => world.on.chain.pass(1 + world.rng.integer(RULES.unbondingSeconds)),
  post,
  async (world) => {
    await world.on.send(pick(world, world.members), 'escrow', 'accept', [
      pick(world, await jobsThatAre(world, 'open')),
      PLACE,
    ])
  },
  async (world) => {
    const job = pick(world, await jobsThatAre(world, pick(world, ['open', 'full'])))
    await world.on.send(pick(world, [...world.users, ...world.members]), 'escrow', 'refund', [job])
  },
  settle,
  async (world) => {
    const who = pick(world, [...world.members, ...world.users])
    await world.on.send(who, 'rewards', 'claim', [address(who)])
  },
  punish,
  judge,
  appeal,
  execute,
  sell,
  trade,
  async (world) => {
    const who = pick(world, world.members)
    const shares = { address: world.shares, abi: ModelShares.abi as Abi }
    await world.on.call(who, shares, 'claim', [world.tokens, address(who)])
  },
  async (world) => {
    const amount = BigInt(world.rng.integer(2_000))
    await world.on.send(world.on.owner, 'treasury', 'pay', [
      address(pick(world, world.users)),
      amount,
      hash('why'),
    ])
  },
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
async function check(world: World, begun: bigint): Promise<void> {
  const { on, members, users } = world
  const { stakes, escrow, rewards, treasury, slashing, runs, models } = on.contracts
  const balance = on.chain.balance
  expect(await balance(stakes)).toBe(await on.read('stakes', 'totalStaked'))
  expect(await balance(escrow)).toBe(await on.read('escrow', 'totalLocked'))
  expect(await balance(rewards)).toBe(await on.read('rewards', 'totalOwed'))
  for (const empty of [slashing, runs, models]) expect(await balance(empty)).toBe(0n)
  const liable = await Promise.all(members.map((one) => on.read('stakes', 'liable', [address(one)])))
  expect(liable.reduce((a: bigint, b: bigint) => a + b, 0n)).toBe(await balance(stakes))
  const vaults = await vaultsOf(world)
  expect(
    await sum(on, [...members, ...users], [stakes, escrow, rewards, treasury, world.shares, ...vaults]),
  ).toBe(begun)
  for (const token of world.tokens) expect(await heldShares(world, token)).toBe(1_000_000n)
}

async function vaultsOf({ on, tokens }: World): Promise<Address[]> {
  return Promise.all(tokens.map(async (token) => (await on.read('models', 'royaltyInfo', [token, 1n]))[0]))
}

/** Shares are moved, never made or lost. */
async function heldShares({ on, members, shares }: World, token: bigint): Promise<bigint> {
  const held = await on.chain.reader.readContract({
    address: shares,
    abi: ModelShares.abi,
    functionName: 'balanceOfBatch',
    args: [members.map(address), members.map(() => token)],
  })
  return held.reduce((a, b) => a + b, 0n)
}

async function sum(on: Deployed, wallets: readonly Wallet[], contracts: readonly Address[]): Promise<bigint> {
  const places = [...wallets.map(address), address(on.owner), ...contracts]
  const balances = await Promise.all(places.map((one) => on.chain.balance(one)))
  return balances.reduce((a, b) => a + b, 0n)
}

describe('coins', () => {
  it.each(sized([1], [1, 2]))('are conserved to the last wei whatever happens (seed %s)', async (seed) => {
    const on = await deployed({ isFree: true })
    try {
      const rng = createRng(seed, 'settlement')
      const members = inOrder(Array.from({ length: MEMBERS }, (_, k) => on.chain.wallet(k + 1)))
      const users = [on.chain.wallet(9), on.chain.wallet(10)]
      const shares: Address = await on.read('models', 'shares')
      const world: World = { on, rng, members, users, shares, jobs: [], tokens: [], cases: [] }
      const { stakes, escrow, rewards, treasury } = on.contracts
      const begun = await sum(on, [...members, ...users], [stakes, escrow, rewards, treasury])
      await stakeAll(on, members, 3_000n)
      const done = ACTIONS.map(() => 0)
      const least = sized(150, 700)
      // And on, until every kind of step was taken.
      for (let step = 0; step < least || (Math.min(...done) === 0 && step < 8 * least); step++) {
        // Jobs need several members before anything else can be done with them.
        const k =
          rng.integer(3) === 0
            ? pick(world, [ACCEPT, ACCEPT, SETTLE, JUDGE, APPEAL, EXECUTE])
            : rng.integer(ACTIONS.length)
        try {
          await ACTIONS[k]!(world)
          done[k]! += 1
        } catch (error) {
          const { message } = error as Error
          if (!EXPECTED.has(message) && !/ was refused in block \d+/.test(message)) throw error
        }
        await check(world, begun)
      }
      // Every kind of step was taken, or the test would prove nothing.
      expect(Math.min(...done), done.join()).toBeGreaterThan(0)
      // And everybody gets everything out in the end.
      await on.chain.pass(10_000)
      for (const job of world.jobs) await on.send(users[0]!, 'escrow', 'refund', [job]).catch(() => undefined)
      expect(await on.chain.balance(escrow)).toBe(0n)
      for (const wallet of [...members, ...users])
        await on.send(wallet, 'rewards', 'claim', [address(wallet)]).catch(() => undefined)
      expect(await on.chain.balance(rewards)).toBe(0n)
      for (const member of members)
        for (const job of world.jobs) await on.send(member, 'escrow', 'release', [job]).catch(() => undefined)
      for (const member of members) {
        const { staked } = await on.read('stakes', 'memberOf', [address(member)])
        if (staked > 0n) await on.send(member, 'stakes', 'unbond', [staked])
      }
      await on.chain.pass(RULES.unbondingSeconds + 1)
      for (const member of members) await on.send(member, 'stakes', 'withdraw').catch(() => undefined)
      expect(await on.chain.balance(stakes)).toBe(0n)
      const vaults = await vaultsOf(world)
      for (const vault of vaults)
        await on.call(users[0]!, { address: vault, abi: RoyaltyVault.abi as Abi }, 'flush')
      for (const member of members)
        await on
          .call(member, { address: shares, abi: ModelShares.abi as Abi }, 'claim', [
            world.tokens,
            address(member),
          ])
          .catch(() => undefined)
      // What cannot be divided among holders of a million shares stays: less than a wei for each holder and model.
      const dust = BigInt(members.length) + BigInt(world.tokens.length)
      expect(await on.chain.balance(shares)).toBeLessThanOrEqual(dust)
      expect(await sum(on, [...members, ...users], [treasury, shares])).toBe(begun)
    } finally {
      await on.chain.stop()
    }
  })
})
