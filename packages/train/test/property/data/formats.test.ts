import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { inTemporaryFolder } from '../../../../lab/test/support/temporary-folder.js'
import { DataError } from '../../../src/data/data-error.js'
import { openCsv } from '../../../src/data/formats/csv.js'
import { openNpyFile } from '../../../src/data/formats/npy.js'
import { openSource } from '../../../src/data/formats/open-source.js'
import { npy } from '../../support/bad-files.js'
import { allRows } from '../../support/data-files.js'

const numRuns = sized(60, 1000)
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

describe('CSV', () => {
  it('gives back what was written, with any text in it', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 't.csv')
      // A carriage return alone, a zero byte and lone surrogates are no text that a CSV file can hold.
      const cell = fc
        .string({ unit: 'grapheme', maxLength: 12 })
        .filter((text) => !/[\r\0]|\p{Surrogate}/u.test(text))
      const rows = fc
        .integer({ min: 1, max: 5 })
        .chain((width) =>
          fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 }),
        )
      await fc.assert(
        fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), async (table, end) => {
          const header = (table[0] as string[]).map((_, k) => `c${k}`)
          const lines = [header, ...table].map((row) => row.map(quoted).join(','))
          await writeFile(file, lines.join(end))
          expect((await allRows(await openCsv(file))).cells).toEqual(table)
        }),
        { numRuns },
      )
    }))
})

const WRITERS = {
  '<f4': (v: number) => Buffer.from(Float32Array.of(v).buffer),
  '<f8': (v: number) => Buffer.from(Float64Array.of(v).buffer),
  '<i2': (v: number) => Buffer.from(Int16Array.of(v).buffer),
  '<i8': (v: number) => Buffer.from(BigInt64Array.of(BigInt(v)).buffer),
} as const

describe('NPY', () => {
  it('gives back what was written, in both orders', () =>
    inTemporaryFolder(async (folder) => {
      const file = join(folder, 'a.npy')
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...(Object.keys(WRITERS) as (keyof typeof WRITERS)[])),
          fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
          fc.boolean(),
          fc.infiniteStream(fc.integer({ min: -30_000, max: 30_000 })),
          async (type, shape, fortran, stream) => {
            const count = shape.reduce((a, b) => a * b, 1)
            const values = Array.from({ length: count }, () => stream.next().value as number)
            const stored = fortran ? Array.from(values.keys()).sort(fortranOrder(shape)) : [...values.keys()]
            const bytes = Buffer.concat(stored.map((k) => WRITERS[type](values[k] as number)))
            await writeFile(file, npy(type, `${shape.join(', ')},`, bytes, fortran ? 'True' : 'False'))
            const array = await openNpyFile(file)
            expect(array.shape).toEqual(shape)
            expect([...(await array.load('float64'))]).toEqual(values)
          },
        ),
        { numRuns },
      )
    }))
})

/** Compares places by their last index first. */
function fortranOrder(shape: readonly number[]): (a: number, b: number) => number {
  const indices = (place: number) =>
    shape.map((size, k) => Math.floor(place / shape.slice(k + 1).reduce((a, b) => a * b, 1)) % size)
  return (a, b) => {
    const [x, y] = [indices(a).reverse(), indices(b).reverse()]
    for (let k = 0; k < x.length; k++) if (x[k] !== y[k]) return (x[k] as number) - (y[k] as number)
    return 0
  }
}

describe('arbitrary bytes', () => {
  it.each(['t.csv', 't.csv.gz', 't.jsonl', 't.parquet', 't.npy', 't.npz', 't.unknown'])(
    'as %s are read or refused with a DataError',
    (name) =>
      inTemporaryFolder(async (folder) => {
        const file = join(folder, name)
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
            await writeFile(file, bytes)
            try {
              const source = await openSource(file, '')
              if (source.kind === 'rows') await allRows(source)
              if (source.kind === 'arrays') await source.train.inputs.load('float32')
            } catch (error) {
              expect(error).toBeInstanceOf(DataError)
            }
          }),
          { numRuns },
        )
      }),
  )
})
