import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSource } from '@tempered/node'
import { describe, expect, it } from 'vitest'
import { loadDocument } from '../../src/documents/load-document.js'
import { createCellRunner } from '../../src/matrix/cell-run.js'
import { type Cell, cellsOf, representatives } from '../../src/matrix/cells.js'
import { labSchema } from '../../src/matrix/lab-schema.js'
import { planRun } from '../../src/scenario/plan.js'
import { checkScenario } from '../../src/scenario/scenario-checks.js'
import { scenarioSchema } from '../../src/scenario/schema.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const LABS = fileURLToPath(new URL('../../../../scenarios/labs', import.meta.url))

/** Four cells, evenly over the lab. */
function sample(cells: readonly Cell[]): Cell[] {
  const picked = [0, 1 / 3, 2 / 3, 1].map((part) => cells[Math.round(part * (cells.length - 1))]!)
  return [...new Set(picked)]
}

describe.each(readdirSync(LABS))('scenarios/labs/%s', (file) => {
  it('can be planned whole, and a sample of it runs', () =>
    inTemporaryFolder(async (folder) => {
      const lab = await loadDocument(join(LABS, file), labSchema)
      expect(`${lab.name}.yaml`).toBe(file)
      const cells = cellsOf({ ...lab, axes: { ...lab.axes, seeds: [1] } })
      for (const { id, scenario } of representatives(cells)) {
        const parsed = scenarioSchema.parse(scenario)
        const plan = planRun(parsed, await loadSource(parsed.data.source, folder))
        expect(checkScenario(parsed), id).toEqual([])
        expect(plan.nodes).toHaveLength(parsed.nodes)
      }
      const runner = createCellRunner(folder)
      try {
        for (const { id, scenario } of sample(cells)) {
          const small = {
            ...scenario,
            training: { ...scenario.training, rounds: 1, localSteps: 1 },
            evaluation: { every: 1, samples: 20 },
          }
          const measures = await runner.run(small).catch((error) => {
            throw new Error(`${id}: ${error.message}`, { cause: error })
          })
          expect(measures.worstHonestAccuracy, id).not.toBeNull()
          expect(measures.finishedHonest, id).toBeGreaterThan(0)
        }
      } finally {
        await runner.close()
      }
    }))
})
