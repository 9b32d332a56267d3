import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ledgerFiles, oneLedgerFile } from '../../../src/commands/ledger-paths.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

async function ledgerIn(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'ledger.car')
  await writeFile(file, '')
  return file
}

describe('the ledgers of a path', () => {
  it('of a node are its own, and not those of its paid jobs, which can be named', () =>
    inTemporaryFolder(async (folder) => {
      const node = join(folder, 'alice')
      const own = await ledgerIn(join(node, 'state'))
      const job = await ledgerIn(join(node, 'jobs', 'one', 'state'))
      await writeFile(join(node, 'node.yaml'), 'name: alice\n')
      expect(await ledgerFiles(node)).toEqual([own])
      expect(await ledgerFiles(folder)).toEqual([own])
      expect(await oneLedgerFile(join(node, 'jobs', 'one'))).toBe(job)
      // A folder of that name that is no node's is like any other.
      const run = join(folder, 'jobs')
      const other = await ledgerIn(join(run, 'state'))
      expect((await ledgerFiles(folder)).sort()).toEqual([own, other].sort())
    }))

  it('are named one by one where there are several, and missed where there is none', () =>
    inTemporaryFolder(async (folder) => {
      await expect(oneLedgerFile(folder)).rejects.toMatchObject({ code: 'E_FILE' })
      for (const name of ['a', 'b']) await ledgerIn(join(folder, name))
      await expect(oneLedgerFile(folder)).rejects.toThrow(/holds 2 ledgers; name one, e.g. /)
    }))
})
