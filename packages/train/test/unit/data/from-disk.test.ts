import { copyFile, mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { type DataSource, type Dataset, hashAnyDataset, inMemory } from '../../../src/data/dataset.js'
import { openNpyFile } from '../../../src/data/formats/npy.js'
import { loadData, loadSamples } from '../../../src/data/load-data.js'
import type { FileRows } from '../../../src/data/row-file.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import { encodeNpy, encodeNpz } from '../../../src/export/npz.js'
import type { OpenTask } from '../../../src/task/task.js'
import { createTrainerFactory } from '../../../src/trainer/engine-trainer.js'
import { openPredictor } from '../../../src/trainer/predictor.js'
import { fixture } from '../../support/data-files.js'
import { ownTask } from '../../support/own-task.js'

const ROWS = 600
const yesNo = { type: 'class' as const, column: 'y', classes: ['no', 'yes'] }
const table = ownTask(
  {
    type: 'table',
    columns: Array.from({ length: 12 }, (_, k) => ({ name: `c${k}`, type: 'number' as const, mean: k })),
  },
  yesNo,
)
const csv = `${Array.from({ length: 12 }, (_, k) => `c${k}`).join()},y\n${Array.from({ length: ROWS }, (_, row) => `${Array.from({ length: 12 }, (_, k) => (row * 7 + k * 3) % 11).join()},${row % 3 ? 'no' : 'yes'}\n`).join('')}`
const words = (row: number) => 'abcdefghijklmnopqrstuvwxyz'.slice(row % 20, (row % 20) + 6).repeat(6)
const texts = Array.from(
  { length: ROWS },
  (_, row) => `${JSON.stringify({ text: words(row), y: row % 2 ? 'yes' : 'no' })}\n`,
).join('')
const pixels = (count: number) => Uint8Array.from({ length: count * 48 }, (_, k) => (k * k * 31) % 256)

/** A set of arrays, as `numpy.savez` writes it, but for the type of the inputs. */
async function savedArrays(): Promise<Uint8Array> {
  const data = Float32Array.from({ length: ROWS * 24 }, (_, k) => Math.sin(k))
  const labels = Float32Array.from({ length: ROWS }, (_, k) => k % 3)
  return encodeNpz([
    { name: 'x', shape: [ROWS, 24], data },
    { name: 'y', shape: [ROWS], data: labels },
  ])
}

function idx(dimensions: number[], values: Uint8Array): Buffer {
  const head = Buffer.alloc(4 + 4 * dimensions.length)
  head.writeUInt32BE(0x0800 + dimensions.length)
  dimensions.forEach((size, k) => {
    head.writeUInt32BE(size, 4 + 4 * k)
  })
  return Buffer.concat([head, values])
}

interface Case {
  readonly name: string
  readonly task: OpenTask | undefined
  readonly memory: string
  write(folder: string): Promise<string>
}

function file(name: string, contents: () => string | Uint8Array | Promise<Uint8Array>) {
  return async (folder: string): Promise<string> => {
    await writeFile(join(folder, name), await contents())
    return join(folder, name)
  }
}

const CASES: readonly Case[] = [
  { name: 'a table', task: table, memory: '4kB', write: file('t.csv', () => csv) },
  { name: 'a packed table', task: table, memory: '4kB', write: file('t.csv.gz', () => gzipSync(csv)) },
  {
    name: 'texts',
    task: ownTask({ type: 'text', length: 20, unit: 'byte' }, yesNo),
    memory: '4kB',
    write: file('t.jsonl', () => texts),
  },
  {
    name: 'texts for next-token',
    task: ownTask({ type: 'text', length: 8, unit: 'byte' }, { type: 'next-token' }),
    memory: '40kB',
    write: file('t.jsonl', () => texts),
  },
  {
    name: 'numbers of an NPZ file',
    task: ownTask({ type: 'tensor', shape: [24], mean: 0.5 }, { type: 'class', classes: 3 }),
    memory: '8kB',
    write: file('t.npz', savedArrays),
  },
  {
    name: 'a folder of NPY files',
    task: ownTask(
      { type: 'tensor', shape: [24] },
      { type: 'number', columns: [{ name: 'y', mean: 1, deviation: 2 }] },
    ),
    memory: '8kB',
    async write(folder) {
      const data = Float32Array.from({ length: ROWS * 24 }, (_, k) => Math.sin(k))
      await writeFile(join(folder, 'x.npy'), encodeNpy([ROWS, 24], data))
      await writeFile(join(folder, 'y.npy'), encodeNpy([ROWS], data.subarray(0, ROWS)))
      return folder
    },
  },
  ...[false, true].map((packed) => ({
    name: packed ? 'packed IDX files' : 'IDX files',
    task: ownTask({ type: 'image', shape: [6, 8, 1] }, { type: 'class', classes: 3 }),
    memory: '1kB',
    async write(folder: string) {
      for (const [part, count] of [
        ['train', 300],
        ['t10k', 90],
      ] as const) {
        const labels = Uint8Array.from({ length: count }, (_, k) => k % 3)
        for (const [name, bytes] of [
          [`${part}-images-idx3-ubyte`, idx([count, 6, 8], pixels(count))],
          [`${part}-labels-idx1-ubyte`, idx([count], labels)],
        ] as const)
          await writeFile(join(folder, packed ? `${name}.gz` : name), packed ? gzipSync(bytes) : bytes)
      }
      return folder
    },
  })),
  {
    name: 'CIFAR files',
    task: undefined,
    memory: '9kB',
    async write(folder) {
      const record = (label: number) =>
        Buffer.concat([Buffer.of(label), Uint8Array.from({ length: 3072 }, (_, k) => (k * label * 13) % 256)])
      for (const [name, count] of [
        ['data_batch_1.bin', 50],
        ['data_batch_2.bin', 30],
        ['test_batch.bin', 20],
      ] as const)
        await writeFile(
          join(folder, name),
          Buffer.concat(Array.from({ length: count }, (_, k) => record(k % 10))),
        )
      return folder
    },
  },
  {
    name: 'a folder of images',
    task: ownTask({ type: 'image', shape: [4, 4, 3] }, { type: 'class', classes: ['a', 'b'] }),
    memory: '300B',
    async write(folder) {
      for (const [name, image] of [
        ['a', 'rgb.png'],
        ['b', 'alpha.png'],
      ] as const) {
        await mkdir(join(folder, name))
        for (let k = 0; k < 20; k++) await copyFile(fixture(image), join(folder, name, `${k}.png`))
      }
      return folder
    },
  },
]

const onDisk = ({ inputs }: Dataset): boolean => !inMemory(inputs)

/** Parameters and evaluation after some steps, as bytes and numbers. */
async function trained({ train, test }: DataSource, open: OpenTask) {
  const factory = createTrainerFactory(createWasmEngine())
  const indices = Uint32Array.from({ length: train.count }, (_, k) => k)
  const trainer = factory.open({ task: open.task, train: { ...train, indices }, test, nodeId: 1, seed: 5 })
  const request = { round: 2, steps: 25, batchSize: 16, learningRate: 0.05, momentum: 0.9 }
  const result = await trainer.train({
    ...request,
    ...(open.task.output.type === 'class' ? { logitAdjustment: 1 } : {}),
  })
  const parameters = trainer.getParameters(new Float32Array(trainer.parameterCount))
  const noise = { clip: 0.5, noiseMultiplier: 0.1, seed: new Uint8Array(32).fill(3) }
  const noisy = await trainer.train({ ...request, steps: 3, noise })
  const evaluations = [await trainer.evaluate(), await trainer.evaluate({ trainingRound: 3, limit: 50 })]
  return { result, parameters, noisy, evaluations }
}

describe('samples that exceed the memory', () => {
  it.each(CASES)('of $name are the same from disk, and train to the same bits', ({ task, memory, write }) =>
    inTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'source'))
      const source = await write(join(folder, 'source'))
      const cache = join(folder, 'cache')
      const whole = await loadData({ source }, '', task)
      expect([whole.train, whole.test].some(onDisk)).toBe(false)
      const first = await loadData({ source, memory }, cache, task)
      expect(onDisk(first.train)).toBe(true)
      expect(first.notices?.at(-1)).toMatch(/inputs are read from disk/)
      const [name = ''] = await readdir(cache)
      expect((await stat(join(cache, name))).mode & 0o077).toBe(0)
      const again = await loadData({ source, memory }, cache, task)
      expect(onDisk(again.train)).toBe(true)
      expect(again.notices).toEqual(first.notices)
      const raised = await loadData({ source }, cache, task)
      for (const { train, test } of [first, again, raised]) {
        expect([train.sha256, test.sha256]).toEqual([whole.train.sha256, whole.test.sha256])
        expect([train.targets, test.targets]).toEqual([whole.train.targets, whole.test.targets])
        expect(await hashAnyDataset(train)).toBe(whole.train.sha256)
      }
      expect(raised).toEqual(whole)
      expect(await readdir(cache)).toEqual([name])
      if (task !== undefined) expect(await trained(first, task)).toEqual(await trained(whole, task))
    }),
  )

  it('give the same predictions from a temporary file', () =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => csv)(folder)
      const parameters = Float32Array.from({ length: table.parameterCount }, (_, k) => Math.sin(k))
      const predictor = await openPredictor(table, parameters)
      const whole = await loadSamples(source, '', table)
      process.env.TEMPERED_DATA_MEMORY = '5kB'
      try {
        const notices: string[] = []
        const samples = await loadSamples(source, join(folder, 'cache'), table, notices)
        expect(onDisk(samples)).toBe(true)
        expect(notices.at(-1)).toMatch(
          /^samples take .* kB with their targets and order, more than the 5 kB that data\.memory allows: .*read from disk/,
        )
        expect(await predictor.predict(samples)).toEqual(await predictor.predict(whole))
        expect((await readdir(join(folder, 'cache')))[0]).toMatch(/\.tmp$/)
      } finally {
        delete process.env.TEMPERED_DATA_MEMORY
      }
    }))

  it('are in memory, or said to exceed it, at the first start as at the next', () =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => csv)(folder)
      for (const kilobytes of [16, 24, 28, 30, 31, 32, 33, 34, 36, 40, 48]) {
        const memory = `${kilobytes}kB`
        const cache = join(folder, memory)
        const first = await loadData({ source, memory }, cache, table)
        const again = await loadData({ source, memory }, cache, table)
        expect(again.notices).toEqual(first.notices)
        const last = first.notices?.at(-1) ?? ''
        const [, took, allowed] = /take ([\d.,]+ \w+) .* more than the ([\d.,]+ \w+)/.exec(last) ?? []
        expect(onDisk(first.train)).toBe(took !== undefined)
        expect(took === undefined || took !== allowed).toBe(true)
      }
    }))

  it('leave nothing behind when the source is bad', () =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => `${csv.repeat(3).replaceAll(/\nc0.*/g, '')}1,2\n`)(folder)
      const cache = join(folder, 'cache')
      await expect(loadData({ source, memory: '4kB' }, cache, table)).rejects.toMatchObject({
        code: 'E_DATA_FORMAT',
        line: 3 * ROWS + 2,
      })
      expect(await readdir(cache)).toEqual([])
    }))

  it('need a folder that can be written', () =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => csv)(folder)
      await writeFile(join(folder, 'cache'), 'a file where a folder should be')
      await expect(loadData({ source, memory: '4kB' }, join(folder, 'cache'), table)).rejects.toMatchObject({
        code: 'E_DATA_DISK',
        message: expect.stringMatching(
          /cannot be written here \(\w+\), name another folder with TEMPERED_CACHE/,
        ),
      })
    }))

  it.each(['12', 'much', '-1MB', '0MB'])('refuse %s as an amount of memory', (memory) =>
    expect(loadData({ source: 'mnist', memory }, '')).rejects.toMatchObject({
      code: 'E_DATA_MEMORY',
      message: `data.memory is "${memory}"; write a number and a unit, for example 512MB or 4GiB`,
    }),
  )

  it('refuse targets that exceed it, and arrays that cannot be read by pieces', () =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => csv)(folder)
      await expect(loadData({ source, memory: '600B' }, folder, table)).rejects.toMatchObject({
        code: 'E_DATA_TOO_LARGE',
        message: expect.stringMatching(/targets of .* above the 600 bytes of data.memory/),
      })
      const fortran = await openNpyFile(fixture('fortran.npy'))
      const first = fortran.pieces('float32', 95)[Symbol.asyncIterator]().next()
      await expect(first).rejects.toMatchObject({
        code: 'E_DATA_TOO_LARGE',
        message: expect.stringMatching(
          /takes 96 bytes .* above the 95 bytes.*Fortran order.*ascontiguousarray/,
        ),
      })
    }))
})

describe('a file of samples that changes in use', () => {
  const damages: readonly [string, (path: string) => Promise<unknown>, RegExp][] = [
    [
      'cut off',
      async (path) => {
        const handle = await open(path, 'r+')
        await handle.truncate(1000)
        await handle.close()
      },
      /has 1000 bytes, but had \d+ when it was checked/,
    ],
    [
      'altered',
      async (path) => {
        await writeFile(path, (await readFile(path)).reverse())
        await utimes(path, 5, 5)
      },
      /was changed after it was checked/,
    ],
    ['removed', (path) => rm(path), /cannot be opened \(ENOENT\)/],
  ]
  it.each(damages)('is refused when it is %s', (_, damage, message) =>
    inTemporaryFolder(async (folder) => {
      const source = await file('t.csv', () => csv)(folder)
      const loaded = await loadData({ source, memory: '4kB' }, join(folder, 'cache'), table)
      const { path } = loaded.train.inputs as FileRows
      await damage(path)
      await expect(trained(loaded, table)).rejects.toMatchObject({
        code: 'E_DATA_LOST',
        message: expect.stringMatching(message),
      })
    }),
  )
})
