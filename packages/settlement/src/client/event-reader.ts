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

/** Number of blocks that every RPC accepts in one request; many accept far more. */
const FEWEST_BLOCKS = 1_000n
const MOST_BLOCKS = 1_048_576n

/** How many blocks each RPC has lately accepted in one request. */
const spans = new WeakMap<object, bigint>()

/**
 * Reads as many blocks at a time as the RPC accepts: half as many after each error.
 * Rejects with the RPC's error if it does not accept the minimum either.
 */
export function createEventReader({ reader }: Pick<SettlementClient, 'reader'>, from: bigint): EventReader {
  return {
    async of(address, abi, eventName, args) {
      const newest = await reader.getBlockNumber({ cacheTime: 0 })
      const found: ContractEvent[] = []
      let span = spans.get(reader) ?? MOST_BLOCKS
      let fromBlock = from
      while (fromBlock <= newest) {
        const last = fromBlock + span - 1n
        const toBlock = last < newest ? last : newest
        const request = { address, abi, eventName, args, fromBlock, toBlock, strict: true }
        try {
          found.push(...((await reader.getContractEvents(request as never)) as unknown as ContractEvent[]))
        } catch (error) {
          const asked = toBlock - fromBlock + 1n
          if (asked <= FEWEST_BLOCKS) throw error
          span = asked / 2n > FEWEST_BLOCKS ? asked / 2n : FEWEST_BLOCKS
          spans.set(reader, span)
          continue
        }
        fromBlock = toBlock + 1n
      }
      return found
    },
  }
}
