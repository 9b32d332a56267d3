/**
 * Gas of every call, measured on anvil, and its price under a named assumption.
 * `npm run bench gas` writes the table of docs/settlement.md.
 */

import { keccak256, stringToHex } from 'viem'
import {
  type ContractStatement,
  outcomeData,
  statementData,
  statementFields,
  verdictData,
} from '../src/typed-data.js'
import { hash, type Wallet } from '../test/support/anvil.js'
import {
  deployed,
  inOrder,
  jobTerms,
  membershipOf,
  numberOf,
  PLACE,
  RULES,
  stakeAll,
} from '../test/support/settlement.js'

export interface GasRow {
  readonly call: string
  readonly gas: bigint
}

/** As long as those that members write (`cardOf`). */
const CARD_PLACE = `data:application/json;base64,${Buffer.from(
  JSON.stringify({
    name: 'Tempered model 6fnnnw6x',
    model: 'ipfs://bafkreig76w66bulvpbcrzbadxz4t6d3atyduu6vhcmr3hzmal6fnnnw6xq',
    proof: 'bafyreig76w66bulvpbcrzbadxz4t6d3atyduu6vhcmr3hzmal6fnnnw6xq',
    rounds: 40,
    accuracy: 0.91,
    licence: 'Apache-2.0',
  }),
).toString('base64')}`

/** Members of the measured run. */
export const GAS_MEMBERS = 6

/** The calls in the order in which a job makes them. */
export async function benchGas(): Promise<GasRow[]> {
  const on = await deployed()
  const rows: GasRow[] = []
  const members = inOrder(Array.from({ length: GAS_MEMBERS }, (_, k) => on.chain.wallet(k + 1)))
  const [first, second] = members as [Wallet, Wallet]
  const user = on.chain.wallet(9)
  const measure = async (call: string, ...args: Parameters<typeof on.send>) => {
    const receipt = await on.send(...args)
    rows.push({ call, gas: receipt.gasUsed })
    return receipt
  }
  try {
    const signature = `0x${'5a'.repeat(64)}`
    await measure(
      'register a member, with its stake',
      first,
      'stakes',
      'register',
      [hash('peer'), signature],
      9_000n,
    )
    await stakeAll(on, members.slice(1), 9_000n)
    await measure('add to a stake', first, 'stakes', 'stake', [], 1_000n)
    await measure('start withdrawing a stake', first, 'stakes', 'unbond', [1_000n])
    await on.chain.pass(RULES.unbondingSeconds + 1)
    await measure('withdraw it', first, 'stakes', 'withdraw')

    const fees = { mostRounds: 50, members: GAS_MEMBERS, baseFee: 10n ** 15n, roundFee: 10n ** 13n }
    const terms = await jobTerms(on, fees)
    const budget = fees.baseFee + 50n * fees.roundFee
    const job = numberOf(await measure('post a job', user, 'escrow', 'post', [terms, PLACE], budget))
    for (const [k, member] of members.entries()) {
      if (k === 1) await measure('accept a job', member, 'escrow', 'accept', [job, PLACE])
      else await on.send(member, 'escrow', 'accept', [job, PLACE])
    }
    const run = hash('run')
    await measure(
      `open a run of ${GAS_MEMBERS}`,
      on.owner,
      'runs',
      'open',
      await membershipOf(on, run, members),
    )
    await measure('anchor a first head', first, 'runs', 'anchor', [job, 10n, hash('entry')])
    await measure('anchor a later head', first, 'runs', 'anchor', [job, 20n, hash('later')])
    const outcome = {
      job,
      run,
      model: hash('model'),
      proof: hash('proof'),
      card: keccak256(stringToHex(CARD_PLACE)),
      rounds: 40,
      metric: 910_000n,
      weights: members.map((_, k) => BigInt(k + 1)),
    }
    const quorum = members.slice(0, 4)
    const signed = await Promise.all(
      quorum.map((member) => member.signTypedData(outcomeData(outcome, on.place('escrow')))),
    )
    await measure(
      `settle a job: pay ${GAS_MEMBERS}, register the model and its shares`,
      on.owner,
      'escrow',
      'settle',
      [outcome, signed, CARD_PLACE],
    )
    await measure('free the stake of a job', first, 'escrow', 'release', [job])
    await measure('claim a reward', first, 'rewards', 'claim', [first.account.address])

    const statement = (value: string): ContractStatement => ({
      run,
      kind: 'announcement',
      slot: 3,
      value: hash(value),
    })
    const pair = [statement('one'), statement('two')] as const
    const proofs = await Promise.all(
      pair.map((one) => second.signTypedData(statementData(one, on.place('slashing')))),
    )
    await measure('punish a contradiction', on.owner, 'slashing', 'punishContradiction', [
      second.account.address,
      statementFields(pair[0]),
      proofs[0],
      statementFields(pair[1]),
      proofs[1],
      user.account.address,
    ])
    const verdict = { run: job, offender: second.account.address, grounds: hash('grounds'), share: 1_000 }
    const judged = await Promise.all(
      quorum.map((member) => member.signTypedData(verdictData(verdict, on.place('slashing')))),
    )
    await measure(`give a verdict, ${quorum.length} of ${GAS_MEMBERS}`, on.owner, 'slashing', 'giveVerdict', [
      verdict,
      judged,
    ])
    const id = await on.read('slashing', 'verdictHash', [verdict])
    await on.chain.pass(RULES.appealSeconds)
    await measure('carry it out', on.owner, 'slashing', 'execute', [id])
    return rows
  } finally {
    await on.chain.stop()
  }
}

