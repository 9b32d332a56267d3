import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CarReader } from '@ipld/car'
import * as dagJson from '@ipld/dag-json'
import { blobCid, documentCid, encodeCanonical, makeEvidence, type SignedEntry } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, it } from 'vitest'
import { openEvidenceLog } from '../../../src/evidence/evidence-log.js'
import { readEvidenceFile } from '../../../src/ledger/evidence-file.js'
import { exportCar, exportNdjson } from '../../../src/ledger/export.js'
import { writeNewFile } from '../../../src/ledger/new-file.js'
import { lookup, replayableEntry } from '../../support/replay-fixture.js'
import { announce, modelCid, otherRun, run, signers } from '../../support/run-fixture.js'
import { writeLedger } from '../../support/state-folder.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

let chain: SignedEntry[]
beforeAll(async () => {
  chain = [await replayableEntry(undefined)]
  chain.push(await replayableEntry(chain[0]))
})

async function bytesOf(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}

describe('an exported ledger', () => {
  it('as NDJSON can be turned back into the blocks that were signed', async () => {
    const path = await writeLedger(await temporaryFolder(), chain)
    const lines = Buffer.from(await bytesOf(exportNdjson(run, path)))
      .toString()
      .trim()
      .split('\n')
    const blocks = lines.map((line) => dagJson.parse<{ cid: CID; block: unknown }>(line))
    const cids = blocks.map(({ block }) => documentCid(encodeCanonical(block)).toString())
    expect(cids).toEqual([run.id, ...chain.map(({ cid }) => cid)].map(String))
    expect(blocks.map(({ cid }) => cid.toString())).toEqual(cids)
  })

  it('as a CAR is the ledger file, byte for byte', async () => {
    const path = await writeLedger(await temporaryFolder(), chain)
    expect(Buffer.from(await bytesOf(exportCar(run, path))).equals(await readFile(path))).toBe(true)
  })

  it('as a CAR with blobs is read by the stock reader, each blob once', async () => {
    const path = await writeLedger(await temporaryFolder(), chain)
    // One that is missing, and the initial model, of which the fixture has no true blob.
    const hidden = [chain[1].body.aggregate, modelCid(0)].map(String)
    const count = { found: 0, missing: 0 }
    const blobs = { lookup: async (cid: string) => (hidden.includes(cid) ? undefined : lookup(cid)), count }
    const reader = await CarReader.fromBytes(await bytesOf(exportCar(run, path, blobs)))
    const cids: string[] = []
    for await (const { cid, bytes } of reader.blocks()) {
      cids.push(cid.toString())
      const hash = cid.code === documentCid(bytes).code ? documentCid(bytes) : blobCid(bytes)
      expect(hash.equals(cid)).toBe(true)
    }
    expect(new Set(cids).size).toBe(cids.length)
    expect(cids.slice(0, 3)).toEqual([run.id, ...chain.map(({ cid }) => cid)].map(String))
    expect(cids).toContain(chain[0].body.aggregate.toString())
    expect(count).toEqual({ found: cids.length - 3, missing: 2 })
  })
})

describe('writeNewFile', () => {
  it('writes once and does not replace an existing file', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'new')
    expect(await writeNewFile(path, [Uint8Array.of(1), Uint8Array.of(2)])).toBe(true)
    expect(await writeNewFile(path, [Uint8Array.of(3)])).toBe(false)
    expect([...(await readFile(path))]).toEqual([1, 2])
    expect(await readdir(folder)).toEqual(['new'])
  })

  it('leaves nothing behind when its parts end in an error', async () => {
    const folder = await temporaryFolder()
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1)
      throw new Error('no more')
    }
    await expect(writeNewFile(join(folder, 'new'), parts())).rejects.toThrow('no more')
    expect(await readdir(folder)).toEqual([])
    await expect(writeNewFile(join(folder, 'missing', 'new'), [])).rejects.toMatchObject({ code: 'E_IO' })
  })
})

describe('readEvidenceFile', () => {
  const evidence = makeEvidence(
    announce(signers[1], 0, { model: modelCid(1) }),
    announce(signers[1], 0, { model: modelCid(2) }),
  )

  it("reads a node's records and changes nothing, not even a torn tail", async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'evidence.car')
    expect(await readEvidenceFile(path, run)).toEqual([])
    expect(await readdir(folder)).toEqual([])
    const log = await openEvidenceLog(path, run)
    await log.record(evidence)
    await log.close()
    expect((await readEvidenceFile(path, run)).map(({ offender }) => offender)).toEqual([signers[1].peerId])
    const whole = await readFile(path)
    const torn = Buffer.concat([whole, whole.subarray(-40)])
    torn[whole.byteLength] = 0x7f
    await writeFile(path, torn)
    expect(await readEvidenceFile(path, run)).toHaveLength(1)
    expect(await readFile(path)).toEqual(torn)
    const zeros = Buffer.concat([whole, Buffer.alloc(100)])
    await writeFile(path, zeros)
    expect(await readEvidenceFile(path, run)).toHaveLength(1)
    expect(await readFile(path)).toEqual(zeros)
  })

  it('refuses damage and evidence of another run', async () => {
    const path = join(await temporaryFolder(), 'evidence.car')
    const log = await openEvidenceLog(path, run)
    await log.record(evidence)
    await log.close()
    await expect(readEvidenceFile(path, otherRun)).rejects.toMatchObject({ code: 'E_WRONG_RUN' })
    const bytes = await readFile(path)
    bytes[bytes.byteLength - 1] ^= 1
    await writeFile(path, bytes)
    await expect(readEvidenceFile(path, run)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
  })
})
