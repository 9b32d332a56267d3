import type { Abi, Address } from 'viem'
import type { SettlementClient } from './open-client.js'

export interface ContractEvent {
  readonly args: Readonly<Record<string, unknown>>
  readonly blockNumber: bigint
}

/** Events of contracts from a block on. */
export interface EventReader {
  of(
    address: Address,
    abi: Abi,
    eventName: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<ContractEvent[]>
}

/** Many RPCs answer for no more blocks at once. */
const BLOCKS_AT_ONCE = 5_000n

/** Reads some thousand blocks at a time. */
export function createEventReader({ reader }: Pick<SettlementClient, 'reader'>, from: bigint): EventReader {
  return {
    async of(address, abi, eventName, args) {
      const newest = await reader.getBlockNumber({ cacheTime: 0 })
      const found: ContractEvent[] = []
      for (let fromBlock = from; fromBlock <= newest; fromBlock += BLOCKS_AT_ONCE) {
        const last = fromBlock + BLOCKS_AT_ONCE - 1n
        const toBlock = last < newest ? last : newest
        const request = { address, abi, eventName, args, fromBlock, toBlock, strict: true }
        found.push(...((await reader.getContractEvents(request as never)) as unknown as ContractEvent[]))
      }
      return found
    },
  }
}
