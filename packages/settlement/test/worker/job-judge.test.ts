import type { SignedEntry } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { JobResult } from '../../src/jobs/outcome.js'
import { JobJudge } from '../../src/worker/job-judge.js'
import { block, job, ledger, type Measured, peers, run } from '../support/job-rounds.js'

const LAST = 6

/** What a member concludes from the blocks of `LAST` rounds, when it can have these ledgers. */
async function conclusions(
  isServed: (peerId: string, round: number) => boolean,
  measured: (member: number) => Measured = () => ({}),
): Promise<JobResult[]> {
  const results: JobResult[] = []
  const { signal } = new AbortController()
  let judged = 0
  let last = 0
  const judge = new JobJudge({
    ...{ run, job, signal },
    common: {
      async ledgerTo(author, entry): Promise<readonly SignedEntry[]> {
        const entries = ledger(peers.indexOf(author), LAST, measured(peers.indexOf(author)))
        const at = entries.findIndex(({ cid }) => cid.equals(entry))
        judged += 1
        if (!isServed(author, at + 1)) throw new Error('nobody gives it')
        return entries.slice(0, at + 1)
      },
    },
    sleep: async () => undefined,
    onResult: (result) => results.push(result),
    onTrouble: (what) => {
      throw new Error(what)
    },
  })
  for (let round = 0; round <= LAST; round++) judge.final(block(round))
  // Judged in order, in the background.
  while (last !== judged || judged === 0) {
    last = judged
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return results
}

describe('a member of a job', () => {
  it('concludes from each final block, from the first on that shows a result', async () => {
    const results = await conclusions(() => true)
    expect(results.map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4, 5])
  })

  it('concludes although one of the others keeps its ledger to itself', async () => {
    const results = await conclusions((peer) => peer !== peers[5])
    expect(results.map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4, 5])
    // Whoever is not known is not paid.
    expect(results.map(({ weights }) => weights[5])).toEqual([0n, 0n, 0n, 0n, 0n])
    expect(results.every(({ weights }) => weights[0]! > 0n)).toBe(true)
  })

  it('concludes nothing where a third and more do', async () => {
    expect(await conclusions((peer) => peers.indexOf(peer) < 3)).toEqual([])
  })

  it('agrees with the others about a later block, if one of them served some and not others', async () => {
    const some = await conclusions((peer, round) => peer !== peers[5] || round > 3)
    const others = await conclusions(() => true)
    expect(some[0]).not.toEqual(others[0])
    expect(some.slice(3)).toEqual(others.slice(3))
  })
})
