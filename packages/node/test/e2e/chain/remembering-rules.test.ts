import { join } from 'node:path'
import { leaderOf } from '@tempered/chain'
import { describe, expect, it } from 'vitest'
import { readChainFile } from '../../../src/chain/chain-file.js'
import { CHAIN_FILE } from '../../../src/chain/chain-store.js'
import type { NodeComponents } from '../../../src/node-parts.js'
import { memoryCluster, peerOf, realRun } from '../../support/memory-cluster.js'

const ROUNDS = 8
const MEMBERS = 4
const LIAR = 1
const run = realRun({
  rounds: ROUNDS,
  rule: { name: 'median', params: {}, pre: [{ name: 'reputation', params: {} }] },
  chain: { architecture: 'bft', params: { deltaMs: 1_000 } },
})

/** Aggregates rightly, but lies of what its rule remembers after the first round. */
const forgetful = (): Partial<NodeComponents> => ({
  wrapRule: (rule) => ({
    ...rule,
    aggregate(input, out) {
      const result = rule.aggregate(input, out)
      const { memory } = result
      if (input.round > 0 || memory === undefined) return result
      const lies = memory.neighbours.map((one) => one && { ...one, values: one.values.map((x) => x + 1) })
      return { ...result, memory: { ...memory, neighbours: lies } }
    },
  }),
})

async function authors(liar: Partial<NodeComponents>): Promise<string[]> {
  const cluster = await memoryCluster(run)
  const nodes = await Promise.all(
    Array.from({ length: MEMBERS }, (_, k) => cluster.start(k, k === LIAR ? liar : {})),
  )
  await Promise.all(nodes.map(({ done }) => done))
  const { chain } = await readChainFile(join(cluster.folders[0], CHAIN_FILE))
  // Blocks after the last round have nothing to compute.
  return chain.filter(({ body }) => body.round < ROUNDS).map(({ body }) => body.author)
}

describe('a chain under a rule that remembers', () => {
  it('has blocks of all members, as their turn comes', async () => {
    const leaders = new Set(Array.from({ length: ROUNDS }, (_, k) => leaderOf(run, k + 1)))
    expect(leaders).toContain(LIAR)
    expect(await authors({})).toContain(peerOf(LIAR))
  })

  it('has none of a member that has lied of what it remembers in a round without a block of its own', async () => {
    expect(leaderOf(run, 1)).not.toBe(LIAR)
    const written = await authors(forgetful())
    expect(written.length).toBeGreaterThanOrEqual(ROUNDS)
    expect(written).not.toContain(peerOf(LIAR))
  })
})
