import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../src/data/dataset.js'
import { openNpzArrays } from '../../../src/data/formats/npz.js'
import { openSource } from '../../../src/data/formats/open-source.js'
import type { RowSource } from '../../../src/data/formats/raw.js'
import { loadData } from '../../../src/data/load-data.js'
import type { PartitionScheme } from '../../../src/data/partition.js'
import { splitSource } from '../../../src/data/split/split-source.js'
import { encodeNpz } from '../../../src/export/npz.js'
import { allRows, fixture } from '../../support/data-files.js'

async function split(
  folder: string,
  source: string,
  nodes: number,
  scheme: PartitionScheme = { kind: 'iid' },
  label?: string,
) {
  const out = join(folder, 'out')
  const report = await splitSource({ source, nodes, scheme, seed: 3, label, out, cacheFolder: '' })
  expect(JSON.parse(await readFile(join(out, 'split.json'), 'utf8'))).toEqual(report)
  return { out, report, paths: report.parts.map((part) => join(out, part.folder)) }
}

describe('dealing a source', () => {
  it('gives every row of a table to one part, quotes and all', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 't.csv')
      const rows = Array.from({ length: 30 }, (_, k) => [
        String(k),
        `text "${k}", more\nlines `,
        k % 3 ? 'a' : 'b',
      ])
      const quoted = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
      await writeFile(source, ['n,text,label', ...quoted].join('\n'))
      const { paths, report } = await split(folder, source, 3, { kind: 'label-groups', degree: 1 }, 'label')
      const found = await Promise.all(
        paths.map(async (path) => (await allRows((await openSource(path, '')) as RowSource)).cells),
      )
      expect(found.flat().sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(rows)
      expect(report.parts.map(({ labels }) => Object.keys(labels))).toEqual([['b'], ['a'], ['b']])
      expect(report.parts.reduce((sum, { count }) => sum + count, 0)).toBe(30)
      expect(report.sha256).toMatch(/^[0-9a-f]{64}$/)
    }))

  it('keeps the lines of JSON lines as they are', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 't.jsonl')
      const lines = ['{"a": 1,  "rare": [1,2]}', '{"a":2}', '{"b":"ä"}']
      await writeFile(source, lines.join('\n'))
      const { paths } = await split(folder, source, 2)
      const texts = await Promise.all(paths.map((path) => readFile(join(path, 't.jsonl'), 'utf8')))
      expect(texts.join('').trim().split('\n').sort()).toEqual([...lines].sort())
    }))

  it('deals arrays of NPZ files and gives everybody the test samples', () =>
    inTemporaryFolder(async (folder) => {
      const { paths } = await split(folder, fixture('split.npz'), 2)
      const whole = await loadData({ source: fixture('split.npz') }, '')
      const parts = await Promise.all(paths.map((path) => loadData({ source: path, classes: 2 }, '')))
      expect(parts.map(({ test }) => test.sha256)).toEqual([whole.test.sha256, whole.test.sha256])
      expect(parts.map(({ train }) => train.count)).toEqual([2, 2])
      const images = parts.flatMap(({ train }) =>
        [0, 1].map((k) => [...inputArray(train).slice(8 * k, 8 * k + 8)].join()),
      )
      const all = [0, 1, 2, 3].map((k) => [...inputArray(whole.train).slice(8 * k, 8 * k + 8)].join())
      expect(images.sort()).toEqual(all.sort())
    }))

  it('deals an array that is read in several pieces, with rows divided between them', () =>
    inTemporaryFolder(async (folder) => {
      const [rows, width] = [30_000, 37]
      const data = Float32Array.from({ length: rows * width }, (_, k) => k)
      const y = Float32Array.from({ length: rows }, (_, k) => k % 3)
      const source = join(folder, 'a.npz')
      await writeFile(
        source,
        await encodeNpz([
          { name: 'x', shape: [rows, width], data },
          { name: 'y', shape: [rows], data: y },
        ]),
      )
      const { paths, report } = await split(folder, source, 3, { kind: 'dirichlet', alpha: 1 })
      const seen = new Uint8Array(rows)
      for (const [k, path] of paths.entries()) {
        const [x, labels] = await Promise.all(
          ['x', 'y'].map(async (name) =>
            (await openNpzArrays(join(path, 'a.npz'))).get(name)?.load('float32'),
          ),
        )
        expect(labels).toHaveLength(report.parts[k]?.count as number)
        labels?.forEach((label, sample) => {
          const row = (x?.[sample * width] as number) / width
          seen[row] = 1
          expect([label, x?.[sample * width + width - 1]]).toEqual([row % 3, row * width + width - 1])
        })
      }
      expect(seen.every((mark) => mark === 1)).toBe(true)
    }))

  it('deals the digits as IDX files', () =>
    inTemporaryFolder(async (folder) => {
      const { paths, report } = await split(folder, 'mnist', 2, { kind: 'shards', perNode: 2 })
      const { train, test } = await loadData({ source: paths[1] as string }, '')
      expect(train.count).toBe(report.parts[1]?.count)
      expect(test.count).toBe(2000)
    }))

  it('deals folders of images, with a folder for every class in every part', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 'images')
      for (const name of ['cat', 'dog']) {
        await mkdir(join(source, name), { recursive: true })
        for (const k of [1, 2]) await copyFile(fixture('rgb.png'), join(source, name, `${k}.png`))
      }
      const { paths, report } = await split(folder, source, 2, { kind: 'label-groups', degree: 1 })
      for (const path of paths) expect((await readdir(path)).sort()).toEqual(['cat', 'dog'])
      expect(report.parts.map(({ labels }) => labels)).toEqual([{ cat: 2 }, { dog: 2 }])
    }))

  it('deals images of any size and of one class, and names what is left out', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 'images')
      await mkdir(join(source, 'cat'), { recursive: true })
      await copyFile(fixture('rgb.png'), join(source, 'cat', '1.png'))
      await copyFile(fixture('rgb.jpg'), join(source, 'cat', '2.jpg'))
      await copyFile(fixture('rgb.jpg'), join(source, 'cat', '3.bmp'))
      const { report } = await split(folder, source, 2)
      expect(report.parts.map(({ count }) => count)).toEqual([1, 1])
      expect(report.notices).toEqual([expect.stringContaining('1 file left out')])
    }))

  it('refuses an image that ends too early, in training and in test', () =>
    inTemporaryFolder(async (folder) => {
      const source = join(folder, 'images')
      const image = await readFile(fixture('rgb.png'))
      for (const name of ['train/cat', 'train/dog', 'test/cat', 'test/dog']) {
        await mkdir(join(source, name), { recursive: true })
        await writeFile(join(source, name, '1.png'), image)
      }
      for (const damaged of ['train/dog/1.png', 'test/dog/1.png']) {
        await writeFile(join(source, damaged), image.subarray(0, image.length - 20))
        await expect(split(folder, source, 2)).rejects.toMatchObject({
          code: 'E_DATA_FORMAT',
          message: expect.stringContaining(damaged),
        })
        await writeFile(join(source, damaged), image)
      }
    }))

  it.each([
    ['Parquet', fixture('pandas-none.parquet'), { kind: 'iid' }, /convert it to CSV/],
    ['a table without labels', fixture('pandas.csv'), { kind: 'dirichlet', alpha: 1 }, /--label/],
    ['more parts than rows', fixture('plain.npz'), { kind: 'iid' }, /cannot share/],
  ] as const)('refuses %s', (_, source, scheme, message) =>
    inTemporaryFolder(async (folder) => {
      await expect(split(folder, source, source.endsWith('npz') ? 9 : 2, scheme)).rejects.toThrow(message)
    }),
  )
})
