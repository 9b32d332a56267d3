import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../../src/data/dataset.js'
import { decodeImage, resizeBilinear, writePixels } from '../../../../src/data/formats/image-file.js'
import { loadData } from '../../../../src/data/load-data.js'
import { contentsOf, fixture } from '../../../support/data-files.js'
import { ownTask } from '../../../support/own-task.js'

/** Copies fixtures to places in a folder. */
async function fill(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [to, from] of Object.entries(files)) {
    await mkdir(dirname(join(folder, to)), { recursive: true })
    await copyFile(fixture(from), join(folder, to))
  }
}

describe('images that Pillow wrote', () => {
  it.each(['rgb.png', 'grey.png', 'palette.png', 'alpha.png', 'grey16.png'])(
    'reads %s exactly',
    async (name) => {
      const { shape, values } = contentsOf(name)
      const [height = 0, width = 0, channels = 1] = shape
      const out = new Uint8Array(values.length)
      writePixels(decodeImage(name, await readFile(fixture(name))), [height, width, channels], out, 0)
      expect([...out]).toEqual(values)
    },
  )

  it.each(['rgb.jpg', 'grey.jpg'])('reads %s up to rounding', async (name) => {
    const { shape, values } = contentsOf(name)
    const [height = 0, width = 0, channels = 1] = shape
    const out = new Uint8Array(values.length)
    writePixels(decodeImage(name, await readFile(fixture(name))), [height, width, channels], out, 0)
    expect(Math.max(...values.map((value, k) => Math.abs(value - (out[k] as number))))).toBeLessThanOrEqual(4)
  })
})

describe('folders of images', () => {
  it('are one class per folder, in the order of the names', () =>
    inTemporaryFolder(async (folder) => {
      await fill(folder, { 'b/1.png': 'rgb.png', 'a/1.png': 'grey.png', 'b/2.png': 'palette.png' })
      const { train, test } = await loadData({ source: folder, test: folder }, '')
      expect(train).toMatchObject({ count: 3, shape: [3, 2, 3], classes: 2, classNames: ['a', 'b'] })
      expect([...train.targets]).toEqual([0, 1, 1])
      expect([...inputArray(train).slice(18, 36)]).toEqual(contentsOf('rgb.png').values)
      expect(test.sha256).toBe(train.sha256)
    }))

  it('have training and test images, and classes numbered by the task', () =>
    inTemporaryFolder(async (folder) => {
      await fill(folder, { 'train/cat/1.png': 'grey.png', 'test/dog/1.png': 'grey.png' })
      const task = ownTask(
        { type: 'image', shape: [3, 2, 1] },
        { type: 'class', classes: ['dog', 'cat', 'fox'] },
      )
      const { train, test } = await loadData({ source: folder }, '', task)
      expect([...train.targets, ...test.targets]).toEqual([1, 0])
      expect(train.classes).toBe(3)
    }))

  it('are resized when the task says a size', () =>
    inTemporaryFolder(async (folder) => {
      await fill(folder, { '0/a.png': 'rgb.png', '1/b.jpg': 'rgb.jpg' })
      const task = ownTask({ type: 'image', shape: [3, 2, 3] }, { type: 'class', classes: 2 })
      const { train, test, notices } = await loadData({ source: folder, test: 0.5 }, '', task)
      expect(train.shape).toEqual([3, 2, 3])
      expect(train.count + test.count).toBe(2)
      expect(notices).toContain('1 image resized to 3×2 (bilinear) for the task')
    }))

  it('name the files that are left out, but hidden ones', () =>
    inTemporaryFolder(async (folder) => {
      await fill(folder, { 'a/1.png': 'grey.png', 'b/1.png': 'grey.png', 'b/.hidden': 'grey.png' })
      for (const name of ['1.bmp', '2.webp', '3.gif', '4.txt', '5.tiff'])
        await copyFile(fixture('grey.png'), join(folder, 'b', name))
      const { train, notices } = await loadData({ source: folder, test: folder }, '')
      expect(train.count).toBe(2)
      expect(notices).toContain(
        '5 files left out, being neither PNG nor JPEG by name: b/1.bmp, b/2.webp, b/3.gif, b/4.txt, …',
      )
    }))

  it('keep the numbers of a node that has only some classes', () =>
    inTemporaryFolder(async (folder) => {
      await fill(folder, { '7/a.png': 'grey.png', '2/b.png': 'grey.png' })
      const task = ownTask({ type: 'image', shape: [3, 2, 1] }, { type: 'class', classes: 10 })
      const { train, test } = await loadData({ source: folder, test: folder }, '', task)
      expect([...train.targets].sort()).toEqual([2, 7])
      expect(test.classes).toBe(10)
    }))
})

describe('resizing', () => {
  const grey = (values: number[]) => Uint8Array.from(values.flatMap((v) => [v, v, v, 255]))
  const channel = (rgba: Uint8Array) => [...rgba].filter((_, k) => k % 4 === 0)

  it('interpolates between the centres of pixels', () => {
    expect(channel(resizeBilinear(grey([0, 100]), 2, 1, 4, 1))).toEqual([0, 25, 75, 100])
    expect(channel(resizeBilinear(grey([0, 100, 100, 200]), 2, 2, 1, 1))).toEqual([100])
  })
})

describe('CIFAR', () => {
  const record = (labels: number[], base: number) =>
    Buffer.concat([
      Buffer.from(labels),
      Buffer.from(Uint8Array.from({ length: 3072 }, (_, k) => (base + Math.floor(k / 1024)) % 256)),
    ])

  it('reads CIFAR-10 with its names, planes turned into pixels', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'data_batch_1.bin'), Buffer.concat([record([3], 10), record([9], 20)]))
      await writeFile(join(folder, 'data_batch_2.bin'), record([0], 30))
      await writeFile(join(folder, 'test_batch.bin'), record([1], 40))
      const names = Array.from({ length: 10 }, (_, k) => `class-${k}`)
      await writeFile(join(folder, 'batches.meta.txt'), `${names.join('\n')}\n\n`)
      const { train, test } = await loadData({ source: folder }, '')
      expect(train).toMatchObject({ count: 3, shape: [32, 32, 3], classes: 10, classNames: names })
      expect([...train.targets]).toEqual([3, 9, 0])
      expect([...inputArray(train).slice(0, 6)]).toEqual([10, 11, 12, 10, 11, 12])
      expect(test.count).toBe(1)
      const reversed = ownTask(
        { type: 'image', shape: [32, 32, 3] },
        { type: 'class', classes: [...names].reverse() },
      )
      expect([...(await loadData({ source: folder }, '', reversed)).train.targets]).toEqual([6, 0, 9])
    }))

  it('reads fine or coarse labels of CIFAR-100', () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'train.bin'), record([19, 99], 0))
      await writeFile(join(folder, 'test.bin'), record([1, 2], 0))
      expect([...(await loadData({ source: folder }, '')).train.targets]).toEqual([99])
      const coarse = ownTask({ type: 'image', shape: [32, 32, 3] }, { type: 'class', classes: 20 })
      expect([...(await loadData({ source: folder }, '', coarse)).train.targets]).toEqual([19])
    }))
})
