import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRunFolder } from '../../../src/run/run-folder.js'
import { planRun } from '../../../src/scenario/plan.js'
import { scenarioSchema } from '../../../src/scenario/schema.js'
import { planData } from '../../support/small-data.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

describe('run folder', () => {
  it('says how many samples of each class every node was dealt', () =>
    inTemporaryFolder(async (folder) => {
      const scenario = scenarioSchema.parse({
        nodes: 3,
        model: 'softmax',
        data: { split: { kind: 'by-clique', groups: [[1], [0, 2]] } },
      })
      const results = await openRunFolder(folder, planRun(scenario, planData), planData.train)
      await results.close()
      const counts = JSON.parse(await readFile(join(folder, 'data.json'), 'utf8')) as Record<string, number[]>
      // 10 samples of each of 10 classes; node 1 alone has the first five classes.
      expect(counts['node-01']).toEqual([10, 10, 10, 10, 10, 0, 0, 0, 0, 0])
      expect(Object.keys(counts)).toEqual(['node-00', 'node-01', 'node-02'])
      const rest = counts['node-00']!.map((count, label) => count + counts['node-02']![label]!)
      expect(rest).toEqual([0, 0, 0, 0, 0, 10, 10, 10, 10, 10])
    }))
})
