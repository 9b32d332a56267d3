/** How a user gets the unspent budget back. */

import { coinsText } from '../config/coins.js'
import { loadSettlement } from './load-settlement.js'
import type { OpenedSettlement } from './open-settlement.js'

/** Refunds the budget of a job that is still open, or whose deadline has passed. Throws SettlementError. */
export async function refund({ client, outbox }: OpenedSettlement, id: `0x${string}`): Promise<void> {
  const { artifacts } = await loadSettlement()
  await outbox.send({
    address: client.contracts.escrow,
    abi: artifacts.JobEscrow.abi,
    functionName: 'refund',
    args: [id],
  })
}

/** Claims whatever the RewardManager holds for the account. */
export async function claimRest(
  { client, outbox }: OpenedSettlement,
  say: (what: string) => void,
): Promise<void> {
  const { artifacts } = await loadSettlement()
  const rewards = { address: client.contracts.rewards, abi: artifacts.RewardManager.abi } as const
  const account = client.wallet.account.address
  const owed = () => client.reader.readContract({ ...rewards, functionName: 'owed', args: [account] })
  const amount = await owed()
  if (amount === 0n) return
  try {
    await outbox.send({ ...rewards, functionName: 'claim', args: [account] })
  } catch (error) {
    // Another command of this account may have been faster.
    if ((await owed()) === 0n) return
    say(`${coinsText(amount)} could not be claimed; try \`tempered settlement claim\``)
    throw error
  }
  say(`claimed ${coinsText(amount)}: the unspent budget and any other earnings of this account`)
}
