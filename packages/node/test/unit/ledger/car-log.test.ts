import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentCid, encodeCanonical } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { type CarSection, encodeCarHeader, encodeCarSection } from '../../../src/ledger/car.js'
import { carSections, openCarLog, windowedReader } from '../../../src/ledger/car-log.js'
import { bordersOf, otherRun, run } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const MAX = 4096
const block = (k: number) => encodeCanonical({ k, text: 'x'.repeat(20 + k) })

/** A log of two blocks. */
const parts = [
  encodeCarHeader(run.id),
  ...[0, 1].map((k) => encodeCarSection(documentCid(block(k)), block(k))),
]
const file = Buffer.concat(parts)

async function openAll(path: string) {
  const seen: Uint8Array[] = []
  const visit = (section: CarSection): void => {
    if (!documentCid(section.bytes).equals(section.cid)) throw new RangeError('hash')
    seen.push(section.bytes.slice())
  }
  const { log, recoveredBytes } = await openCarLog(path, run.id, MAX, visit)
  return { log, recoveredBytes, seen }
}

describe('the CAR log', () => {
  it('creates the file, and gives back what was appended after every reopening', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    for (let k = 0; k < 4; k++) {
      const { log, seen, recoveredBytes } = await openAll(path)
      expect(seen).toEqual(Array.from({ length: k }, (_, n) => block(n)))
      expect(recoveredBytes).toBe(0)
      await log.append(documentCid(block(k)), block(k))
      await log.close()
    }
  })

  it('begins again when the crash came while the header was being written, and keeps those bytes', async () => {
    const header = encodeCarHeader(run.id)
    for (let length = 1; length < header.byteLength; length++) {
      const folder = await temporaryFolder()
      const path = join(folder, 'log.car')
      await writeFile(path, header.subarray(0, length))
      const { log, seen } = await openAll(path)
      expect(seen).toEqual([])
      await log.close()
      expect(new Uint8Array(await readFile(path))).toEqual(header)
      expect((await readFile(`${path}.torn-0`)).byteLength).toBe(length)
    }
  })

  it('recovers from a file that ends anywhere, and appends after it', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'log.car')
    const borders = bordersOf(parts).slice(1)
    for (let size = parts[0].byteLength; size < file.byteLength; size++) {
      await writeFile(path, file.subarray(0, size))
      const { log, seen, recoveredBytes } = await openAll(path)
      const whole = borders.filter((border) => border <= size).length - 1
      expect(seen.length).toBe(whole)
      expect(recoveredBytes).toBe(size - borders[whole])
      if (recoveredBytes > 0) {
        const aside = await readFile(`${path}.torn-${borders[whole]}`)
        expect(aside.equals(file.subarray(borders[whole], size))).toBe(true)
      }
      await log.append(documentCid(block(whole)), block(whole))
      await log.close()
      expect((await readFile(path)).equals(file.subarray(0, borders[whole + 1]))).toBe(true)
    }
  })

  it('sets aside the zero bytes that a power cut leaves, and appends after the last block', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    const [, header, first, end] = bordersOf(parts)
    const cases: { readonly written: number; readonly size: number; readonly good: number }[] = [
      ...[1, 16, 4096].map((zeros) => ({ written: end, size: end + zeros, good: end })),
      // The length of the file is that of the whole append, but only its beginning was written, …
      ...[0, 1, 2, 20, 36, 37, 38, 39, 40, 41, 50, end - first - 16].map((k) => ({
        written: first + k,
        size: end,
        good: first,
      })),
      // … or whole pages were allocated.
      { written: first + 1, size: first + 4096, good: first },
      { written: end - 16, size: end + 4096, good: first },
      ...[0, 1, 20, header - 1].map((k) => ({ written: k, size: header, good: 0 })),
    ]
    for (const { written, size, good } of cases) {
      const bytes = Buffer.alloc(size)
      file.copy(bytes, 0, 0, written)
      await writeFile(path, bytes)
      const { log, seen, recoveredBytes } = await openAll(path)
      const whole = [header, first, end].filter((border) => border <= good).length - 1
      expect(seen.length).toBe(Math.max(0, whole))
      if (good > 0) expect(recoveredBytes).toBe(size - good)
      expect((await readFile(`${path}.torn-${good}`)).equals(bytes.subarray(good))).toBe(true)
      await log.append(documentCid(block(9)), block(9))
      await log.close()
      const { log: again, seen: all } = await openAll(path)
      expect(all.at(-1)).toEqual(block(9))
      await again.close()
    }
  })

  it('does not take damage before zero bytes for an append that was not written', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'log.car')
    const [, header, first] = bordersOf(parts)
    for (const offset of [header + 60, first + 60]) {
      const damaged = Buffer.concat([file, Buffer.alloc(100)])
      damaged[offset] ^= 1
      await writeFile(path, damaged)
      await expect(openAll(path)).rejects.toThrow()
      expect((await readFile(path)).equals(damaged)).toBe(true)
    }
    const gap = Buffer.concat([file.subarray(0, first), Buffer.alloc(64), file.subarray(first)])
    await writeFile(path, gap)
    await expect(openAll(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    expect((await readFile(path)).equals(gap)).toBe(true)
    // A file of zeros that is longer than a header is no new log.
    await writeFile(path, Buffer.alloc(4096))
    await expect(openAll(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    expect(await readdir(folder)).toEqual(['log.car'])
  })

  it('refuses the file of another run and leaves it alone', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    const bytes = encodeCarHeader(otherRun.id)
    await writeFile(path, bytes)
    await expect(openAll(path)).rejects.toMatchObject({ name: 'NodeError', code: 'E_WRONG_RUN' })
    expect(new Uint8Array(await readFile(path))).toEqual(bytes)
  })

  it('refuses a file that is not a CAR file, and a block over the limit', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    await writeFile(path, new Uint8Array(200).fill(0x41))
    await expect(openAll(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    const large = encodeCanonical(new Uint8Array(MAX + 100))
    const whole = Buffer.concat([encodeCarHeader(run.id), encodeCarSection(documentCid(large), large)])
    await writeFile(path, whole)
    await expect(openAll(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    expect(await readFile(path)).toEqual(whole)
  })

  it('does not take a whole block with a damaged length for a torn append', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'log.car')
    const sections = [0, 1, 2].map((k) => encodeCarSection(documentCid(block(k)), block(k)))
    const header = encodeCarHeader(run.id)
    for (const [k, section] of sections.entries()) {
      const longer = section.slice()
      // One byte of length up to 127: raised so that the section seems to reach past the end of the file.
      longer[0] = 127
      const file = Buffer.concat(
        [header, ...sections.slice(0, k), longer, ...sections.slice(k + 1)].slice(0, k + 2),
      )
      await writeFile(path, file)
      await expect(openAll(path)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
      expect(await readFile(path)).toEqual(file)
    }
    expect(await readdir(folder)).toEqual(['log.car'])
  })

  it('refuses further appends after one failed', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    const { log } = await openAll(path)
    // Nothing can be written any more.
    await log.close()
    const append = () => log.append(documentCid(block(0)), block(0))
    await expect(append()).rejects.toMatchObject({ code: 'E_IO' })
    await expect(append()).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('restart'),
    })
  })
})

