import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/data/data-error.js'
import { inputArray } from '../../../src/data/dataset.js'
import { loadIdxFolder } from '../../../src/data/idx.js'
import { readIdxFile } from '../../../src/data/idx-file.js'

function idx(dimensions: number[], values: ArrayLike<number>, magic = 0x0800 + dimensions.length): Buffer {
  const head = Buffer.alloc(4 + 4 * dimensions.length)
  head.writeUInt32BE(magic)
  dimensions.forEach((size, k) => {
    head.writeUInt32BE(size, 4 + 4 * k)
  })
  return Buffer.concat([head, Uint8Array.from(values)])
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-idx-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const pixels = (count: number) => Uint8Array.from({ length: count * 6 }, (_, k) => (k * 37) % 256)

async function writeSet(options: { prefix?: string; gz?: boolean; test?: string } = {}): Promise<void> {
  const { prefix = '', gz = false, test = 't10k' } = options
  const write = (name: string, bytes: Buffer) =>
    writeFile(join(folder, `${prefix}${name}${gz ? '.gz' : ''}`), gz ? gzipSync(bytes) : bytes)
  await write('train-images-idx3-ubyte', idx([5, 2, 3], pixels(5)))
  await write('train-labels-idx1-ubyte', idx([5], [1, 2, 3, 4, 5]))
  await write(`${test}-images-idx3-ubyte`, idx([2, 2, 3], pixels(2)))
  await write(`${test}-labels-idx1-ubyte`, idx([2], [1, 9]))
}

async function failure(promise: Promise<unknown>): Promise<DataError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DataError)
  return error as DataError
}

describe('loadIdxFolder', () => {
  it.each([false, true])('reads the four files (gzip: %s)', async (gz) => {
    await writeSet({ gz })
    const { train, test } = await loadIdxFolder(folder)
    expect(train.shape).toEqual([2, 3, 1])
    expect([...inputArray(train)]).toEqual([...pixels(5)])
    expect([...train.targets]).toEqual([1, 2, 3, 4, 5])
    expect([...test.targets]).toEqual([1, 9])
    expect(train.classes).toBe(10)
    expect(inputArray(train).buffer).toBeInstanceOf(SharedArrayBuffer)
  })

  it('gives a plain and a compressed set the same hash', async () => {
    await writeSet()
    const plain = await loadIdxFolder(folder)
    await rm(folder, { recursive: true })
    folder = await mkdtemp(join(tmpdir(), 'tempered-idx-'))
    await writeSet({ gz: true })
    expect((await loadIdxFolder(folder)).train.sha256).toBe(plain.train.sha256)
  })

  it('knows the EMNIST names, and counts the letters from 0', async () => {
    await writeSet({ prefix: 'emnist-letters-', test: 'test', gz: true })
    const { train } = await loadIdxFolder(folder)
    expect(train.name).toBe('emnist-letters')
    expect(train.classes).toBe(26)
    expect([...train.targets]).toEqual([0, 1, 2, 3, 4])
  })

  it('names the file that is missing', async () => {
    await writeSet()
    await rm(join(folder, 't10k-labels-idx1-ubyte'))
    const error = await failure(loadIdxFolder(folder))
    expect(error.code).toBe('E_DATA_NOT_FOUND')
    expect(error.message).toContain('t10k-labels-idx1-ubyte')
    expect((await failure(loadIdxFolder(join(folder, 'nowhere')))).code).toBe('E_DATA_NOT_FOUND')
  })

  it('refuses a folder with two data sets', async () => {
    await writeSet()
    await writeSet({ prefix: 'emnist-digits-' })
    expect((await failure(loadIdxFolder(folder))).code).toBe('E_DATA_AMBIGUOUS')
  })

  it('refuses a label out of range, with its place', async () => {
    await writeSet()
    const file = join(folder, 'train-labels-idx1-ubyte')
    await writeFile(file, idx([5], [1, 2, 10, 4, 5]))
    const error = await failure(loadIdxFolder(folder, { classes: 10 }))
    expect(error).toMatchObject({ code: 'E_LABEL_RANGE', offset: 10, file })
    expect(error.message).toContain('`--classes` of `manifest create`')
    await expect(loadIdxFolder(folder, { classes: 11 })).resolves.toBeDefined()
  })

  it('has as many classes as the labels of both parts need, up to 256', async () => {
    await writeSet()
    const classesWith = async (train: number, test: number) => {
      await writeFile(join(folder, 'train-labels-idx1-ubyte'), idx([5], [0, 1, 0, 1, train]))
      await writeFile(join(folder, 't10k-labels-idx1-ubyte'), idx([2], [0, test]))
      const source = await loadIdxFolder(folder)
      expect(source.test.classes).toBe(source.train.classes)
      return source.train.classes
    }
    expect(await classesWith(2, 1)).toBe(3)
    expect(await classesWith(1, 2)).toBe(3)
    expect(await classesWith(0, 0)).toBe(2)
    expect(await classesWith(99, 3)).toBe(100)
    expect(await classesWith(3, 255)).toBe(256)
    expect((await loadIdxFolder(folder, { classes: 256 })).train.classes).toBe(256)
  })

  it('refuses counts and image sizes that differ', async () => {
    await writeSet()
    const file = join(folder, 'train-labels-idx1-ubyte')
    await writeFile(file, idx([4], [1, 2, 3, 4]))
    expect(await failure(loadIdxFolder(folder))).toMatchObject({ code: 'E_DATA_MISMATCH', file })
    await writeSet()
    await writeFile(join(folder, 't10k-images-idx3-ubyte'), idx([2, 3, 2], pixels(2)))
    expect(await failure(loadIdxFolder(folder))).toMatchObject({ code: 'E_DATA_MISMATCH', offset: 8 })
  })
})

