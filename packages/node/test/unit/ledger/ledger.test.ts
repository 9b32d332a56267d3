import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentCid, type SignedEntry } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../../test-support/tier.js'
import { encodeCarHeader, encodeCarSection } from '../../../src/ledger/car.js'
import { LEDGER_FILE, openLedger, readLedgerRun } from '../../../src/ledger/ledger.js'
import { verifyLedgerFile } from '../../../src/ledger/verify.js'
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
  stranger,
} from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const me = signers[0].peerId
const chain = makeChain(3)
const sections = [
  encodeCarSection(run.id, run.bytes),
  ...chain.map((entry) => encodeCarSection(entry.cid, entry.bytes)),
]
const header = encodeCarHeader(run.id)
const wholeFile = Buffer.concat([header, ...sections])
/** Where each section begins, and where the last one ends. */
const borders = bordersOf([header, ...sections]).slice(1)

describe('the ledger', () => {
  it('begins with the manifest alone', async () => {
    const folder = await temporaryFolder()
    const ledger = await openLedger(folder, run, me)
    expect(ledger.length).toBe(0)
    expect(ledger.head.equals(run.id)).toBe(true)
    expect(ledger.last).toBeUndefined()
    expect(ledger.lastAnnouncement).toBeUndefined()
    await ledger.close()
    expect((await readLedgerRun(folder))?.id.equals(run.id)).toBe(true)
    expect(await verifyLedgerFile(join(folder, LEDGER_FILE))).toMatchObject({ ok: true, entries: 0 })
  })

  it('has its entries on disk, and continues after every reopening', async () => {
    const folder = await temporaryFolder()
    for (const [k, entry] of chain.entries()) {
      const ledger = await openLedger(folder, run, me)
      expect(ledger.length).toBe(k)
      await ledger.append(entry)
      expect(ledger.head.equals(entry.cid)).toBe(true)
      await ledger.close()
    }
    expect(await readFile(join(folder, LEDGER_FILE))).toEqual(wholeFile)
    const ledger = await openLedger(folder, run, me)
    expect(ledger.last?.cid.equals(chain[2].cid)).toBe(true)
    expect(ledger.recoveredBytes).toBe(0)
    await ledger.close()
  })

  it('refuses an entry that does not fit, writes nothing of it and takes the right one after', async () => {
    const folder = await temporaryFolder()
    const ledger = await openLedger(folder, run, me)
    await expect(ledger.append(chain[1])).rejects.toMatchObject({ code: 'E_HEIGHT' })
    await expect(ledger.append(makeEntry(0, run.id, {}, signers[1]))).rejects.toMatchObject({
      code: 'E_WRONG_AUTHOR',
    })
    await ledger.append(chain[0])
    await ledger.close()
    expect(await verifyLedgerFile(join(folder, LEDGER_FILE))).toMatchObject({ ok: true, entries: 1 })
  })

  it('recovers from a file that ends anywhere: complete entries are kept, the rest is set aside', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, LEDGER_FILE)
    for (const size of cuts([0, ...borders])) {
      if (size < header.byteLength) continue
      await writeFile(path, wholeFile.subarray(0, size))
      const ledger = await openLedger(folder, run, me)
      const whole = borders.filter((border) => border <= size).length - 1
      const entries = Math.max(0, whole - 1)
      const torn = size - borders[whole]
      expect(ledger.length).toBe(entries)
      expect(ledger.recoveredBytes).toBe(torn)
      if (torn > 0) {
        const aside = await readFile(`${path}.torn-${borders[whole]}`)
        expect(aside.equals(wholeFile.subarray(borders[whole], size))).toBe(true)
      }
      await ledger.append(chain[entries])
      await ledger.close()
      expect((await readFile(path)).equals(wholeFile.subarray(0, borders[entries + 2]))).toBe(true)
    }
    expect(await verifyLedgerFile(path)).toMatchObject({ ok: true, entries: 3 })
  })

  it('reports rounds that were skipped', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, LEDGER_FILE)
    const entries: SignedEntry[] = []
    for (const round of [0, 3, 4, 6])
      entries.push(makeEntry(entries.length, entries.at(-1)?.cid ?? run.id, { round, neighbours: [] }))
    const parts = entries.map((entry) => encodeCarSection(entry.cid, entry.bytes))
    await writeFile(path, Buffer.concat([header, sections[0]!, ...parts]))
    expect(await verifyLedgerFile(path)).toMatchObject({
      ok: true,
      skipped: [
        { first: 1, last: 2 },
        { first: 5, last: 5 },
      ],
    })
  })

  it('refuses damage in any byte and leaves the file as it is', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, LEDGER_FILE)
    for (let k = 0; k < wholeFile.byteLength; k += byteStep) {
      const damaged = Buffer.from(wholeFile)
      damaged[k] ^= 1 << (k % 8)
      await writeFile(path, damaged)
      const error = await openLedger(folder, run, me).then(
        async (ledger) => {
          await ledger.close()
          return undefined
        },
        (cause: unknown) => cause as { name: string; code: string },
      )
      // A root with another CID is reported as another run.
      const due = k < header.byteLength ? /^E_(STATE_CORRUPT|WRONG_RUN)$/ : /^E_STATE_CORRUPT$/
      expect(error?.name, `byte ${k}`).toBe('NodeError')
      expect(error?.code, `byte ${k}`).toMatch(due)
      expect((await readFile(path)).equals(damaged)).toBe(true)
    }
    expect((await readdir(folder)).filter((name) => name.includes('torn'))).toEqual([])
  })

  it('refuses every flip of a bit in the lengths of its sections', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, LEDGER_FILE)
    for (const border of borders.slice(0, -1)) {
      for (let bit = 0; bit < 24; bit++) {
        const damaged = Buffer.from(wholeFile)
        damaged[border + (bit >> 3)] ^= 1 << (bit & 7)
        await writeFile(path, damaged)
        await expect(openLedger(folder, run, me)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
        expect((await readFile(path)).equals(damaged)).toBe(true)
      }
    }
  })

  it('refuses the ledger of another run and of another author', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, LEDGER_FILE), wholeFile)
    await expect(openLedger(folder, otherRun, me)).rejects.toMatchObject({ code: 'E_WRONG_RUN' })
    await expect(openLedger(folder, run, signers[1].peerId)).rejects.toMatchObject({
      code: 'E_STATE_CORRUPT',
    })
    expect(await readFile(join(folder, LEDGER_FILE))).toEqual(wholeFile)
  })

  it('refuses a file whose first block is not the manifest', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, LEDGER_FILE), Buffer.concat([header, sections[1]]))
    await expect(openLedger(folder, run, me)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
  })

  it('knows no run in an empty folder, and the run of any ledger', async () => {
    const folder = await temporaryFolder()
    expect(await readLedgerRun(folder)).toBeUndefined()
    await writeFile(join(folder, LEDGER_FILE), header)
    expect(await readLedgerRun(folder)).toBeUndefined()
    await writeFile(join(folder, LEDGER_FILE), wholeFile)
    expect((await readLedgerRun(folder))?.id.equals(run.id)).toBe(true)
  })
})

