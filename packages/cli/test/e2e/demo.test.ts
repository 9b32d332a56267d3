import { describe, expect, it } from 'vitest'
import { inTemporaryFolder, runCli } from '../support/run-cli.js'

describe('tempered demo', () => {
  it('runs both rules on the same seed, and the defended worst node beats the undefended one', () =>
    inTemporaryFolder(async (folder) => {
      const run = await runCli(['demo', '--rounds', '3'], folder)
      expect(run.code, run.stderr).toBe(0)
      expect(run.stderr.match(/average {2}round \d\/3/g)).toHaveLength(3)
      expect(run.stderr.match(/balance {2}round \d\/3/g)).toHaveLength(3)
      for (const label of ['worst honest node', 'filter recall', 'seconds a round', 'results: runs/demo-']) {
        expect(run.stdout).toContain(label)
      }
      expect(run.stdout.match(/10 of 10/g)).toHaveLength(2)
    }))
})
