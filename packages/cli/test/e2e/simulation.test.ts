import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, type ScenarioInput, scenarioSchema } from '@tempered/lab/scenario'
import { startSimulation } from '@tempered/lab/simulate'
import { loadData } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { inTemporaryFolder, parseJson, runCli } from '../support/run-cli.js'

interface Outcome {
  /** CID of the aggregate of each node and round. */
  readonly aggregates: Record<string, string>
  /** Consensus distance of each round. */
  readonly consensus: number[]
  readonly honestRefused: number | null
  readonly ledgers: { readonly checked: number; readonly valid: number }
}

async function simulate(input: ScenarioInput, folder: string, trainingThreads: number): Promise<Outcome> {
  const scenario = scenarioSchema.parse(input)
  const plan = planRun(scenario, await loadData({ source: scenario.data.source }, CACHE))
  const aggregates: Record<string, string> = {}
  const consensus: number[] = []
  const run = await startRecordedRun({
    plan,
    folder: join(folder, 'run'),
    cacheFolder: CACHE,
    workers: trainingThreads,
    logLevel: 'silent',
    stage: startSimulation,
    writeFiles: false,
    onEvent(event) {
      if (event.type === 'round')
        aggregates[`${event.index}/${event.report.round}`] = event.report.aggregateCid
      if (event.type === 'observed') consensus.push(event.consensusDistance ?? Number.NaN)
    },
  })
  const { honestRefused, ledgers } = await run.finish()
  return { aggregates, consensus, honestRefused, ledgers }
}

async function runCluster(input: ScenarioInput, folder: string): Promise<Outcome> {
  const file = join(folder, 'scenario.yaml')
  await writeFile(file, JSON.stringify(input))
  const run = await runCli(['cluster', 'run', file, '--out', 'runs', '--json'], folder)
  expect(run.code, run.stderr).toBe(0)
  const aggregates: Record<string, string> = {}
  const consensus: number[] = []
  for (const line of run.stdout.trim().split('\n')) {
    const event = parseJson(line) as {
      type: string
      index: number
      report: { round: number; aggregateCid: string }
      consensusDistance: number
    }
    if (event.type === 'round') aggregates[`${event.index}/${event.report.round}`] = event.report.aggregateCid
    if (event.type === 'observed') consensus.push(event.consensusDistance)
  }
  const [results] = await readdir(join(folder, 'runs'))
  const summary = JSON.parse(
    await readFile(join(folder, 'runs', results!, 'summary.json'), 'utf8'),
  ) as Outcome
  return { aggregates, consensus, honestRefused: summary.honestRefused, ledgers: summary.ledgers }
}

describe('the simulate stage', () => {
  const scenario: ScenarioInput = {
    name: 'same-bits',
    seed: 5,
    nodes: 7,
    topology: { name: 'k-regular', params: { k: 4 } },
    model: 'softmax',
    training: { rounds: 3, localSteps: 3, logitAdjustment: 1 },
    // With losses on own data, and with memory of earlier rounds.
    rule: { name: 'ubar', pre: ['reputation'] },
    evaluation: { samples: 50 },
    // On a busy machine nobody may be given up: the bits depend on which models arrive.
    deadlines: { joinMs: 1_000_000, collectMs: 1_000_000, firstByteMs: 1_000_000, transferMs: 1_000_000 },
    adversaries: [
      { nodes: [2], attack: { name: 'ipm' } },
      { nodes: [5], attack: { name: 'label-flip' } },
    ],
  }

  it('gives the same bits as a cluster of real nodes, whatever the number of training threads', () =>
    inTemporaryFolder(async (folder) => {
      const cluster = await runCluster(scenario, folder)
      const one = await simulate(scenario, folder, 1)
      const two = await simulate(scenario, folder, 2)
      expect(Object.keys(one.aggregates)).toHaveLength(21)
      expect(one.aggregates).toEqual(cluster.aggregates)
      expect(two.aggregates).toEqual(cluster.aggregates)
      expect(one.honestRefused).toBe(cluster.honestRefused)
      expect(one.ledgers).toMatchObject({ checked: 7, valid: 7 })
      expect(one.consensus).toHaveLength(3)
      one.consensus.forEach((distance, k) => {
        expect(distance).toBeGreaterThan(0)
        expect(distance).toBeCloseTo(cluster.consensus[k]!, 6)
      })
    }))

  it('carries out faults by virtual time, the same way in every repetition', () =>
    inTemporaryFolder(async (folder) => {
      const faulty: ScenarioInput = {
        ...scenario,
        nodes: 8,
        topology: { name: 'complete' },
        training: { rounds: 8, localSteps: 1 },
        rule: { name: 'median' },
        adversaries: [],
        deadlines: { collectMs: 5_000 },
        faults: [
          { at: 2, kill: [1] },
          { at: 4, restart: [1] },
          { at: 3, join: [7] },
          {
            at: 5,
            partition: [
              [0, 1, 2, 3],
              [4, 5, 6, 7],
            ],
          },
          { at: 6, heal: true },
          { at: 7, leave: [6] },
          { at: 2, slowTrainer: { nodes: [3], factor: 2 } },
          { at: 2, slowLink: { between: [0, 2], latencyMs: 40, bytesPerSecond: 1_000_000 } },
        ],
      }
      const [one, other] = [await simulate(faulty, folder, 1), await simulate(faulty, folder, 2)]
      expect(one).toEqual(other)
      expect(one.ledgers).toMatchObject({ checked: 8, valid: 8 })
      const rounds = (index: number): number[] =>
        Object.keys(one.aggregates)
          .filter((key) => key.startsWith(`${index}/`))
          .map((key) => Number(key.split('/')[1]))
          .sort((a, b) => a - b)
      expect(rounds(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      // Killed in its second round, and back in the fourth at the earliest.
      expect(rounds(1).at(-1)).toBe(7)
      expect(rounds(1).length).toBeLessThan(8)
      expect(rounds(7)[0]).toBeGreaterThanOrEqual(2)
      expect(rounds(7).at(-1)).toBe(7)
      expect(rounds(6).at(-1)).toBeLessThan(7)
    }))

  it('gives other bits for another seed', () =>
    inTemporaryFolder(async (folder) => {
      const one = await simulate({ ...scenario, training: { rounds: 1, localSteps: 1 } }, folder, 1)
      const other = await simulate(
        { ...scenario, seed: 6, training: { rounds: 1, localSteps: 1 } },
        folder,
        1,
      )
      expect(one.aggregates['0/0']).not.toBe(other.aggregates['0/0'])
    }))
})