describe('readIdxFile', () => {
  const good = idx([5, 2, 3], pixels(5))
  const read = async (bytes: Uint8Array, gz: boolean, maxBytes?: number) => {
    const file = join(folder, gz ? 'x.gz' : 'x')
    await writeFile(file, bytes)
    return readIdxFile(file, 3, maxBytes)
  }

  describe.each([false, true])('gzip: %s', (gz) => {
    const pack = (bytes: Buffer) => (gz ? gzipSync(bytes) : bytes)

    it.each([
      ['a wrong magic number', idx([5, 2, 3], pixels(5), 0x0801), 'E_IDX_MAGIC', 0],
      ['another type', idx([5, 2, 3], pixels(5), 0x0d03), 'E_IDX_MAGIC', 0],
      ['too few bytes', good.subarray(0, -1), 'E_IDX_SIZE', 45],
      ['trailing bytes', Buffer.concat([good, Buffer.from([0])]), 'E_IDX_SIZE', 46],
      ['an end inside the dimensions', good.subarray(0, 10), 'E_IDX_SIZE', 10],
      ['an end inside the magic number', good.subarray(0, 3), 'E_IDX_SIZE', 3],
      ['nothing', Buffer.alloc(0), 'E_IDX_SIZE', 0],
      ['a dimension of 0', idx([5, 0, 3], []), 'E_IDX_SIZE', 8],
      ['huge dimensions', idx([0xffffffff, 0xffffffff, 0xffffffff], []), 'E_DATA_TOO_LARGE', 4],
    ])('refuses %s', async (_name, bytes, code, offset) => {
      const error = await failure(read(pack(bytes as Buffer), gz))
      expect(error).toMatchObject({ code, offset })
      expect(error.message).toContain(error.file as string)
    })

    it('keeps the limit exactly', async () => {
      await expect(read(pack(good), gz, 46)).resolves.toBeDefined()
      expect(await failure(read(pack(good), gz, 45))).toMatchObject({ code: 'E_DATA_TOO_LARGE' })
    })
  })

  it('distinguishes truncated from damaged gzip', async () => {
    const noise = Uint8Array.from({ length: 30_000 }, (_, k) => (k * k * 31 + (k >> 3)) % 251)
    const big = gzipSync(idx([5000, 2, 3], noise))
    expect(await failure(read(big.subarray(0, -20), true))).toMatchObject({ code: 'E_GZIP_TRUNCATED' })
    expect(await failure(read(big.subarray(0, 12), true))).toMatchObject({ code: 'E_GZIP_TRUNCATED' })
    const damaged = Buffer.from(big)
    damaged.fill(0x55, damaged.length - 40, damaged.length - 4)
    expect((await failure(read(damaged, true))).code).toMatch(/^E_GZIP_/)
    expect(await failure(read(Buffer.from('this is no gzip file at all'), true))).toMatchObject({
      code: 'E_GZIP_CORRUPT',
    })
    const checksum = Buffer.from(big)
    checksum[checksum.length - 6] = (checksum[checksum.length - 6] as number) ^ 0xff
    expect(await failure(read(checksum, true))).toMatchObject({ code: 'E_GZIP_CORRUPT' })
  })

  it('does not unpack a gzip bomb', async () => {
    const bomb = gzipSync(Buffer.concat([good, Buffer.alloc(50_000_000)]))
    expect(await failure(read(bomb, true))).toMatchObject({ code: 'E_IDX_SIZE', offset: 46 })
  })

  it('refuses a short gzip file whose header promises a lot, before unpacking it', async () => {
    expect(await failure(read(gzipSync(idx([1_000_000, 28, 28], [])), true))).toMatchObject({
      code: 'E_IDX_SIZE',
      offset: 4,
    })
  })
})
