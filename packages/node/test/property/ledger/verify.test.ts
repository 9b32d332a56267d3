import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type SignedEntry, sealManifest } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../../test-support/tier.js'
import { errorCode } from '../../../src/errors.js'
import { encodeCarHeader, encodeCarSection, type ReadAt } from '../../../src/ledger/car.js'
import { createLedgerChecker, type LedgerChecker, verifyLedgerFile } from '../../../src/ledger/verify.js'
import {
  announce,
  bordersOf,
  cuts,
  makeChain,
  makeEntry,
  modelCid,
  otherRun,
  run,
  signers,
} from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const chain = makeChain(3)
const header = encodeCarHeader(run.id)
const blocks = [{ cid: run.id, bytes: run.bytes }, ...chain]
const sections = blocks.map(({ cid, bytes }) => encodeCarSection(cid, bytes))
const wholeFile = Buffer.concat([header, ...sections])

describe('verifyLedgerFile', () => {
  it('accepts the whole file and reports its contents', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    await writeFile(path, wholeFile)
    const heights: number[] = []
    const verdict = await verifyLedgerFile(path, (entry) => heights.push(entry.body.height))
    expect(verdict).toMatchObject({ ok: true, path, author: signers[0].peerId, entries: 3 })
    expect(verdict.ok && verdict.head.equals(chain[2].cid)).toBe(true)
    expect(verdict.ok && verdict.run.id.equals(run.id)).toBe(true)
    expect(heights).toEqual([0, 1, 2])
  })

  it('finds a flip in every byte and names the block in which it is', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    let offset = 0
    let entry = -1
    const blockAt: number[] = Array(header.byteLength).fill(-1)
    for (const section of sections) {
      for (let k = 0; k < section.byteLength; k++) blockAt.push(entry)
      entry += 1
    }
    for (; offset < wholeFile.byteLength; offset += byteStep) {
      const damaged = Buffer.from(wholeFile)
      damaged[offset] ^= 1 << (offset % 8)
      await writeFile(path, damaged)
      const verdict = await verifyLedgerFile(path)
      if (verdict.ok) expect.fail(`byte ${offset}: accepted`)
      expect(verdict.code).toMatch(/^E_(?!INTERNAL)/)
      // A root that names another run is noticed once the manifest is read: both are −1.
      expect(verdict.entry, `byte ${offset}: ${verdict.message}`).toBe(blockAt[offset])
    }
  })

  it('refuses a file cut anywhere but between entries', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    const borders = bordersOf([header, ...sections])
    for (const size of cuts(borders)) {
      await writeFile(path, wholeFile.subarray(0, size))
      const verdict = await verifyLedgerFile(path)
      expect(verdict.ok, `cut at ${size}`).toBe(borders.indexOf(size) > 1)
    }
  })

  it('refuses complete blocks that are not a chain of the run', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    const verdictOf = async (...parts: Uint8Array[]) => {
      await writeFile(path, Buffer.concat(parts))
      return verifyLedgerFile(path)
    }
    const other = encodeCarSection(otherRun.id, otherRun.bytes)
    expect(await verdictOf(header, other)).toMatchObject({ ok: false, entry: -1, code: 'E_WRONG_RUN' })
    expect(await verdictOf(header)).toMatchObject({ ok: false, entry: -1, code: 'E_MALFORMED' })
    expect(await verdictOf(header, sections[0], sections[2])).toMatchObject({
      ok: false,
      entry: 0,
      code: 'E_HEIGHT',
    })
    expect(await verdictOf(header, sections[0], sections[1], sections[1])).toMatchObject({
      ok: false,
      entry: 1,
      code: 'E_HEIGHT',
    })
    const wrongCid = encodeCarSection(chain[1].cid, chain[0].bytes)
    expect(await verdictOf(header, sections[0], wrongCid)).toMatchObject({
      entry: 0,
      code: 'E_HASH_MISMATCH',
    })
    const bad = makeEntry(1, chain[0].cid, {
      aggregate: modelCid(3),
      rule: { name: 'median', params: {}, pre: [] },
    })
    expect(
      await verdictOf(header, sections[0], sections[1], encodeCarSection(bad.cid, bad.bytes)),
    ).toMatchObject({
      entry: 1,
      code: 'E_RULE_MISMATCH',
    })
  })

  it('compares the entries with the topology that the caller derives from the manifest', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    const entry = makeEntry(0, run.id)
    await writeFile(path, Buffer.concat([header, sections[0], encodeCarSection(entry.cid, entry.bytes)]))
    const verdictWith = (neighbours: string[]) => verifyLedgerFile(path, undefined, () => () => neighbours)
    expect((await verdictWith([signers[1].peerId])).ok).toBe(true)
    expect(await verdictWith([signers[2].peerId])).toMatchObject({
      ok: false,
      entry: 0,
      code: 'E_NEIGHBOURS',
    })
  })
})

