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
  more: { readonly isDue?: boolean; readonly clock?: Clock } = {},
): Promise<JobResult[]> {
  const results: JobResult[] = []
  const { signal } = new AbortController()
  let judged = 0
  let last = 0
  const judge = new JobJudge({
    ...{ run, job, signal, clock: more.clock ?? virtualClock() },
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
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return results
}

/** Time that passes only while everybody waits. */
function virtualClock(): Clock {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  const tick = (): void => {
    const [next] = [...timers].sort((a, b) => a.at - b.at)
    if (next === undefined) return
    timers.delete(next)
    now = next.at
    next.callback()
  }
  const after: Clock['after'] = (ms, callback) => {
    const timer = { at: now + ms, callback }
    timers.add(timer)
    setImmediate(() => setImmediate(tick))
    return () => timers.delete(timer)
  }
  return {
    ...systemClock,
    after,
    deadline(ms, parent) {
      const controller = new AbortController()
      const cancel = after(ms, () => controller.abort())
      parent?.addEventListener('abort', () => controller.abort(), { once: true })
      return { signal: controller.signal, clear: () => void cancel() }
    },
  }
}

describe('a member of a job', () => {
  it('concludes from each final block, from the first on that shows a result', async () => {
    const results = await conclusions(() => true)
    expect(results.map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4, 5])
  })

  it('concludes although one of the others keeps its ledger to itself', async () => {
    const results = await conclusions((peer) => peer !== peers[5])
    // The newest block is judged again, in case it gives it after all.
    expect(results.slice(0, 5).map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4, 5])
    for (const again of results.slice(5)) expect(again).toEqual(results[4])
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
    // Blocks from before that show none.
    expect(due.map(({ rounds }) => rounds)).toEqual([5])
  })

  it('goes by the longest ledger that blocks name, whichever of them names it', async () => {
    // The newest entry is given by nobody: then the one before it counts, which measures nothing new.
    const results = await conclusions((peer, round) => peer !== peers[5] || round < LAST)
    expect(new Set(results.map(({ rounds }) => rounds))).toEqual(new Set([1, 2, 3, 4, 5]))
  })

  it('waits long for a member that does not answer once, and not for each block', async () => {
    const clock = virtualClock()
    const limits: number[] = []
    const noting: Clock = {
      ...clock,
      deadline(ms, parent) {
        limits.push(ms)
        return clock.deadline(ms, parent)
      },
    }
    const results = await conclusions((peer) => peer !== peers[5], undefined, { clock: noting })
    expect(new Set(results.map(({ rounds }) => rounds)).size).toBe(5)
    // The silent one: once with patience, then without.
    expect(limits.filter((ms) => ms > 1_000).length % 5).toBe(1)
    expect(limits.filter((ms) => ms <= 1_000).length).toBeGreaterThanOrEqual(LAST)
  })

  it('comes to the result of the others although a member gives each entry to some of them first', async () => {
    // To this one only after it was asked seven times.
    const asked = new Map<string, number>()
    const late = await conclusions((peer, round) => {
      const key = `${peer} ${round}`
      asked.set(key, (asked.get(key) ?? 0) + 1)
      return peer !== peers[5] || asked.get(key)! > 7
    })
    expect(late).toEqual(await conclusions(() => true))
  })

  it('agrees with the others about a later block, if one of them served some and not others', async () => {
    const some = await conclusions((peer, round) => peer !== peers[5] || round > 3)
    const others = await conclusions(() => true)
    expect(some[0]).not.toEqual(others[0])
    expect(some.slice(3)).toEqual(others.slice(3))
  })
})