describe('the announcements beside the ledger', () => {
  const ANNOUNCEMENTS = 'announcements.car'

  it('are each signed once for a round, also after reopening', async () => {
    const folder = await temporaryFolder()
    let ledger = await openLedger(folder, run, me)
    await ledger.recordAnnouncement(announce(signers[0], 4))
    const second = announce(signers[0], 4, { model: modelCid(99) })
    await expect(ledger.recordAnnouncement(second)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    await ledger.close()
    ledger = await openLedger(folder, run, me)
    expect(ledger.lastAnnouncement?.body.round).toBe(4)
    for (const message of [second, announce(signers[0], 3), announce(signers[0], 4)]) {
      await expect(ledger.recordAnnouncement(message)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
    }
    await ledger.recordAnnouncement(announce(signers[0], 5))
    expect(ledger.lastAnnouncement?.body.round).toBe(5)
    await ledger.close()
  })

  it('are refused for the second of two calls at the same time', async () => {
    const ledger = await openLedger(await temporaryFolder(), run, me)
    const outcomes = await Promise.allSettled([
      ledger.recordAnnouncement(announce(signers[0], 0)),
      ledger.recordAnnouncement(announce(signers[0], 0, { model: modelCid(99) })),
    ])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected'])
    await ledger.close()
  })

  it('are recovered when the file ends anywhere', async () => {
    const folder = await temporaryFolder()
    const messages = [0, 1].map((round) => announce(signers[0], round))
    const parts = [header, ...messages.map(({ bytes }) => encodeCarSection(documentCid(bytes), bytes))]
    const file = Buffer.concat(parts)
    const ends = bordersOf(parts).slice(1)
    const firstEnd = ends[1]
    for (const size of [...cuts([0, ...ends]), file.byteLength]) {
      if (size < header.byteLength) continue
      await writeFile(join(folder, ANNOUNCEMENTS), file.subarray(0, size))
      const ledger = await openLedger(folder, run, me)
      const due = size === file.byteLength ? 1 : size >= firstEnd ? 0 : undefined
      expect(ledger.lastAnnouncement?.body.round).toBe(due)
      await ledger.close()
    }
  })

  it('are refused as damaged where they are another author’s, out of order, forged or no announcement', async () => {
    const forged = { ...announce(signers[0], 1), signature: new Uint8Array(64) }
    const { encodeCanonical } = await import('@tempered/protocol')
    const cases: Uint8Array[][] = [
      [announce(stranger, 0).bytes],
      [announce(signers[0], 1).bytes, announce(signers[0], 0).bytes],
      [announce(signers[0], 1).bytes, announce(signers[0], 1, { model: modelCid(99) }).bytes],
      [encodeCanonical({ body: forged.body, signature: forged.signature })],
      [encodeCanonical('something else')],
    ]
    for (const blocks of cases) {
      const folder = await temporaryFolder()
      const parts = blocks.map((bytes) => encodeCarSection(documentCid(bytes), bytes))
      await writeFile(join(folder, ANNOUNCEMENTS), Buffer.concat([header, ...parts]))
      await expect(openLedger(folder, run, me)).rejects.toMatchObject({
        name: 'NodeError',
        code: 'E_STATE_CORRUPT',
      })
    }
  })
})
