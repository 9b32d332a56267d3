import { readRun, weighsAll } from '@tempered/lab/measures'
import { describe, expect, it } from 'vitest'
import { type RunFixture, writeRun } from '../../../lab/test/support/run-fixture.js'
import { inTemporaryFolder } from '../../../lab/test/support/temporary-folder.js'
import { attacksIn } from '../../src/client/attack-rounds.js'
import { spreadLabels } from '../../src/client/end-labels.js'
import { MAX_SAMPLED_EDGES, runView } from '../../src/run-view.js'

const view = (fixture: RunFixture) =>
  inTemporaryFolder(async (folder) => {
    writeRun(folder, fixture)
    return runView(await readRun(folder))
  })

describe('runView', () => {
  it('has a line per node and the verdicts of every edge by round', async () => {
    const shown = await view({
      rule: 'balance',
      attackers: [5],
      accuracy: (node, round) => (node === 0 && round === 1 ? null : 0.123456),
      accepts: (_, other, round) => other !== 5 || round === 2,
      events: [{ elapsedMs: 1, type: 'fault', action: { type: 'kill', at: 2, node: 1 } }],
    })
    expect(shown.rounds).toEqual([1, 2, 3, 4])
    expect(shown.values.kind === 'nodes' && shown.values.values[0]).toEqual([0.1235, null, 0.1235, 0.1235])
    expect(shown.verdicts).toMatchObject({ complete: true, total: 24 })
    expect(shown.verdicts.edges.find((edge) => edge.from === 5 && edge.to === 0)?.marks).toBe('rrar')
    expect(shown.incidents).toEqual([{ round: 2, kind: 'kill', text: 'kill: node-01' }])
  })

  it('says who attacks from which round to which, counted from 1, and whether the rule refuses', async () => {
    const of = (rule: string, attackRounds: [number, number]) =>
      view({ rule, attackers: [5], attackRounds, drawn: true, accuracy: () => 0.5, accepts: () => true })
    const shown = await of('balance', [2, 3])
    expect(shown.nodes[0]).toEqual({ name: 'node-00', attack: null, attackRounds: null })
    expect(shown.nodes[5]?.attackRounds).toEqual([2, 3])
    expect([1, 2, 3, 4].map((round) => attacksIn(shown, 5, round))).toEqual([false, true, true, false])
    expect(attacksIn(shown, 0, 2)).toBe(false)
    expect([shown.weighsAll, (await of('median', [1, 4])).weighsAll]).toEqual([false, true])
    expect(weighsAll({ name: 'median', pre: [{ name: 'nnm' }] })).toBe(true)
    expect(weighsAll({ name: 'median', pre: [{ name: 'nnm' }, { name: 'reputation' }] })).toBe(false)
    expect(weighsAll({ name: 'median', pre: [{ name: 'distinct' }] })).toBe(true)
  })

  it('has the labels of every node, and of an even choice of many', async () => {
    const of = (nodes: number, labelled: boolean) =>
      view({ rule: 'balance', nodes, rounds: 1, labelled, accuracy: () => 0.5, accepts: () => true })
    expect((await of(6, false)).labels).toBeNull()
    const few = (await of(6, true)).labels!.columns
    expect(few).toHaveLength(6)
    expect(few[3]).toEqual({ node: 3, counts: [0, 7, 14, 90, 28, 35, 42, 49, 56, 63] })
    const many = (await of(240, true)).labels!.columns
    expect(many.map(({ node }) => node)).toEqual(Array.from({ length: 120 }, (_, k) => 2 * k))
  })

  it('marks rounds that a node did not report', async () => {
    const shown = await view({
      rule: 'balance',
      rounds: 3,
      played: 2,
      accuracy: () => 0.5,
      accepts: () => true,
    })
    expect(shown.rounds).toEqual([1, 2])
    expect(shown.verdicts.edges[0]?.marks).toBe('aa')
  })

  it('thins out many nodes: quantile bands and a sample of edges, half of them from attackers', async () => {
    const attackers = Array.from({ length: 100 }, (_, k) => 3 * k)
    const shown = await view({
      rule: 'balance',
      nodes: 300,
      rounds: 2,
      attackers,
      accuracy: (node) => node / 299,
      accepts: () => true,
    })
    expect(shown.values.kind).toBe('bands')
    if (shown.values.kind === 'bands') {
      const [low, , median, , high] = shown.values.honest[0]!
      // Honest are all indices that 3 does not divide: 1 … 299.
      expect([low, median, high]).toEqual([0.0033, 0.5017, 1])
    }
    expect(shown.verdicts).toMatchObject({ complete: false, total: 1200 })
    expect(shown.verdicts.edges).toHaveLength(MAX_SAMPLED_EDGES)
    expect(shown.verdicts.edges.filter((edge) => edge.from % 3 === 0)).toHaveLength(MAX_SAMPLED_EDGES / 2)
    expect(shown.verdicts.edges.every((edge) => edge.to % 3 !== 0)).toBe(true)
  })
})

describe('spreadLabels', () => {
  it('moves labels apart, keeps their order and leaves lone ones alone', () => {
    // At 100 px: 10, 12 and 80 from the top.
    expect(spreadLabels([0.9, 0.88, null, 0.2], 100, 15)).toEqual([0, 13, 0, 0])
  })

  it('pushes back what would leave the axis', () => {
    const shares = [0.02, 0.01, 0]
    const places = spreadLabels(shares, 100, 15).map((offset, k) => (1 - shares[k]!) * 100 + offset)
    expect(places).toEqual([70, 85, 100])
  })
})
