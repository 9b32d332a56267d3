import { type Clock, systemClock } from '@tempered/node'
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
  more: { readonly isDue?: boolean; readonly clock?: Pick<Clock, 'deadline'> } = {},
): Promise<JobResult[]> {
  const results: JobResult[] = []
  const { signal } = new AbortController()
  let judged = 0
  let last = 0
  const judge = new JobJudge({
    ...{ run, job, signal, clock: more.clock ?? systemClock },
    common: {
      async ledgerTo(author, entry): Promise<readonly SignedEntry[]> {
        const entries = ledger(peers.indexOf(author), LAST, measured(peers.indexOf(author)))
        const at = entries.findIndex(({ cid }) => cid.equals(entry))
        judged += 1
        if (!isServed(author, at + 1)) throw new Error('nobody gives it')
        return entries.slice(0, at + 1)
      },
    },
    onResult: (result) => results.push(result),
    onTrouble: (what) => {
      throw new Error(what)
    },
  })
  for (let round = 0; round <= LAST; round++) judge.final(block(round))
  if (more.isDue === true) judge.due()
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
    // Its models were there: what it is paid for does not depend on its ledger.
    expect(results.every(({ weights }) => weights[5] === weights[0])).toBe(true)
  })

  it('concludes nothing where a third and more do', async () => {
    expect(await conclusions((peer) => peers.indexOf(peer) < 3)).toEqual([])
  })

  it('concludes what is done when time runs out, once, and again from later blocks', async () => {
    const low = () => ({ metric: 0.5 })
    expect(await conclusions(() => true, low)).toEqual([])
    const due = await conclusions(() => true, low, { isDue: true })
    expect(due.map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4, 5, 5])
  })

  it('goes by the longest ledger that blocks name, whichever of them names it', async () => {
    // The newest entry is given by nobody: then the one before it counts, which measures nothing new.
    const results = await conclusions((peer, round) => peer !== peers[5] || round < LAST)
    expect(results).toHaveLength(5)
  })

  it('waits long for a member that does not answer once, and not for each block', async () => {
    const limits: number[] = []
    const stalling: Pick<Clock, 'deadline'> = {
      deadline(ms) {
        limits.push(ms)
        return { signal: AbortSignal.abort(), clear: () => undefined }
      },
    }
    const results = await conclusions((peer) => peer !== peers[5], undefined, { clock: stalling })
    expect(results).toHaveLength(5)
    const long = limits.filter((ms) => ms > 1_000)
    const short = limits.filter((ms) => ms <= 1_000)
    // The silent one: once with patience, then in six blocks without.
    expect(short).toHaveLength(LAST)
    expect(long).toHaveLength(5 * (LAST + 1) + 1)
  })

  it('agrees with the others about a later block, if one of them served some and not others', async () => {
    const some = await conclusions((peer, round) => peer !== peers[5] || round > 3)
    const others = await conclusions(() => true)
    expect(some[0]).not.toEqual(others[0])
    expect(some.slice(3)).toEqual(others.slice(3))
  })
})
