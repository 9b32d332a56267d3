import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hashDataset, type InputArray, inputArray, labelsOf, volume } from '../../../src/data/dataset.js'
import { EMBEDDED_MNIST_SHA256, loadEmbeddedMnist } from '../../../src/data/embedded-mnist.js'
import { histogram } from '../../../src/data/partition.js'

/** A folder with a good cache, made once: converting the digits takes a second. */
let made: string
let folder: string
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'tempered-mnist-'))
  await loadEmbeddedMnist(made)
})
afterAll(() => rm(made, { recursive: true, force: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-mnist-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const useMade = () => cp(made, folder, { recursive: true })

async function cacheFile(): Promise<string> {
  const names = await readdir(folder)
  expect(names).toHaveLength(1)
  return join(folder, names[0] as string)
}

describe('loadEmbeddedMnist', () => {
  it('gives 8,000 digits to train on and a balanced test part of 2,000', async () => {
    const { train, test } = await loadEmbeddedMnist(folder)
    expect(train.count).toBe(8000)
    expect(test.count).toBe(2000)
    expect(train.inputs.length).toBe(8000 * volume(train.shape))
    expect(train.shape).toEqual([28, 28, 1])
    const all = Uint32Array.from({ length: 2000 }, (_, k) => k)
    expect([...histogram(labelsOf(test), all, 10)]).toEqual(new Array(10).fill(200))
    expect([...test.targets.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    // The train part is mixed: every class is among its first 100.
    expect([...histogram(labelsOf(train), all.subarray(0, 100), 10)].every((count) => count > 0)).toBe(true)
    expect(inputArray(train).buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(train.sha256).toBe(EMBEDDED_MNIST_SHA256.train)
    expect(hashDataset(test)).toBe(EMBEDDED_MNIST_SHA256.test)
  })

  it('keeps no image of the test part in the train part', async () => {
    await useMade()
    const { train, test } = await loadEmbeddedMnist(folder)
    const key = (images: InputArray, k: number) =>
      Buffer.from(images.subarray(k * 784, (k + 1) * 784)).toString('latin1')
    const seen = new Set(Array.from({ length: 8000 }, (_, k) => key(inputArray(train), k)))
    expect(seen.size).toBe(8000)
    for (let k = 0; k < 2000; k++) expect(seen.has(key(inputArray(test), k))).toBe(false)
  })

  it('reads the cache and leaves it alone', async () => {
    await useMade()
    const first = await loadEmbeddedMnist(folder)
    const file = await cacheFile()
    const before = await stat(file)
    const second = await loadEmbeddedMnist(folder)
    expect((await stat(file)).ino).toBe(before.ino)
    expect(Buffer.compare(Buffer.from(inputArray(first.train)), Buffer.from(inputArray(second.train)))).toBe(
      0,
    )
  })

  it.each([
    [
      'one byte changed',
      (bytes: Buffer) => bytes.fill((bytes[5_000_000] as number) ^ 1, 5_000_000, 5_000_001),
    ],
    ['an impossible label', (bytes: Buffer) => bytes.fill(200, bytes.length - 1)],
    ['truncated', (bytes: Buffer) => bytes.subarray(0, 1000)],
    ['another version', (bytes: Buffer) => bytes.fill('9', 15, 16)],
    ['empty', () => Buffer.alloc(0)],
  ])('rebuilds the cache when it is damaged: %s', async (_name, damage) => {
    await useMade()
    const file = await cacheFile()
    const good = await readFile(file)
    const bad = damage(Buffer.from(good))
    expect(good.equals(bad)).toBe(false)
    await writeFile(file, bad)
    const { train } = await loadEmbeddedMnist(folder)
    expect(train.sha256).toBe(EMBEDDED_MNIST_SHA256.train)
    expect((await readFile(await cacheFile())).equals(good)).toBe(true)
  })

  it('works in a folder that cannot be created', async () => {
    await writeFile(join(folder, 'file'), '')
    const { test } = await loadEmbeddedMnist(join(folder, 'file', 'cache'))
    expect(test.sha256).toBe(EMBEDDED_MNIST_SHA256.test)
  })

  it('may be called many times at once', async () => {
    const sources = await Promise.all(Array.from({ length: 4 }, () => loadEmbeddedMnist(folder)))
    expect(new Set(sources.map((source) => source.train.sha256)).size).toBe(1)
    await cacheFile()
  })
})
