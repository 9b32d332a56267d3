import { join } from 'node:path'
import { startRecordedRun } from '@tempered/lab/run'
import { planRun, type ScenarioInput, scenarioSchema } from '@tempered/lab/scenario'
import { startSimulation } from '@tempered/lab/simulate'
import { loadData } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { full, sized } from '../../../../test-support/tier.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

interface Outcome {
  /** Score of the model with which each node ended each round, by round and node. */
  readonly scores: (number | null)[][]
  /** Authors of the final blocks, as the first node knows them. */
  readonly authors: readonly string[]
  readonly finished: number
  readonly failed: readonly unknown[]
  readonly ledgers: { readonly checked: number; readonly valid: number }
}

const SCENARIO: ScenarioInput = {
  name: 'chain',
  nodes: 5,
  model: 'softmax',
  data: { split: { kind: 'iid' } },
  rule: 'median',
  training: { rounds: 4, localSteps: 4, learningRate: 0.1 },
  evaluation: { every: 1, samples: 100 },
}

function simulate(input: ScenarioInput): Promise<Outcome> {
  return inTemporaryFolder(async (folder) => {
    const scenario = scenarioSchema.parse({ ...SCENARIO, ...input })
    const scores: (number | null)[][] = []
    const authors: string[] = []
    const run = await startRecordedRun({
      plan: planRun(scenario, await loadData({ source: scenario.data.source }, CACHE)),
      folder: join(folder, 'run'),
      cacheFolder: CACHE,
      workers: 1,
      logLevel: 'silent',
      stage: startSimulation,
      writeFiles: false,
      onEvent(event) {
        if (event.type !== 'round') return
        const { round, testMetric } = event.report
        scores[round] ??= []
        scores[round]![event.index] = testMetric
        if (event.index === 0) authors.push(...(event.report.chain?.authors ?? []))
      },
    })
    const { failed, ledgers, finishedHonest: finished } = await run.finish()
    return { scores, authors, failed, ledgers, finished }
  })
}

/** Whether all nodes have the same model. */
const isCommon = (scores: readonly (number | null)[] | undefined): boolean =>
  scores !== undefined && new Set(scores.filter((score) => score !== undefined)).size === 1

describe('a common chain in a simulation', () => {
  it.each(['bft', 'pos', 'pofl', 'pow', 'vbfl'])('gives all nodes one model: %s', async (architecture) => {
    const { scores, failed, ledgers, finished } = await simulate({ chain: { architecture } } as ScenarioInput)
    expect(failed).toEqual([])
    expect(finished).toBe(5)
    expect(ledgers).toMatchObject({ checked: 5, valid: 5 })
    expect(scores).toHaveLength(4)
    // Two miners may find a block at the same time; the last round is final.
    const rounds = architecture === 'pow' ? scores.slice(-1) : scores
    for (const round of rounds) expect(isCommon(round), JSON.stringify(scores)).toBe(true)
  })

  it('repeats itself bit by bit', async () => {
    const input = { chain: sized('pos', 'pow') } as unknown as ScenarioInput
    expect(await simulate(input)).toEqual(await simulate(input))
  })

  it.each(['bft', 'pow', 'vbfl'])('goes on without a node, which comes back: %s', async (architecture) => {
    const { scores, failed, finished } = await simulate({
      chain: { architecture },
      training: { rounds: 8, localSteps: 2, learningRate: 0.1 },
      faults: [
        { at: 2, kill: [3] },
        { at: 4, restart: [3] },
      ],
    } as ScenarioInput)
    expect(failed).toEqual([])
    expect(finished).toBe(5)
    expect(isCommon(scores.at(-1)), JSON.stringify(scores)).toBe(true)
    expect(scores.at(-1)?.[3]).toBeDefined()
  })

  it.each(['bft', 'pos'])('takes rules that remember earlier rounds: %s', async (architecture) => {
    const { scores, failed, finished } = await simulate({
      chain: { architecture },
      rule: { name: 'geometric-median', pre: ['reputation'] },
      training: { rounds: 6, localSteps: 3, learningRate: 0.1 },
      adversaries: [{ nodes: [1], attack: 'wrong-aggregate' }],
    } as unknown as ScenarioInput)
    expect(failed).toEqual([])
    expect(finished).toBe(4)
    const honest = scores.at(-1)?.filter((_, index) => index !== 1)
    expect(isCommon(honest), JSON.stringify(scores)).toBe(true)
  })

  it('stands a member whose models are poison', async () => {
    const { scores, failed } = await simulate({
      chain: 'bft',
      adversaries: [{ nodes: [1], attack: 'sign-flip-model' }],
    } as unknown as ScenarioInput)
    expect(failed).toEqual([])
    expect(isCommon(scores.at(-1))).toBe(true)
  })
})

