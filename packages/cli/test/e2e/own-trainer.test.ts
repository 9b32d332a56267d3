import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { pythonWith } from '../../../../test-support/python.js'
import { callCli } from '../support/call-cli.js'
import { initNodes, listening, setBootstrap, startNode } from '../support/node-pair.js'
import { inTemporaryFolder } from '../support/run-cli.js'

const TRAINER = fileURLToPath(new URL('../../../train/test/support/echo-trainer.py', import.meta.url))
const hasPython = pythonWith() !== undefined

describe.runIf(hasPython)('a trainer of the user’s own', () => {
  it('takes part in a run with a node that trains here; it crashes once, and both ledgers verify and replay', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 2)
      const file = join(folder, 'bob', 'node.yaml')
      const command = JSON.stringify(['python3', TRAINER, 'crash', join(folder, 'crashed')])
      await writeFile(file, `${await readFile(file, 'utf8')}trainer: { command: ${command} }\n`)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      expect(await Promise.all([alice.exit, bob.exit]), bob.stderr.join('\n')).toEqual([0, 0])
      const log = bob.stderr.join('\n')
      expect(log).toContain('7 training samples of the trainer process')
      expect(log).toContain('the trainer ended with exit code 3')
      expect((await callCli(['ledger', 'verify', 'alice', 'bob'], folder)).code).toBe(0)
      const replayed = await callCli(['ledger', 'replay', 'alice', 'bob'], folder)
      expect(replayed.code, replayed.stderr).toBe(0)
    }))

  it('that has another model than the run is refused with both shapes', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 1)
      const file = join(folder, 'bob', 'node.yaml')
      const command = JSON.stringify(['python3', TRAINER, 'other-layout'])
      await writeFile(file, `${await readFile(file, 'utf8')}trainer: { command: ${command} }\n`)
      const bob = startNode(folder, 'bob')
      expect(await bob.exit).toBe(2)
      expect(bob.stderr.join('\n')).toMatch(/E_TRAINER_LAYOUT.*tensor 0 of the trainer is other \[2, 2\]/)
    }))
})