describe('a ledger of 50 entries', () => {
  const { training } = run.manifest
  const longRun = sealManifest({ ...run.manifest, training: { ...training, rounds: 50 } })
  const entries = makeLongChain()
  const parts = [
    Buffer.concat([encodeCarHeader(longRun.id), encodeCarSection(longRun.id, longRun.bytes)]),
    ...entries.map(({ cid, bytes }) => encodeCarSection(cid, bytes)),
  ]
  const file = Buffer.concat(parts)
  const borders = bordersOf(parts)
  const readerOf =
    (bytes: Uint8Array): ReadAt =>
    async (offset, length) =>
      bytes.subarray(offset, offset + length)

  function makeLongChain(): SignedEntry[] {
    const chain: SignedEntry[] = []
    for (let round = 0; round < 50; round++) {
      const parent = chain.at(-1)?.cid ?? longRun.id
      const changes = { run: longRun.id, parent }
      const theirs = announce(signers[1], round, changes).bytes
      const [record] = makeEntry(round, parent).body.neighbours
      chain.push(
        makeEntry(round, parent, {
          run: longRun.id,
          announcement: announce(signers[0], round, changes).bytes,
          // Only every second entry has a neighbour, which keeps the file small.
          neighbours: round % 2 === 0 ? [] : [{ ...record, announcement: theirs }],
        }),
      )
    }
    return chain
  }

  /** Steps through the file; before each true block, `tryAt` gets its byte range. */
  async function walk(tryAt: (checker: LedgerChecker, start: number, end: number) => Promise<void>) {
    const checker = createLedgerChecker(() => undefined)
    for (let k = 0; k < parts.length; k++) {
      await tryAt(checker, borders[k], borders[k + 1])
      expect(await checker.step(readerOf(file), file.byteLength)).toBe(true)
    }
    expect(await checker.step(readerOf(file), file.byteLength)).toBe(false)
    expect(checker.entry).toBe(50)
  }

  it('has no byte in which a flip passes, whichever bit it is', async () => {
    let tried = 0
    await walk(async (checker, start, end) => {
      const due = checker.entry
      for (let offset = Math.ceil(start / byteStep) * byteStep; offset < end; offset += byteStep) {
        const damaged = Buffer.from(file)
        damaged[offset] ^= 1 << (offset % 8)
        const error: unknown = await checker
          .step(readerOf(damaged), damaged.byteLength)
          .catch((thrown) => thrown)
        expect(errorCode(error), `byte ${offset}`).toMatch(/^E_(?!INTERNAL)/)
        expect(checker.entry).toBe(due)
        tried += 1
      }
    })
    expect(tried).toBe(Math.ceil(file.byteLength / byteStep))
  })

  it('is refused at the damaged entry when the whole file is read, one flip an entry', async () => {
    const path = join(await temporaryFolder(), 'ledger.car')
    for (let entry = 0; entry < 50; entry++) {
      const [start, end] = [borders[entry + 1], borders[entry + 2]]
      const damaged = Buffer.from(file)
      damaged[start + ((entry * 131) % (end - start))] ^= 0x10
      await writeFile(path, damaged)
      expect(await verifyLedgerFile(path)).toMatchObject({ ok: false, entry })
    }
  })
})
