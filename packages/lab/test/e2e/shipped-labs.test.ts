import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadData } from '@tempered/train'
import { afterAll, describe, expect, it } from 'vitest'
import { CACHE } from '../../../../test-support/cache.js'
import { full, sized } from '../../../../test-support/tier.js'
import { loadDocument } from '../../src/documents/load-document.js'
import { createCellRunner } from '../../src/matrix/cell-run.js'
import { type Cell, cellsOf, representatives } from '../../src/matrix/cells.js'
import { labSchema } from '../../src/matrix/lab-schema.js'
import { planRun } from '../../src/scenario/plan.js'
import { checkScenario } from '../../src/scenario/scenario-checks.js'
import { scenarioSchema } from '../../src/scenario/schema.js'

const LABS = fileURLToPath(new URL('../../../../scenarios/labs', import.meta.url))

const sources = new Map<string, ReturnType<typeof loadData>>()
function sourceOf(name: string): ReturnType<typeof loadData> {
  const source = sources.get(name) ?? loadData({ source: name }, CACHE)
  sources.set(name, source)
  return source
}

/** Three cells, evenly over the lab; in the quick tier the one in its middle. */
function sample(cells: readonly Cell[]): Cell[] {
  const picked = sized([1 / 2], [0, 1 / 2, 1]).map((part) => cells[Math.round(part * (cells.length - 1))]!)
  return [...new Set(picked)]
}

/** One for all labs: its data and its training threads are the same. */
const runner = createCellRunner(CACHE)
afterAll(() => runner.close())

const labs = readdirSync(LABS).map((file, index): [string, number] => [file, index])

describe.each(labs)('scenarios/labs/%s', (file, index) => {
  const load = async () => {
    const lab = await loadDocument(join(LABS, file), labSchema)
    return { name: lab.name, cells: cellsOf({ ...lab, axes: { ...lab.axes, seeds: [1] } }) }
  }

  it('can be planned whole', async () => {
    const { name, cells } = await load()
    expect(`${name}.yaml`).toBe(file)
    for (const { id, scenario } of representatives(cells)) {
      const parsed = scenarioSchema.parse(scenario)
      const plan = planRun(parsed, await sourceOf(parsed.data.source))
      expect(checkScenario(parsed), id).toEqual([])
      expect(plan.nodes).toHaveLength(parsed.nodes)
    }
  })

  // In the quick tier every third lab.
  it.runIf(full || index % 3 === 0)('a sample of it runs', async () => {
    const { cells } = await load()
    for (const { id, scenario } of sample(cells)) {
      const small = {
        ...scenario,
        training: { ...scenario.training, rounds: 1, localSteps: 1 },
        evaluation: { every: 1, samples: 20 },
      }
      const { measures } = await runner.run(small).catch((error) => {
        throw new Error(`${id}: ${error.message}`, { cause: error })
      })
      expect(measures.worstHonestAccuracy, id).not.toBeNull()
      expect(measures.finishedHonest, id).toBeGreaterThan(0)
    }
  })
})
