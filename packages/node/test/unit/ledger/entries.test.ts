import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentCid, ProtocolError } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { errorCode } from '../../../src/errors.js'
import { encodeCarHeader, encodeCarSection } from '../../../src/ledger/car.js'
import { LEDGER_FILE, openLedger, readLedgerRun } from '../../../src/ledger/ledger.js'
import { verifyLedgerFile } from '../../../src/ledger/verify.js'
import { announce, makeChain, run, signers } from '../../support/run-fixture.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const me = signers[0].peerId
const chain = makeChain(4)
const bytesOf = (from: number, to: number) => chain.slice(from, to).map(({ bytes }) => bytes)

describe('entries of a ledger', () => {
  it('are read back by height, those that were appended and those that were there', async () => {
    const folder = await temporaryFolder()
    let ledger = await openLedger(folder, run, me)
    expect(await ledger.entries(0, 10)).toEqual([])
    for (const entry of chain.slice(0, 2)) await ledger.append(entry)
    expect(await ledger.entries(0, 10)).toEqual(bytesOf(0, 2))
    await ledger.close()
    const visited: number[] = []
    ledger = await openLedger(folder, run, me, { entry: ({ body }) => visited.push(body.height) })
    for (const entry of chain.slice(2)) await ledger.append(entry)
    expect(visited).toEqual([0, 1])
    expect(await ledger.entries(0, 10)).toEqual(bytesOf(0, 4))
    expect(await ledger.entries(1, 2)).toEqual(bytesOf(1, 3))
    expect(await ledger.entries(3, 1)).toEqual(bytesOf(3, 4))
    expect(await ledger.entries(4, 1)).toEqual([])
    await ledger.close()
  })

  it('and announcements that were torn count together', async () => {
    const folder = await temporaryFolder()
    const ledger = await openLedger(folder, run, me)
    await ledger.append(chain[0])
    await ledger.recordAnnouncement(announce(signers[0], 0))
    await ledger.close()
    const torn = encodeCarSection(chain[1].cid, chain[1].bytes)
    await appendFile(join(folder, LEDGER_FILE), torn.subarray(0, 50))
    const { bytes } = announce(signers[0], 1)
    await appendFile(
      join(folder, 'announcements.car'),
      encodeCarSection(documentCid(bytes), bytes).subarray(0, 60),
    )
    const again = await openLedger(folder, run, me)
    expect(again.recoveredBytes).toBe(110)
    expect(again.length).toBe(1)
    await again.close()
  })

  it('are kept from other writers once the ledger is closed', async () => {
    const ledger = await openLedger(await temporaryFolder(), run, me)
    await ledger.close()
    await expect(ledger.append(chain[0])).rejects.toMatchObject({ code: 'E_IO' })
  })
})

describe('the run of a ledger', () => {
  it('cannot be read from what is no file', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, LEDGER_FILE))
    await expect(readLedgerRun(folder).catch((error) => Promise.reject(errorCode(error)))).rejects.toBe(
      'E_IO',
    )
  })

  it('is refused as a whole where its topology cannot be built', async () => {
    const path = join(await temporaryFolder(), LEDGER_FILE)
    await writeFile(path, Buffer.concat([encodeCarHeader(run.id), encodeCarSection(run.id, run.bytes)]))
    const verdict = await verifyLedgerFile(path, undefined, () => {
      throw new ProtocolError('E_MALFORMED', 'no such topology')
    })
    expect(verdict).toMatchObject({ ok: false, entry: -1, code: 'E_MANIFEST' })
    expect(verdict.ok || verdict.message).toMatch(/no such topology/)
    const bug = verifyLedgerFile(path, undefined, () => {
      throw new TypeError('a bug')
    })
    await expect(bug).rejects.toThrow('a bug')
  })
})
