import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Amendment, Run } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { CHANGES_FILE, createChangeFile } from '../../../src/epochs/change-store.js'
import { neighboursOf } from '../../../src/epochs/run-rules.js'
import { LEDGER_FILE, openLedger } from '../../../src/ledger/ledger.js'
import { ledgerBlocks } from '../../../src/ledger/read-entries.js'
import { verifyLedgerFile } from '../../../src/ledger/verify.js'
import { signed } from '../../support/changes.js'
import { createGate, decided, type MemoryNode, memoryCluster, realRun } from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'

const four = (rounds: number): Run =>
  realRun({
    rounds,
    members: signers.slice(0, 4),
    deadlines: { joinMs: 2_000, collectMs: 4_000 },
  })
const ALL = [0, 1, 2, 3]
const longer: Amendment = { kind: 'rounds', rounds: 9 }

const stopAll = (nodes: readonly MemoryNode[]) =>
  Promise.all(nodes.map(({ node, done }) => node.stop().then(() => done)))

/** What stands in a ledger: the round of each entry, and `change` where one is. */
async function blocksOf(folder: string): Promise<(number | 'change')[]> {
  const blocks: (number | 'change')[] = []
  for await (const block of ledgerBlocks(join(folder, LEDGER_FILE)))
    blocks.push(block.entry?.body.round ?? 'change')
  return blocks
}

/** All rounds up to the last one stand in every ledger, each of which verifies, and nobody was convicted. */
async function checkAll(nodes: readonly MemoryNode[], lastRound: number): Promise<void> {
  for (const { folder, quarantined } of nodes) {
    expect(await verifyLedgerFile(join(folder, LEDGER_FILE), undefined, neighboursOf)).toMatchObject({
      ok: true,
    })
    expect((await blocksOf(folder)).at(-1)).toBe(lastRound)
    expect(quarantined).toEqual([])
  }
}

describe('a node that ends in the middle of a change', () => {
  it('takes it up again when only its file of changes has it', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(6), { turn: gate.turn })
    const nodes = await Promise.all(ALL.map((index) => cluster.start(index)))
    gate.open(2)
    await Promise.all(nodes.map((node) => node.round(2)))
    nodes[0].node.membership.take(signed(longer, 5, undefined, cluster.run).bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node)))
    await stopAll(nodes)
    for (const { folder } of nodes) expect(await blocksOf(folder)).not.toContain('change')
    const again = await Promise.all(ALL.map((index) => cluster.start(index)))
    for (const { node } of again) expect(node.membership.decided).toHaveLength(1)
    gate.open(99)
    await Promise.all(again.map(({ done }) => done))
    await checkAll(again, 8)
  })

  it.each([
    ['with its file of changes', false],
    ['without it', true],
  ])('goes on between the change in its ledger and the first entry after it, %s', async (_how, lost) => {
    const gate = createGate()
    const cluster = await memoryCluster(four(6), { turn: gate.turn })
    const entered: Promise<void>[] = []
    const nodes = await Promise.all(
      ALL.map((index) => {
        let enter!: () => void
        entered.push(new Promise((resolve) => (enter = resolve)))
        return cluster.start(index, {}, { events: { onEpoch: () => enter() } })
      }),
    )
    nodes[0].node.membership.take(signed(longer, 3, undefined, cluster.run).bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(2)
    await Promise.all(entered)
    await stopAll(nodes)
    for (const { folder } of nodes) {
      expect(await blocksOf(folder)).toEqual([0, 1, 2, 'change'])
      if (lost) await rm(join(folder, CHANGES_FILE))
    }
    const again = await Promise.all(ALL.map((index) => cluster.start(index)))
    gate.open(99)
    await Promise.all(again.map(({ done }) => done))
    for (const { folder } of again)
      expect(await blocksOf(folder)).toEqual([0, 1, 2, 'change', 3, 4, 5, 6, 7, 8])
    await checkAll(again, 8)
  })

  it('does not go back before a change in its ledger, though the entry after it is missing', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(9), { turn: gate.turn })
    const nodes = await Promise.all(ALL.map((index) => cluster.start(index)))
    gate.open(2)
    await Promise.all(nodes.map((node) => node.round(2)))
    await stopAll(nodes)
    // As one that jumped from round 2 to 6 leaves it.
    const change = signed({ kind: 'rounds', rounds: 8 }, 6, undefined, cluster.run)
    const ledger = await openLedger(nodes[3].folder, cluster.run, signers[3].peerId)
    await ledger.adopt(change)
    await ledger.close()
    for (const { folder } of nodes)
      await createChangeFile(join(folder, CHANGES_FILE)).save(cluster.run, [change.bytes])
    gate.open(99)
    const again = await Promise.all(ALL.map((index) => cluster.start(index)))
    expect(again.map(({ node }) => node.firstRound)).toEqual([3, 3, 3, 6])
    await Promise.all(again.map(({ done }) => done))
    await checkAll(again, 7)
  })

  it('starts again with changes of which one was decided long after its round', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(6), { turn: gate.turn })
    const [late, early] = [
      signed(longer, 3, undefined, cluster.run),
      signed({ kind: 'deadlines', deadlines: { collectMs: 3_000 } }, 2, undefined, cluster.run),
    ]
    const nodes = await Promise.all(ALL.map((index) => cluster.start(index)))
    nodes[0].node.membership.take(late.bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(3)
    await Promise.all(nodes.map((node) => node.round(3)))
    const next = signed({ kind: 'rounds', rounds: 7 }, 5, undefined, nodes[0].node.membership.at(3))
    nodes[0].node.membership.take(next.bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node, 2)))
    nodes[0].node.membership.take(early.bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node, 3)))
    gate.open(5)
    await Promise.all(nodes.map((node) => node.round(5)))
    await stopAll(nodes)
    const again = await Promise.all(ALL.map((index) => cluster.start(index)))
    for (const { node } of again) expect(node.membership.decided).toHaveLength(3)
    gate.open(99)
    await Promise.all(again.map(({ done }) => done))
    await checkAll(again, 6)
  })
})

