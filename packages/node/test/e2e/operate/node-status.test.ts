import { describe, expect, it } from 'vitest'
import { memoryCluster, peerOf, realRun } from '../../support/memory-cluster.js'

describe('the status of nodes that run', () => {
  it('follows a run from joining to its end', async () => {
    const run = realRun()
    const cluster = await memoryCluster(run)
    const alone = await cluster.start(0)
    const before = alone.node.status()
    expect(before).toMatchObject({
      peer: peerOf(0),
      run: run.id.toString(),
      round: 0,
      phase: 'joining',
      lastRound: null,
      ledger: { length: 0, head: run.id.toString(), lastRound: null, finalHeight: null },
    })
    expect(before.neighbours.every((one) => one.waitedFor === 'absent' && !one.isUp)).toBe(true)

    const others = await Promise.all(run.manifest.members.slice(1).map((_, k) => cluster.start(k + 1)))
    await alone.round(0)
    const between = alone.node.status()
    expect(between.ledger.length).toBeGreaterThan(0)
    expect(between.lastRound?.round).toBeGreaterThanOrEqual(0)
    expect(between.neighbours.some((one) => one.lastSeenMs !== null)).toBe(true)

    await Promise.all([alone, ...others].map(({ done }) => done))
    const { rounds } = run.manifest.training
    const after = alone.node.status()
    expect(after).toMatchObject({ phase: 'done', round: rounds, ledger: { length: rounds } })
    expect(after.neighbours.every((one) => one.waitedFor === null)).toBe(true)
    // It is plain data.
    expect(JSON.parse(JSON.stringify(after))).toEqual(after)
  })
})