describe('attacks on a chain', () => {
  it.each([
    ['bft', 'block-withholding'],
    ['bft', 'double-proposal'],
    ['bft', 'vote-flipping'],
    ['pos', 'double-proposal'],
    ['pow', 'selfish-mining'],
    ['pofl', 'false-score'],
    ['pos', 'stake-grinding'],
    ['vbfl', 'vote-flipping'],
    ['vbfl', 'block-withholding'],
    ['vbfl', 'wrong-aggregate'],
    ['bft', 'wrong-aggregate'],
    ['pow', 'wrong-aggregate'],
  ])('do not keep the others from agreeing: %s, %s', async (architecture, attack) => {
    const { scores, failed } = await simulate({
      chain: { architecture },
      adversaries: [{ nodes: [1], attack }],
    } as ScenarioInput)
    expect(failed).toEqual([])
    const honest = scores.at(-1)?.filter((_, index) => index !== 1)
    expect(honest).toHaveLength(4)
    expect(isCommon(honest), JSON.stringify(scores)).toBe(true)
  })

  it.runIf(full)(
    'draw themselves: who grinds writes most blocks of a proof of stake that draws by them',
    async () => {
      const share = async (attack: string, drawByBlock: number): Promise<number> => {
        const { authors } = await simulate({
          nodes: 8,
          chain: { architecture: 'pos', params: { drawByBlock } },
          training: { rounds: 30, localSteps: 1, learningRate: 0.1 },
          adversaries: [{ nodes: [1, 4], attack }],
        } as unknown as ScenarioInput)
        expect(authors).toHaveLength(30)
        const counts = new Map<string, number>()
        for (const author of authors) counts.set(author, (counts.get(author) ?? 0) + 1)
        // Of the two that write most.
        const [first = 0, second = 0] = [...counts.values()].sort((x, y) => y - x)
        return (first + second) / authors.length
      }
      expect(await share('label-flip', 1)).toBeLessThan(0.6)
      expect(await share('stake-grinding', 1)).toBeGreaterThan(0.75)
      // By the aggregate there is nothing to try.
      expect(await share('stake-grinding', 0)).toBeLessThan(0.6)
    },
  )

  it.runIf(full)('stop it where more members lie than it bears', async () => {
    const { failed } = await simulate({
      chain: 'bft',
      adversaries: [{ nodes: [1, 2], attack: 'vote-flipping' }],
    } as unknown as ScenarioInput)
    expect(failed).toContainEqual(
      expect.objectContaining({
        code: 'E_NO_AGREEMENT',
        message: 'no block of round 1 after 300 s: too few members keep to the protocol of the chain',
      }),
    )
  })
})

describe('a chain that could not be checked is refused', () => {
  it.each([
    [{ chain: 'bbft' }, /no chain architecture "bbft"; did you mean bft\?/],
    [{ chain: { architecture: 'pow', params: { dificulty: 3 } } }, /chain pow: unknown key dificulty/],
    [
      { chain: { architecture: 'pow', params: { difficulty: 0 } } },
      /parameter difficulty: must be at least 1/,
    ],
    [{ chain: 'bft', topology: 'ring' }, /use topology complete/],
  ])('%j', async (input, message) => {
    await expect(simulate(input as unknown as ScenarioInput)).rejects.toThrow(message)
  })
})
