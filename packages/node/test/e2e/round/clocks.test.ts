import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/clock.js'
import { memoryCluster, realRun } from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'

const HOUR_MS = 3_600_000
const ROUNDS = 6

/** The wall clock is wrong by what `offset` says; the monotonic one is right, as those of systems are. */
const wrongBy = (offset: () => number): Clock => ({
  ...systemClock,
  wallMs: () => systemClock.wallMs() + offset(),
})

/** Jumps an hour ahead and two back, each time that it is read. */
function jumping(): Clock {
  let reads = 0
  return wrongBy(() => {
    reads += 1
    return (reads % 2 === 0 ? 1 : -2) * HOUR_MS
  })
}

describe('nodes whose clocks are wrong', () => {
  it.each<[what: string, clock: () => Clock]>([
    ['is an hour ahead', () => wrongBy(() => HOUR_MS)],
    ['is an hour behind', () => wrongBy(() => -HOUR_MS)],
    ['jumps', jumping],
  ])('that %s: all rounds are closed with all models, and every ledger verifies', async (_what, clock) => {
    const run = realRun({ rounds: ROUNDS, members: signers.slice(0, 3) })
    const cluster = await memoryCluster(run)
    const nodes = await Promise.all([
      cluster.start(0, { clock: clock() }),
      cluster.start(1),
      cluster.start(2, { clock: clock() }),
    ])
    await Promise.all(nodes.map(({ done }) => done))
    const walls: number[] = []
    for (const node of nodes) {
      const entries = await node.entries()
      expect(entries.map(({ body }) => body.round)).toEqual(Array.from({ length: ROUNDS }, (_, k) => k))
      const neighbours = entries.flatMap(({ body }) => body.neighbours)
      expect(neighbours.every(({ arrival }) => arrival !== null)).toBe(true)
      expect(node.quarantined).toEqual([])
      walls.push(entries[0]!.body.clock.wallMs)
    }
    // The clock was wrong indeed.
    expect(Math.abs(walls[0]! - walls[1]!)).toBeGreaterThan(HOUR_MS / 2)
  })
})
