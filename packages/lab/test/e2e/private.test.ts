import { join } from 'node:path'
import { type RunEvent, readRun, runScenario, simulate } from '@tempered/lab'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { full, sized } from '../../../../test-support/tier.js'
import { PRIVATE_ATTACKS } from '../../src/adversary/private-attacks.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const NODES = 9
const SMALL = {
  name: 'small',
  nodes: NODES,
  topology: 'complete',
  model: 'softmax',
  training: { rounds: 3, localSteps: 4 },
  evaluation: { every: 1, samples: 100 },
  rule: 'average',
  privacy: { threshold: 2, group: NODES, rule: { name: 'multi-krum', params: { f: 2 } } },
  // Virtual time passes only where nothing else is left to do.
  deadlines: { joinMs: 1_000_000, collectMs: 60_000 },
} as const

const play = (scenario: Record<string, unknown>) =>
  simulate({ ...SMALL, ...scenario } as Parameters<typeof simulate>[0], {
    trainingThreads: 1,
    cacheFolder: CACHE,
  })

type Report = Extract<RunEvent, { type: 'round' }>['report']

describe('a private scenario', () => {
  it('counts attackers by the verdicts of the group, and goes as far as without them', async () => {
    const attacked = { adversaries: [{ nodes: [2, 5], attack: 'sign-flip-model' }] }
    const shared = await play(attacked)
    const plain = await play({
      ...attacked,
      privacy: undefined,
      rule: { name: 'multi-krum', params: { f: 2 } },
    })
    expect(shared.measures.recall).toBe(1)
    expect(shared.measures.precision).toBe(1)
    expect(plain.measures.recall).toBe(1)
    expect(Math.abs(shared.measures.worstHonestAccuracy! - plain.measures.worstHonestAccuracy!)).toBeLessThan(
      0.03,
    )
  })

  it('shares among groups that are drawn anew in each round', async () => {
    const { record } = await play({
      nodes: 12,
      topology: { name: 'k-regular', params: { k: 4 } },
      privacy: { threshold: 1, group: 5, rule: { name: 'nearest', params: { f: 1 } } },
    })
    const groups = record.records.map(({ rounds }) =>
      rounds.map(({ report }) => (report as Report).privacy!.members.map(({ peer }) => peer).join()),
    )
    for (const [round] of [0, 1, 2].entries()) {
      const names = new Set(groups.map((ofNode) => ofNode[round]))
      expect(names.size).toBe(2)
    }
    expect(new Set(groups[0]).size).toBeGreaterThan(1)
  })

  it.each(sized(['private-wrong-distances', 'private-inconsistent-shares'], Object.keys(PRIVATE_ATTACKS)))(
    'opens a sum in every round under %s',
    async (attack) => {
      const { record } = await play({ adversaries: [{ nodes: [4], attack }] })
      for (const { rounds } of record.records.filter((_, index) => index !== 4)) {
        expect(rounds).toHaveLength(3)
        for (const { report } of rounds) expect((report as Report).privacy?.reason).toBeUndefined()
      }
    },
  )

  it('with masks filters nothing: the sum has the attackers in it, and no verdict is counted', async () => {
    const masks = { privacy: { mode: 'masks', threshold: 2, group: NODES } }
    const attacked = await play({ ...masks, adversaries: [{ nodes: [2, 5], attack: 'sign-flip-model' }] })
    const honest = await play(masks)
    expect([attacked.measures.recall, attacked.measures.precision]).toEqual([null, null])
    for (const { rounds } of attacked.record.records)
      for (const { report } of rounds) {
        const { members, reason } = (report as Report).privacy!
        expect(reason).toBeUndefined()
        for (const { weight } of members) expect(weight).toBeCloseTo(1 / NODES, 12)
      }
    expect(honest.measures.worstHonestAccuracy!).toBeGreaterThan(
      attacked.measures.worstHonestAccuracy! + 0.05,
    )
  })

  it.each(
    sized(
      ['private-silence', 'private-inconsistent-shares', 'private-wrong-opening'],
      Object.keys(PRIVATE_ATTACKS),
    ),
  )('with masks opens a sum after one round at most under %s', async (attack) => {
    const masks = { privacy: { mode: 'masks', threshold: 2, group: NODES } }
    const { record } = await play({ ...masks, adversaries: [{ nodes: [4], attack }] })
    for (const { rounds } of record.records.filter((_, index) => index !== 4)) {
      expect(rounds).toHaveLength(3)
      const [, ...later] = rounds.map(({ report }) => (report as Report).privacy?.reason)
      expect(later).toEqual([undefined, undefined])
    }
  })

  it.runIf(full)('gives the same models in a cluster of processes as in a simulation', () =>
    inTemporaryFolder(async (folder) => {
      const scenario = { ...SMALL, controls: { honest: false, undefended: false, baseline: false } }
      const played = await simulate(scenario, { trainingThreads: 1, cacheFolder: CACHE })
      const results = join(folder, 'results')
      await runScenario(scenario, { folder: results, stage: 'cluster', cacheFolder: CACHE, workers: 2 })
      const { record } = await readRun(join(results, 'attacked', 'seed-1'))
      const cids = (rounds: readonly { readonly report: { readonly aggregateCid: string } }[]) =>
        rounds.map(({ report }) => report.aggregateCid)
      expect(record.records.map(({ rounds }) => cids(rounds))).toEqual(
        played.record.records.map(({ rounds }) => cids(rounds)),
      )
    }),
  )
})
