import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { readBackup } from '../../../src/backup/read-backup.js'
import { writeBackup } from '../../../src/backup/write-backup.js'
import { loadNodeConfig } from '../../../src/config/node-config.js'
import { callCli } from '../../support/call-cli.js'
import { initNodes, listening, roundDone, setBootstrap, startNode } from '../../support/node-pair.js'
import { type CliProcess, inTemporaryFolder } from '../../support/run-cli.js'

async function stop(node: CliProcess): Promise<void> {
  node.child.kill('SIGTERM')
  await node.exit
}

describe('a backup of a node', () => {
  it('is refused while it runs, and goes on elsewhere once it has stopped', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 100_000)
      const alice = startNode(folder, 'alice')
      await setBootstrap(folder, 'bob', await listening(alice))
      const bob = startNode(folder, 'bob')
      await roundDone(bob, 2)
      const refused = await callCli(['node', 'backup', 'bob', 'bob.tar'], folder)
      expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('E_STATE_IN_USE')])
      await stop(bob)
      const backup = await callCli(['node', 'backup', 'bob', 'bob.tar'], folder)
      expect(backup.code).toBe(0)
      expect((await stat(join(folder, 'bob.tar'))).mode & 0o777).toBe(0o600)
      const again = await callCli(['node', 'backup', 'bob', 'bob.tar'], folder)
      expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('already exists')])

      const restored = await callCli(['node', 'restore', 'bob.tar', 'moved'], folder)
      expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('E_ROLLED_BACK')])
      for (const name of ['ledger.car', 'announcements.car'])
        expect(await readFile(join(folder, 'moved/state', name))).toEqual(
          await readFile(join(folder, 'bob/state', name)),
        )
      const { round } = JSON.parse(bob.stdout.at(-1)!) as { round: number }
      const moved = startNode(folder, 'moved')
      await roundDone(moved, round + 2)
      await stop(moved)
      expect((await callCli(['ledger', 'verify', 'moved'], folder)).code).toBe(0)
      // The copy has gone on: the old folder is behind what Alice remembers, and may not sign any more.
      const old = startNode(folder, 'bob')
      expect(await old.exit).toBe(6)
      expect(old.stderr.join('\n')).toContain('E_ROLLED_BACK')
      await stop(alice)
    }))

  it('is restored into a new folder only', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      await writeBackup(await loadNodeConfig(join(folder, 'alice')), join(folder, 'a.tar'))
      const { code, stderr } = await callCli(['node', 'restore', 'a.tar', 'bob'], folder)
      expect([code, stderr]).toEqual([2, expect.stringContaining('is not empty')])
    }))

  it('with a wrong byte anywhere is refused or makes no difference, and leaves nothing behind', () =>
    inTemporaryFolder(async (folder) => {
      await initNodes(folder, ['alice', 'bob'], 4)
      const path = join(folder, 'a.tar')
      await writeBackup(await loadNodeConfig(join(folder, 'alice')), path)
      const whole = join(folder, 'whole')
      await readBackup(path, whole)
      const bytes = await readFile(path)
      const damaged = join(folder, 'damaged.tar')
      // A prime, so that it falls on other places of each record of the archive.
      for (let at = 0; at < bytes.length; at += sized(97, 7)) {
        const copy = Buffer.from(bytes)
        copy[at]! ^= 0x41
        await writeFile(damaged, copy)
        const target = join(folder, `at-${at}`)
        try {
          await readBackup(damaged, target)
          for (const name of await readdir(whole))
            expect(await readFile(join(target, name)), `${name}, byte ${at}`).toEqual(
              await readFile(join(whole, name)),
            )
        } catch (error) {
          expect(error, `byte ${at}`).toMatchObject({ code: 'E_BACKUP' })
          await expect(access(target)).rejects.toThrow('ENOENT')
        }
      }
      for (const length of [0, 511, 600, bytes.length - 1600]) {
        await writeFile(damaged, bytes.subarray(0, length))
        await expect(readBackup(damaged, join(folder, 'cut'))).rejects.toMatchObject({ code: 'E_BACKUP' })
      }
      expect((await readdir(folder)).filter((name) => name.includes('.tmp'))).toEqual([])
    }))
})
