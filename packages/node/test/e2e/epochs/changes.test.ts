import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { neighboursOf } from '../../../src/epochs/run-rules.js'
import { collectFinals } from '../../../src/ledger/final-heads.js'
import { LEDGER_FILE } from '../../../src/ledger/ledger.js'
import { verifyLedgerFile } from '../../../src/ledger/verify.js'
import { createGate, decided, memoryCluster, realRun, waits } from '../../support/memory-cluster.js'
import { signers } from '../../support/run-fixture.js'

const peersOf = (indices: readonly number[]): string[] => indices.map((index) => signers[index].peerId)

const COMPLETE = { name: 'complete', params: {}, mixing: 'uniform' }
/** Members 0 to 3 of the fixture; 4 and 5 may join. */
const four = (rounds: number) =>
  realRun({
    rounds,
    topology: COMPLETE,
    members: signers.slice(0, 4),
    deadlines: { joinMs: 2_000, collectMs: 4_000 },
  })

const verdictOf = (folder: string) => verifyLedgerFile(join(folder, LEDGER_FILE), undefined, neighboursOf)

describe('a run whose members change', () => {
  it('goes on with a member that a quorum has added, whose ledger begins with a model of the others', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(10), { nodes: 5, turn: gate.turn })
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    gate.open(1)
    await Promise.all(nodes.map((node) => node.round(1)))
    const add = { kind: 'add', member: signers[4].peerId } as const
    const change = nodes[0].node.membership.propose(add, 6, signers[0])
    expect(nodes[0].node.membership.decided).toEqual([])
    await Promise.all(nodes.map((node) => waits(node, change.cid)))
    nodes[1].node.membership.propose(add, 6, signers[1])
    nodes[2].node.membership.approve(change.cid.toString().slice(-8), signers[2])
    await Promise.all(nodes.map((node) => decided(node)))
    const newcomer = await cluster.start(4, {}, { known: nodes[2].node.membership })
    gate.open(99)
    await Promise.all([...nodes, newcomer].map(({ done }) => done))
    for (const { folder } of [...nodes, newcomer]) {
      const verdict = await verdictOf(folder)
      expect(verdict).toMatchObject({ ok: true })
      expect(verdict.ok && verdict.run.manifest.members).toEqual(peersOf([0, 1, 2, 3, 4]))
    }
    const [first] = await newcomer.entries()
    expect(first.body.round).toBeGreaterThanOrEqual(6)
    expect(first.body.start.toString()).not.toBe(cluster.run.manifest.model.initialCid)
    const [, old] = await Promise.all([newcomer.entries(), nodes[3].entries()])
    expect(old.at(-1)!.body.neighbours.map(({ peer }) => peer)).toEqual(peersOf([0, 1, 2, 4]))
    expect(old[0].body.epoch).toBeUndefined()
    expect(old.at(-1)!.body.epoch?.toString()).toBe(first.body.epoch?.toString())
  })

  it('lets a member go by its own word, and the others go on without it', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(8), { turn: gate.turn })
    const left: number[] = []
    const nodes = await Promise.all(
      [0, 1, 2, 3].map((index) =>
        cluster.start(index, {}, { events: index === 3 ? { onLeft: (round) => left.push(round) } : {} }),
      ),
    )
    nodes[3].node.membership.propose({ kind: 'remove', member: signers[3].peerId }, 4, signers[3])
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(99)
    await Promise.all(nodes.map(({ done }) => done))
    expect(left).toEqual([4])
    const rounds = await Promise.all(nodes.map(async (node) => (await node.entries()).at(-1)!.body.round))
    expect(rounds.slice(0, 3)).toEqual([7, 7, 7])
    expect(rounds[3]).toBe(3)
    for (const { folder } of nodes) expect(await verdictOf(folder)).toMatchObject({ ok: true })
  })

  it('takes two changes that are decided at the same time, whichever each node hears of first', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(9), { nodes: 6, turn: gate.turn })
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    gate.open(0)
    await Promise.all(nodes.map((node) => node.round(0)))
    const one = { kind: 'add', member: signers[4].peerId } as const
    const two = { kind: 'add', member: signers[5].peerId } as const
    // Each member signs both, in its own order, before it has heard of the others.
    for (const [index, { node }] of nodes.entries())
      for (const amendment of index % 2 === 0 ? [one, two] : [two, one])
        node.membership.propose(amendment, 5, signers[index])
    await Promise.all(nodes.map((node) => decided(node, 2)))
    const newcomers = await Promise.all(
      [4, 5].map((index) => cluster.start(index, {}, { known: nodes[0].node.membership })),
    )
    gate.open(99)
    const all = [...nodes, ...newcomers]
    await Promise.all(all.map(({ done }) => done))
    const epochs = new Set<string | undefined>()
    for (const { folder, entries } of all) {
      const verdict = await verdictOf(folder)
      expect(verdict).toMatchObject({ ok: true })
      expect(verdict.ok && [...verdict.run.manifest.members].sort()).toEqual(
        [...peersOf([0, 1, 2, 3, 4, 5])].sort(),
      )
      epochs.add((await entries()).at(-1)!.body.epoch?.toString())
    }
    expect(epochs.size).toBe(1)
  })

  it('goes on after its last round when more rounds are decided, and keeps what was final', async () => {
    const cluster = await memoryCluster(four(3))
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index, {}, { stay: true })))
    await Promise.all(nodes.map((node) => node.round(2)))
    for (const index of [0, 1, 2])
      nodes[index].node.membership.propose({ kind: 'rounds', rounds: 6 }, 3, signers[index])
    await Promise.all(nodes.map((node) => node.round(5)))
    await Promise.all(nodes.map(({ node }) => node.stop()))
    await Promise.all(nodes.map(({ done }) => done))
    for (const { folder } of nodes) {
      const verdict = await verdictOf(folder)
      expect(verdict).toMatchObject({ ok: true, entries: 6 })
      expect(verdict.ok && verdict.run.manifest.training.rounds).toBe(6)
    }
    const bad: unknown[] = []
    const finals = await collectFinals(
      nodes.map(({ folder }) => join(folder, LEDGER_FILE)),
      (error) => bad.push(error),
    )
    expect(bad).toEqual([])
    expect(finals.of(cluster.run, signers[0].peerId).at(-1)?.head.body.round).toBeGreaterThan(2)
  })

  it('goes on with the new key of an organisation, which nobody starts again', async () => {
    const gate = createGate()
    const cluster = await memoryCluster(four(10), { nodes: 5, turn: gate.turn })
    const nodes = await Promise.all(
      [0, 1, 2, 3].map((index) => cluster.start(index, {}, index === 3 ? { succeedBy: 4 } : {})),
    )
    const { membership } = nodes[3].node
    const replace = { kind: 'replace', member: signers[3].peerId, by: signers[4].peerId } as const
    membership.countersign(membership.propose(replace, 4, signers[3]), signers[4])
    await Promise.all(nodes.map((node) => decided(node)))
    gate.open(99)
    await Promise.all(nodes.map(({ done }) => done))
    expect(nodes[3].node.peerId).toBe(signers[4].peerId)
    const verdict = await verdictOf(cluster.folders[4])
    expect(verdict).toMatchObject({ ok: true, author: signers[4].peerId })
    const others = await nodes[0].entries()
    expect(others.at(-1)!.body.neighbours.map(({ peer }) => peer)).toEqual(peersOf([1, 2, 4]))
    expect(others.at(-1)!.body.neighbours.at(-1)!.announcement).not.toBeNull()
  })

  it('leaves out a change that too few have signed, and one that the topology cannot have', async () => {
    const ring = realRun({
      rounds: 6,
      members: signers.slice(0, 4),
      topology: { name: 'k-regular', params: { k: 3 }, mixing: 'uniform' },
    })
    const cluster = await memoryCluster(ring)
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => cluster.start(index)))
    for (const index of [0, 1])
      nodes[index].node.membership.propose({ kind: 'rounds', rounds: 3 }, 2, signers[index])
    // 3 · 5 links have no graph.
    expect(() =>
      nodes[0].node.membership.propose({ kind: 'add', member: signers[4].peerId }, 2, signers[0]),
    ).toThrow(/no effect/)
    await Promise.all(nodes.map(({ done }) => done))
    for (const { folder } of nodes) expect(await verdictOf(folder)).toMatchObject({ ok: true, entries: 6 })
  })
})
