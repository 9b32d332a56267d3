import { expect, it } from 'vitest'
import { outcomeData } from '../../src/typed-data.js'
import { hash } from '../support/anvil.js'
import {
  CARD,
  CARD_HASH,
  deployed,
  inOrder,
  MINIMUM,
  PLACE,
  postedJob,
  stakeAll,
} from '../support/settlement.js'

/** The most gas that a transaction may use (EIP-7825). */
const GAS_CAP = 16_777_216n

it('a job with as many members as there may be is settled in one transaction', async () => {
  const on = await deployed({ accounts: 140 })
  try {
    const most = Number(await on.read('runs', 'MOST_MEMBERS'))
    const members = inOrder(Array.from({ length: most }, (_, k) => on.chain.wallet(k + 2)))
    await stakeAll(on, members, MINIMUM)
    const job = await postedJob(on, on.chain.wallet(1), { members: most })
    for (const member of members) await on.send(member, 'escrow', 'accept', [job, PLACE])
    const outcome = {
      job,
      run: hash('run'),
      model: hash('model'),
      proof: hash('proof'),
      card: CARD_HASH,
      rounds: 10,
      metric: 950_000n,
      weights: members.map((_, k) => BigInt(k + 1)),
    }
    const data = outcomeData(outcome, on.place('escrow'))
    const signatures = await Promise.all(members.map((member) => member.signTypedData(data)))
    const { gasUsed } = await on.send(on.owner, 'escrow', 'settle', [outcome, signatures, CARD])
    // A client asks for a fifth more than it takes.
    expect((gasUsed * 12n) / 10n).toBeLessThan(GAS_CAP)
    expect(await on.chain.balance(on.contracts.escrow)).toBe(0n)
  } finally {
    await on.chain.stop()
  }
})
