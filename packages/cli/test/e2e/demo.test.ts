import { describe, expect, it } from 'vitest'
import { full } from '../../../../test-support/tier.js'
import { inTemporaryFolder, runCli } from '../support/run-cli.js'

describe('tempered demo', () => {
  it.runIf(full)(
    'runs both rules on the same seed, and the defended worst node beats the undefended one',
    () =>
      inTemporaryFolder(async (folder) => {
        const rounds = 3
        const run = await runCli(['demo', '--rounds', String(rounds)], folder)
        expect(run.code, run.stderr).toBe(0)
        for (const rule of ['average', 'balance']) {
          const lines = run.stderr.match(new RegExp(`${rule} {2}round \\d/${rounds}`, 'g'))
          expect(lines).toHaveLength(rounds)
        }
        for (const label of [
          'worst honest node',
          'filter recall',
          'seconds per round',
          'results: runs/demo-',
        ]) {
          expect(run.stdout).toContain(label)
        }
        expect(run.stdout.match(/10 of 10/g)).toHaveLength(2)
      }),
  )
})
