import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { readRun, runMatrix, runScenario, simulate } from '@tempered/lab'
import { registerRule } from '@tempered/robust-agg/custom'
import { describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const SMALL = {
  nodes: 3,
  model: 'softmax',
  training: { rounds: 2, localSteps: 1 },
  evaluation: { every: 1, samples: 50 },
} as const

describe('simulate', () => {
  it('runs a rule that this process has registered, and gives its rounds', async () => {
    registerRule({
      name: 'library-test-own',
      combine: ({ own, neighbours }) => ({ vector: own, accepted: neighbours.map(() => false) }),
    })
    const { measures, rounds, record } = await simulate(
      { ...SMALL, rule: 'library-test-own' },
      { trainingThreads: 1, cacheFolder: CACHE },
    )
    expect(measures.acceptance).toBe(0)
    expect(rounds.map(({ round }) => round)).toEqual([0, 1])
    expect(record.nodes).toHaveLength(3)
  })

  it('says what is wrong with a scenario', async () => {
    await expect(simulate({ ...SMALL, rule: 'krumm' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining("Did you mean 'krum'?"),
    })
    await expect(simulate({ ...SMALL, nodes: 'many' as never })).rejects.toThrow(/scenario: nodes: /)
  })

  it('rejects with the reason of its signal', async () => {
    const controller = new AbortController()
    const running = simulate(
      { ...SMALL, training: { rounds: 500, localSteps: 1 } },
      {
        trainingThreads: 1,
        cacheFolder: CACHE,
        signal: controller.signal,
        onEvent: ({ type }) => type === 'round' && controller.abort(new Error('enough')),
      },
    )
    await expect(running).rejects.toThrow('enough')
  })
})

describe('runScenario', () => {
  it('writes what readRun reads, reports progress, and judges assertions', async () => {
    await inTemporaryFolder(async (folder) => {
      const progress: string[] = []
      const { runs, assertions, interrupted } = await runScenario(
        {
          ...SMALL,
          controls: { honest: false, undefended: false, baseline: false },
          assertions: ['mter <= 1'],
        },
        { stage: 'simulate', folder, cacheFolder: CACHE, onProgress: ({ type }) => void progress.push(type) },
      )
      expect(interrupted).toBe(false)
      expect(assertions).toMatchObject([{ ok: true }])
      expect(progress[0]).toBe('run-started')
      const stored = await readRun(join(folder, runs[0]!.folder))
      expect(stored.record.rounds).toBe(2)
      await access(join(folder, 'summary.json'))
    })
  })
})

describe('runMatrix', () => {
  it('gives the cells, and keeps those that are done', async () => {
    await inTemporaryFolder(async (folder) => {
      const lab = {
        name: 'small',
        scenario: SMALL,
        axes: { rules: ['median'], topologies: ['complete'] },
        controls: { honest: true, undefended: false, baseline: false },
      }
      const first = await runMatrix(lab, { folder, parallel: 1 })
      expect(first.cells).toMatchObject([{ rule: 'median', attack: 'none', status: 'done' }])
      let ran = 0
      const second = await runMatrix(lab, { folder, parallel: 1, onCell: () => void ran++ })
      expect(second.cells[0]!.measures).toEqual(first.cells[0]!.measures)
      expect(ran).toBe(0)
    })
  })
})
