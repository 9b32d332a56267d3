import { RpcRequestError } from 'viem'
import { describe, expect, it } from 'vitest'
import { createEventReader } from '../../src/client/event-reader.js'
import type { SettlementClient } from '../../src/client/open-client.js'
import { SettlementError } from '../../src/errors.js'

/** A chain with events in these blocks, whose RPC answers for so many blocks at once. */
function chain(newest: bigint, blocks: readonly bigint[], most: bigint, isAway = () => false) {
  const asked: [bigint, bigint][] = []
  const reader = {
    getBlockNumber: async () => newest,
    async getContractEvents({ fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint }) {
      asked.push([fromBlock, toBlock])
      if (isAway()) throw new SettlementError('E_RPC', 'connection refused')
      if (toBlock - fromBlock >= most)
        throw new RpcRequestError({
          body: {},
          url: 'http://127.0.0.1',
          error: { code: -32_005, message: 'query exceeds max block range' },
        })
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
      expect(refused.length).toBeLessThanOrEqual(8)
    },
  )

  it('are read with as few requests as before once an RPC is back', async () => {
    let away = false
    const { client, asked } = chain(10_000_000n, [5n, 9_999_999n], 2_000_000n, () => away)
    expect(await read(client, 0n)).toHaveLength(2)
    const usual = asked.length
    away = true
    await expect(read(client, 0n)).rejects.toThrow(/refused/)
    expect(asked).toHaveLength(usual + 1)
    away = false
    await read(client, 0n)
    expect(asked).toHaveLength(2 * usual + 1)
  })

  it('are asked for in larger pieces again some time after a refusal', async () => {
    let most = 1_000n
    const { client, asked } = chain(200_000n, [5n], 1n)
    const reader = client.reader as unknown as { getContractEvents: (request: object) => Promise<unknown[]> }
    reader.getContractEvents = async (request) => {
      const { fromBlock, toBlock } = request as { fromBlock: bigint; toBlock: bigint }
      asked.push([fromBlock, toBlock])
      if (toBlock - fromBlock < most) return []
      throw new RpcRequestError({
        body: {},
        url: 'http://127.0.0.1',
        error: { code: -32_005, message: 'range' },
      })
    }
    await read(client, 0n)
    most = 1_000_000n
    for (let pass = 0; pass < 3; pass++) await read(client, 0n)
    const before = asked.length
    await read(client, 0n)
    expect(asked.length - before).toBe(1)
  })

  it('are not read from an RPC that answers for next to none', async () => {
    const { client } = chain(newest, blocks, 999n)
    await expect(read(client, 0n)).rejects.toThrow(/max block range/)
  })
})