export interface BatchRow {
  readonly members: number
  /** Of one transaction that settles a job for all of them. */
  readonly settle: bigint
  /** Of as many that pay one each, without the model and its shares. */
  readonly oneByOne: bigint
}

/** What it saves to settle for all members at once. */
export async function benchBatching(): Promise<BatchRow[]> {
  const counts = [1, 6, 32, 128]
  const rows: BatchRow[] = []
  for (const count of counts) {
    const on = await deployed({ accounts: count + 3 })
    try {
      const members = inOrder(Array.from({ length: count }, (_, k) => on.chain.wallet(k + 2)))
      await stakeAll(on, members, 1_000n)
      const terms = await jobTerms(on, { members: count })
      const job = numberOf(await on.send(on.chain.wallet(1), 'escrow', 'post', [terms, PLACE], 1_070n))
      for (const member of members) await on.send(member, 'escrow', 'accept', [job, PLACE])
      const outcome = {
        ...{ job, run: hash('run'), model: hash('model'), proof: hash('proof') },
        card: keccak256(stringToHex(CARD_PLACE)),
        ...{ rounds: 10, metric: 910_000n, weights: members.map(() => 1n) },
      }
      const quorum = members.slice(0, Math.ceil((2 * count) / 3))
      const data = outcomeData(outcome, on.place('escrow'))
      const signed = await Promise.all(quorum.map((member) => member.signTypedData(data)))
      const settled = await on.send(on.owner, 'escrow', 'settle', [outcome, signed, CARD_PLACE])
      let oneByOne = 0n
      for (const [k] of members.entries()) {
        // To accounts that were never credited before, like those of the settlement.
        const fresh = `0x${(0xabcdef00 + k).toString(16).padStart(40, '0')}`
        const paid = await on.send(on.owner, 'rewards', 'credit', [job, [fresh], [1n]], 1n)
        oneByOne += paid.gasUsed
      }
      rows.push({ members: count, settle: settled.gasUsed, oneByOne })
    } finally {
      await on.chain.stop()
    }
  }
  return rows
}

/** What the table assumes, not measured: all fees of a layer of Ethereum together, and the price of an ether. */
export const PRICE = { gweiPerGas: 0.01, dollarsPerEther: 3_000 } as const

export function dollars(gas: bigint): number {
  return Number(gas) * PRICE.gweiPerGas * 1e-9 * PRICE.dollarsPerEther
}
