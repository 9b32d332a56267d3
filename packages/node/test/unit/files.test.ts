import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { syncDirectory, writeFileAtomic } from '../../src/files.js'
import { temporaryFolder } from '../support/temporary-folder.js'

describe('writeFileAtomic', () => {
  it('writes text and bytes with the mode that was asked for and leaves no temporary file', async () => {
    const folder = await temporaryFolder()
    await writeFileAtomic(join(folder, 'text'), 'hello')
    await writeFileAtomic(join(folder, 'bytes'), Uint8Array.of(1, 2), 0o600)
    expect(await readFile(join(folder, 'text'), 'utf8')).toBe('hello')
    expect([...(await readFile(join(folder, 'bytes')))]).toEqual([1, 2])
    expect((await stat(join(folder, 'bytes'))).mode & 0o777).toBe(0o600)
    expect((await readdir(folder)).sort()).toEqual(['bytes', 'text'])
  })

  it('replaces a file as a whole', async () => {
    const path = join(await temporaryFolder(), 'file')
    await writeFile(path, 'something long that was there before')
    await writeFileAtomic(path, 'new')
    expect(await readFile(path, 'utf8')).toBe('new')
  })

  it('leaves nothing behind when it cannot finish', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'taken'))
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow()
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('lets writers of one file run at the same time: one of them wins completely', async () => {
    const path = join(await temporaryFolder(), 'file')
    const texts = Array.from({ length: 8 }, (_, k) => String(k).repeat(1000))
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)))
    expect(texts).toContain(await readFile(path, 'utf8'))
  })
})

describe('syncDirectory', () => {
  it('reports a missing folder', async () => {
    await expect(syncDirectory(join(await temporaryFolder(), 'missing'))).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})
