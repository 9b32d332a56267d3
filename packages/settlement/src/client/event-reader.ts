import type { Abi, Address } from 'viem'
import type { SettlementClient } from './open-client.js'
import { isRefusal } from './plain-errors.js'

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
/** Answers after which more is requested than was refused: a refusal may have had another reason. */
const ANSWERS_UNTIL_RETRY = 64

/** How many blocks to request from an RPC, and how many it refused. */
interface Span {
  blocks: bigint
  refused: bigint
  answers: number
}
const spans = new WeakMap<object, Span>()

/**
 * Reads as many blocks at a time as the RPC accepts: half as many after a refusal, and more again after answers. Rejects with the
 * RPC's error if it does not answer, or refuses the minimum.
 */
export function createEventReader({ reader }: Pick<SettlementClient, 'reader'>, from: bigint): EventReader {
  const span = spans.get(reader) ?? { blocks: MOST_BLOCKS, refused: MOST_BLOCKS * 2n, answers: 0 }
  spans.set(reader, span)
  return {
    async of(address, abi, eventName, args) {
      const newest = await reader.getBlockNumber({ cacheTime: 0 })
      const found: ContractEvent[] = []
      let fromBlock = from
      while (fromBlock <= newest) {
        const last = fromBlock + span.blocks - 1n
        const toBlock = last < newest ? last : newest
        const request = { address, abi, eventName, args, fromBlock, toBlock, strict: true }
        try {
          found.push(...((await reader.getContractEvents(request as never)) as unknown as ContractEvent[]))
        } catch (error) {
          refused(span, toBlock - fromBlock + 1n, error)
          continue
        }
        answered(span)
        fromBlock = toBlock + 1n
      }
      return found
    },
  }
}

/** Requests fewer blocks from now on. Throws the error where that cannot help. */
function refused(span: Span, asked: bigint, error: unknown): void {
  // An unreachable RPC says nothing about the number of blocks.
  if (asked <= FEWEST_BLOCKS || !isRefusal(error)) throw error
  span.refused = asked
  span.blocks = asked / 2n > FEWEST_BLOCKS ? asked / 2n : FEWEST_BLOCKS
  span.answers = 0
}

function answered(span: Span): void {
  span.answers += 1
  if (span.answers >= ANSWERS_UNTIL_RETRY) {
    span.answers = 0
    span.refused = MOST_BLOCKS * 2n
  }
  if (span.blocks < MOST_BLOCKS && span.blocks * 2n < span.refused) span.blocks *= 2n
}
