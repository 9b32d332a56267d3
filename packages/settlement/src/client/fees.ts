import { type Address, getAddress } from 'viem'
import type { ChainClient } from './open-chain.js'

/** What each account has paid for transactions in these blocks, both included, in wei. */
export async function feesIn(
  { reader }: Pick<ChainClient, 'reader'>,
  fromBlock: bigint,
  toBlock: bigint,
): Promise<ReadonlyMap<Address, bigint>> {
  const fees = new Map<Address, bigint>()
  for (let blockNumber = fromBlock; blockNumber <= toBlock; blockNumber++) {
    const { transactions } = await reader.getBlock({ blockNumber })
    for (const hash of transactions) {
      const { from, gasUsed, effectiveGasPrice } = await reader.getTransactionReceipt({ hash })
      const payer = getAddress(from)
      fees.set(payer, (fees.get(payer) ?? 0n) + gasUsed * effectiveGasPrice)
    }
  }
  return fees
}
