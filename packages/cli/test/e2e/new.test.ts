import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callCli } from '../support/call-cli.js'
import { inTemporaryFolder, runCli, startProcess } from '../support/run-cli.js'

describe('tempered new', () => {
  it('writes a rule that loads, passes its test, runs in a scenario and is on its record', async () => {
    await inTemporaryFolder(async (folder) => {
      const made = await callCli(['new', 'rule', 'my-rule'], folder)
      expect(made.code).toBe(0)
      const tested = startProcess(process.execPath, ['--test', 'my-rule.test.mjs'], folder)
      expect(await tested.exit).toBe(0)
      await writeFile(
        join(folder, 's.yaml'),
        'nodes: 4\nmodel: softmax\ntraining: { rounds: 1, localSteps: 1 }\nrule: { module: ./my-rule.mjs }\n' +
          'controls: { honest: false, undefended: false, baseline: false }\n',
      )
      const run = await runCli(
        ['scenario', 'run', 's.yaml', '--stage', 'cluster', '--workers', '1', '--json'],
        folder,
      )
      expect(run.code).toBe(0)
      const result = JSON.parse(run.stdout.split('\n').at(-1)!) as { folder: string }
      const text = await readFile(join(result.folder, 'scenario.yaml'), 'utf8')
      const [, digits] = /name: my-rule@([0-9a-f]{32})/.exec(text)!
      expect(text).toMatch(new RegExp(`sha256: ${digits}[0-9a-f]{32}`))
      const nodes = join(result.folder, 'attacked', 'seed-1', 'nodes')
      const without = await runCli(['ledger', 'replay', nodes], folder)
      expect(without.code).toBe(2)
      expect(without.stderr).toMatch(/code of its own.*Load that very file/)
      const replay = await runCli(['ledger', 'replay', nodes, '--module', 'my-rule.mjs'], folder)
      expect(replay.code).toBe(0)
    })
  })

  it('refuses a name that no module may have, and a file that exists', async () => {
    await inTemporaryFolder(async (folder) => {
      const bad = await callCli(['new', 'rule', 'My_Rule'], folder)
      expect(bad.code).toBe(2)
      expect(bad.stderr).toMatch(/at most 31 lower-case words with dashes/)
      await callCli(['new', 'measure', 'mine'], folder)
      const again = await callCli(['new', 'measure', 'mine'], folder)
      expect(again.code).toBe(2)
      expect(again.stderr).toMatch(/mine\.mjs exists; choose another name, or --force/)
    })
  })
})
