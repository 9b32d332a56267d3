import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../src/data/dataset.js'
import { loadData } from '../../../src/data/load-data.js'
import { ownTask } from '../../support/own-task.js'

const ROWS = 60_000
const table = (last: string) =>
  `a,long,y\n${Array.from({ length: ROWS }, (_, k) => `${k},something to fill the file,${k % 2}\n`).join('')}${last}`
const task = (mean = 0) =>
  ownTask(
    { type: 'table', columns: [{ name: 'a', type: 'number', mean }] },
    { type: 'class', column: 'y', classes: ['0', '1'] },
  )

async function prepared(work: (source: string, cache: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const source = join(folder, 't.csv')
    await writeFile(source, table(''))
    await work(source, join(folder, 'cache'))
  })
}

describe('the cache of encoded samples', () => {
  it('gives the same samples and notices again, shared between threads', () =>
    prepared(async (source, cache) => {
      const first = await loadData({ source }, cache, task())
      const [name = ''] = await readdir(cache)
      expect((await stat(join(cache, name))).mode & 0o077).toBe(0)
      const again = await loadData({ source }, cache, task())
      expect(again).toEqual(first)
      expect(inputArray(again.train).buffer).toBeInstanceOf(SharedArrayBuffer)
      expect(again.notices).toHaveLength(2)
      expect(await readdir(cache)).toEqual([name])
    }))

  it('is another for other contents, another task, another share', () =>
    prepared(async (source, cache) => {
      await loadData({ source }, cache, task())
      const shifted = await loadData({ source }, cache, task(5))
      expect(inputArray(shifted.train)[0]).toBe(
        (inputArray((await loadData({ source }, cache, task())).train)[0] as number) - 5,
      )
      await loadData({ source, test: 0.5 }, cache, task())
      expect(await readdir(cache)).toHaveLength(3)
      await writeFile(source, table('1,x,1\n'))
      const { train, test } = await loadData({ source }, cache, task())
      expect(train.count + test.count).toBe(ROWS + 1)
    }))

  it('is made again when it is damaged', () =>
    prepared(async (source, cache) => {
      const first = await loadData({ source }, cache, task())
      const file = join(cache, (await readdir(cache))[0] as string)
      const whole = await readFile(file)
      for (const bytes of [
        whole.subarray(0, 100),
        Buffer.from('xx'),
        Buffer.concat([whole.subarray(0, -9), Buffer.alloc(9, 7)]),
      ]) {
        await writeFile(file, bytes)
        expect((await loadData({ source }, cache, task())).train.sha256).toBe(first.train.sha256)
        expect(await readFile(file)).toEqual(whole)
      }
    }))

  it('is not needed: small sources, and folders that cannot be written', () =>
    prepared(async (source, cache) => {
      await writeFile(cache, 'a file where a folder should be')
      expect((await loadData({ source }, cache, task())).train.count).toBeGreaterThan(0)
      await mkdir(`${cache}-2`)
      await writeFile(source, 'a,y\n1,0\n2,1\n')
      await loadData({ source }, `${cache}-2`, task())
      expect(await readdir(`${cache}-2`)).toEqual([])
    }))
})
