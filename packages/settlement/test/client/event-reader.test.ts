import { describe, expect, it } from 'vitest'
import { createEventReader } from '../../src/client/event-reader.js'
import type { SettlementClient } from '../../src/client/open-client.js'

/** A chain with events in these blocks, whose RPC answers for so many blocks at once. */
function chain(newest: bigint, blocks: readonly bigint[], most: bigint) {
  const asked: [bigint, bigint][] = []
  const reader = {
    getBlockNumber: async () => newest,
    async getContractEvents({ fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint }) {
      asked.push([fromBlock, toBlock])
      if (toBlock - fromBlock >= most) throw new Error('query exceeds max block range')
      return blocks
        .filter((block) => block >= fromBlock && block <= toBlock)
        .map((blockNumber) => ({ args: {}, blockNumber }))
    },
  }
  return { asked, client: { reader } as unknown as Pick<SettlementClient, 'reader'> }
}
const read = async (client: Pick<SettlementClient, 'reader'>, from: bigint): Promise<bigint[]> =>
  (await createEventReader(client, from).of('0x00', [], 'Any', {})).map(({ blockNumber }) => blockNumber)

describe('events of a chain', () => {
  const blocks = Array.from({ length: 40 }, (_, k) => BigInt(k * 250))
  const newest = 9_999n

  it.each([1_000n, 1_001n, 2_500n, 7_000n, 9_999n, 10_000n, 10_000_000n])(
    'are read, each once, from an RPC that answers for %s blocks',
    async (most) => {
      const { client, asked } = chain(newest, [...blocks, newest], most)
      expect(await read(client, 0n)).toEqual([...blocks, newest])
      expect(await read(client, 250n)).toEqual([...blocks.slice(1), newest])
      expect(await read(client, newest)).toEqual([newest])
      expect(await read(client, newest + 1n)).toEqual([])
      // It learns what the RPC takes.
      const refused = asked.filter(([from, to]) => to - from >= most)
      expect(refused.length).toBeLessThanOrEqual(5)
    },
  )

  it('are not read from an RPC that answers for next to none', async () => {
    const { client } = chain(newest, blocks, 999n)
    await expect(read(client, 0n)).rejects.toThrow(/max block range/)
  })
})
