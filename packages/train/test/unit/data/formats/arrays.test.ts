import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inTemporaryFolder } from '../../../../../lab/test/support/temporary-folder.js'
import { inputArray } from '../../../../src/data/dataset.js'
import { openNpyFile } from '../../../../src/data/formats/npy.js'
import { openSource } from '../../../../src/data/formats/open-source.js'
import type { ArraySource } from '../../../../src/data/formats/raw.js'
import { loadData } from '../../../../src/data/load-data.js'
import { contentsOf, fixture } from '../../../support/data-files.js'
import { ownTask } from '../../../support/own-task.js'

const TYPES = [
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
]

describe('arrays that numpy wrote', () => {
  it.each(TYPES)('reads %s', async (type) => {
    const name = `array-${type}.npy`
    const array = await openNpyFile(fixture(name))
    const { shape, values } = contentsOf(name)
    expect(array.type).toBe(type)
    expect(array.shape).toEqual(shape)
    expect([...(await array.load('float64'))]).toEqual(values)
    expect([...(await array.load('float32'))]).toEqual(values.map(Math.fround))
    if (!type.startsWith('float')) expect([...(await array.load('int32'))]).toEqual(values)
  })

  it('reads Fortran order', async () => {
    const array = await openNpyFile(fixture('fortran.npy'))
    const { shape, values } = contentsOf('fortran.npy')
    expect(array.shape).toEqual(shape)
    expect([...(await array.load('float32'))]).toEqual(values)
  })

  it('refuses what a type cannot hold, with its place', async () => {
    const array = await openNpyFile(fixture('array-int16.npy'))
    await expect(array.load('uint8')).rejects.toMatchObject({ code: 'E_DATA_VALUE', offset: 130 })
    const fractions = await openNpyFile(fixture('array-float64.npy'))
    await expect(fractions.load('int32')).rejects.toMatchObject({ code: 'E_DATA_VALUE' })
  })

  it('reads x and y of an NPZ file', async () => {
    const source = (await openSource(fixture('plain.npz'), '')) as ArraySource
    expect(source.test).toBeUndefined()
    expect([...(await source.train.inputs.load('float32'))]).toEqual(Array.from({ length: 12 }, (_, k) => k))
    expect([...(await source.train.targets!.load('int32'))]).toEqual([0, 1, 0, 1, 2, 2])
  })

  it('reads training and test images of a compressed NPZ file, without a task and with one', async () => {
    const { train, test } = await loadData({ source: fixture('split.npz') }, '')
    expect(train).toMatchObject({ count: 4, shape: [2, 4, 1], classes: 2 })
    expect([...inputArray(train)]).toEqual(Array.from({ length: 32 }, (_, k) => k))
    expect([...test.targets]).toEqual([1, 0])
    const task = ownTask({ type: 'image', shape: [2, 4, 1] }, { type: 'class', classes: ['a', 'b'] })
    const own = await loadData({ source: fixture('split.npz') }, '', task)
    expect(inputArray(own.train)).toBeInstanceOf(Uint8Array)
    expect(own.train.classNames).toEqual(['a', 'b'])
  })

  it('reads a folder of arrays, and one of them with its targets beside it', () =>
    inTemporaryFolder(async (folder) => {
      await copyFile(fixture('array-float32.npy'), join(folder, 'x.npy'))
      await writeFile(join(folder, 'y.npy'), npy('|u1', [2], Buffer.from([0, 1])))
      const task = ownTask(
        { type: 'tensor', shape: [3], mean: 1, deviation: 2 },
        { type: 'class', classes: 2 },
      )
      for (const source of [folder, join(folder, 'x.npy')]) {
        const { train, test, notices } = await loadData({ source, test: 0.5 }, '', task)
        expect(train.count + test.count).toBe(2)
        expect(notices).toBeUndefined()
        const both = [train, test].sort((a, b) => Number(a.targets[0]) - Number(b.targets[0]))
        const { values } = contentsOf('array-float32.npy')
        expect([...inputArray(both[0]!), ...inputArray(both[1]!)]).toEqual(
          values.map((v) => Math.fround((v - 1) / 2)),
        )
      }
    }))
})

/** An array as numpy.save writes it, version 1. */
function npy(descr: string, shape: number[], numbers: Buffer): Buffer {
  const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`
  const padded = `${head.padEnd(117)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(padded.length, 8)
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), numbers])
}