describe('a run whose end changes', () => {
  it('goes on after its last round when that was decided before, also where nobody stays', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(4), { turn: gate.turn })
    const nodes = await Promise.all(ALL.map((index) => cluster.start(index)))
    nodes[0].node.membership.take(signed(longer, 4, undefined, cluster.run).bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(99)
    await Promise.all(nodes.map(({ done }) => done))
    await checkAll(nodes, 8)
  })

  it('goes on with a change that holds only from a round after the last one', async () => {
    const cluster = await memoryCluster(four(3))
    const nodes = await Promise.all(ALL.map((index) => cluster.start(index, {}, { stay: true })))
    await Promise.all(nodes.map((node) => node.round(2)))
    nodes[0].node.membership.take(signed(longer, 6, undefined, cluster.run).bytes, 'self')
    await Promise.all(nodes.map((node) => node.round(8)))
    await stopAll(nodes)
    for (const { folder } of nodes) expect(await blocksOf(folder)).toEqual([0, 1, 2, 'change', 6, 7, 8])
    await checkAll(nodes, 8)
  })

  it('ends at once when it is cut short, and goes over to that epoch once', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(9), { turn: gate.turn })
    const epochs: number[][] = ALL.map(() => [])
    const over: (() => void)[] = []
    const isOver = Promise.all(ALL.map((index) => new Promise<void>((resolve) => (over[index] = resolve))))
    const nodes = await Promise.all(
      ALL.map((index) =>
        cluster.start(
          index,
          {},
          {
            stay: true,
            events: {
              onEpoch(_run, round) {
                epochs[index].push(round)
                over[index]()
              },
            },
          },
        ),
      ),
    )
    const cut = signed({ kind: 'rounds', rounds: 2 }, 5, undefined, cluster.run)
    nodes[0].node.membership.take(cut.bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(4)
    await isOver
    // Whoever came from one epoch to the next again and again would do so before it has heard of this one.
    const late = signed({ kind: 'deadlines', deadlines: { collectMs: 3_000 } }, 4, undefined, cluster.run)
    nodes[0].node.membership.take(late.bytes, 'self')
    await Promise.all(nodes.map((node) => decided(node, 2)))
    await stopAll(nodes)
    for (const [index, { folder }] of nodes.entries()) {
      // The second change may still have come into force.
      expect(epochs[index].length).toBeLessThanOrEqual(2)
      expect((await blocksOf(folder)).slice(0, 6)).toEqual([0, 1, 2, 3, 4, 'change'])
    }
  })
})