describe('windowedReader', () => {
  const WINDOW = 1024 * 1024

  it('gives the same bytes as the file within, across and beyond its windows', async () => {
    const path = join(await temporaryFolder(), 'bytes')
    const content = new Uint8Array(2.5 * WINDOW)
    for (let k = 0; k < content.byteLength; k++) content[k] = (k * 2654435761) >>> 24
    await writeFile(path, content)
    const file = await open(path, 'r')
    try {
      const readAt = windowedReader(file)
      const places: [number, number][] = [
        [0, 4],
        [0, WINDOW],
        [WINDOW - 1, 1],
        [WINDOW - 1, 2],
        [WINDOW - 4, 8],
        [10, 20],
        [WINDOW, 4],
        [5, 2 * WINDOW],
        [2 * WINDOW - 3, 7],
        [content.byteLength - 2, 2],
        [content.byteLength - 2, 4],
        [content.byteLength, 4],
        [content.byteLength + 10, 4],
        [0, 0],
      ]
      for (const [offset, length] of places) {
        const got = Buffer.from(await readAt(offset, length))
        expect(got.equals(Buffer.from(content.subarray(offset, offset + length)))).toBe(true)
      }
    } finally {
      await file.close()
    }
  })

  it('keeps what it gave out intact when it moves on', async () => {
    const path = join(await temporaryFolder(), 'bytes')
    await writeFile(path, Buffer.concat([Buffer.alloc(WINDOW, 1), Buffer.alloc(WINDOW, 2)]))
    const file = await open(path, 'r')
    const readAt = windowedReader(file)
    const first = await readAt(0, 8)
    await readAt(WINDOW, 8)
    expect([...first]).toEqual(Array(8).fill(1))
    await file.close()
  })

  it('lets sections be walked that straddle window borders', async () => {
    const path = join(await temporaryFolder(), 'log.car')
    const blocks = Array.from({ length: 9 }, (_, k) => encodeCanonical(new Uint8Array(300_000 + k).fill(k)))
    const sections = blocks.map((bytes) => encodeCarSection(documentCid(bytes), bytes))
    await writeFile(path, Buffer.concat(sections))
    const file = await open(path, 'r')
    let k = 0
    for await (const section of carSections(file, 0, 400_000)) {
      expect(documentCid(section.bytes).equals(section.cid)).toBe(true)
      expect(section.bytes.byteLength).toBe(blocks[k].byteLength)
      k += 1
    }
    expect(k).toBe(9)
    await file.close()
  })
})
