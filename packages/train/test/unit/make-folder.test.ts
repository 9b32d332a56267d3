import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../lab/test/support/temporary-folder.js'
import { makeFolder } from '../../src/make-folder.js'

describe('a folder', () => {
  it('is made with those above it, and left as it is', () =>
    inTemporaryFolder(async (root) => {
      const folder = join(root, 'a', 'b')
      expect(await makeFolder(folder)).toBe(join(root, 'a'))
      expect(await makeFolder(folder)).toBeUndefined()
      expect(await readdir(folder)).toEqual([])
    }))

  it('is made by several at the same time', () =>
    inTemporaryFolder(async (root) => {
      for (let k = 0; k < 20; k++) {
        const folder = join(root, String(k), 'b', 'c')
        await Promise.all(Array.from({ length: 8 }, () => makeFolder(folder)))
        expect(await readdir(folder)).toEqual([])
      }
    }))

  it.runIf(process.platform === 'linux')('that cannot be made is an error, not an endless loop', () =>
    inTemporaryFolder(async (root) => {
      await expect(makeFolder('/proc/tempered/state')).rejects.toMatchObject({ code: 'ENOENT' })
      const file = join(root, 'file')
      await writeFile(file, '')
      await expect(makeFolder(join(file, 'state'))).rejects.toMatchObject({ code: 'ENOTDIR' })
      await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' })
    }),
  )
})
