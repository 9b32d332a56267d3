import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/data/data-error.js'
import { readIdxFile } from '../../../src/data/idx-file.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempered-idx-fuzz-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function outcome(bytes: Uint8Array, gz: boolean): Promise<unknown> {
  const file = join(folder, gz ? 'fuzz.gz' : 'fuzz')
  await writeFile(file, bytes)
  return readIdxFile(file, 1, 100_000).catch((error: unknown) => error)
}

const head = Buffer.from([0, 0, 8, 1])

describe('readIdxFile', () => {
  it('gives back what was written, plain and compressed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.boolean(), async (values, gz) => {
        const size = Buffer.alloc(4)
        size.writeUInt32BE(values.length)
        const bytes = Buffer.concat([head, size, values])
        const result = await outcome(gz ? gzipSync(bytes) : bytes, gz)
        expect(result).toMatchObject({ dimensions: [values.length] })
        expect(Buffer.from((result as { values: Uint8Array }).values).equals(Buffer.from(values))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it('answers arbitrary and cut bytes with an array of the announced size or a DataError', async () => {
    const good = gzipSync(Buffer.concat([head, Buffer.from([0, 0, 3, 232]), Buffer.alloc(1000, 'abcdefg')]))
    const damaged = fc
      .record({ cut: fc.nat(good.length), at: fc.nat(good.length - 1), value: fc.nat(255) })
      .map(({ cut, at, value }) => {
        const copy = Buffer.from(good)
        copy[at] = value
        return new Uint8Array(copy.subarray(0, cut))
      })
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged),
        fc.boolean(),
        async (bytes, gz) => {
          const result = await outcome(bytes, gz)
          if (result instanceof Error) expect(result).toBeInstanceOf(DataError)
          else
            expect(result).toMatchObject({ dimensions: [(result as { values: Uint8Array }).values.length] })
        },
      ),
      { numRuns: 300 },
    )
  })
})
