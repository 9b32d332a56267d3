import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Trial } from '@tempered/lab/red-team'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, runCli } from '../support/run-cli.js'

const BASE = `nodes: 6
topology: { name: complete }
model: softmax
training: { rounds: 2, localSteps: 2 }
rule: { name: average }
`

const BUDGET = sized(8, 30)

describe('tempered lab attack', () => {
  it('finds what harms most and writes it down as a scenario that comes to the same', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'base.yaml'), BASE)
      const args = [
        'lab',
        'attack',
        '--scenario',
        'base.yaml',
        '--budget',
        String(BUDGET),
        '--seeds',
        '1',
        '--json',
      ]
      const search = await runCli(args, folder)
      expect(search.code, search.stderr).toBe(0)
      const tried = search.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Trial)
      expect(tried.length).toBeLessThanOrEqual(BUDGET)
      expect(new Set(tried.map(({ candidate }) => candidate.name)).size).toBeGreaterThan(BUDGET / 2)
      const worst = Math.max(...tried.map(({ harm }) => harm ?? 0))
      // Averaging gives way to a single loud voice: the search must find that.
      expect(worst).toBeGreaterThan(0.8)

      const text = await readFile(join(folder, 'worst-case.yaml'), 'utf8')
      expect(text).toContain(`# The worst of ${BUDGET} runs`)
      const again = await callCli(
        ['scenario', 'run', 'worst-case.yaml', '--stage', 'simulate', '--no-controls', '--out', 'runs'],
        folder,
      )
      expect(again.code, again.stderr).toBe(0)
      const accuracy = (100 * (1 - worst)).toFixed(1)
      expect(again.stdout).toContain(`${accuracy} %`)

      const refused = await callCli(args, folder)
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('worst-case.yaml already exists')
    }))
})
