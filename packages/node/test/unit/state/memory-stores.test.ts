import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createMemoryDisk } from '../../../src/state/memory-stores.js'
import { makeChain, makeEntry, run, signers } from '../../support/run-fixture.js'

const me = signers[0].peerId
const chain = makeChain(4)

/** Opens the ledger of a disk; returns it and the heights that were visited. */
async function openLedger(disk: ReturnType<typeof createMemoryDisk>) {
  const visited: number[] = []
  const stores = disk.open()
  const ledger = await stores.openLedger(run, me, { entry: ({ body }) => void visited.push(body.height) })
  return { stores, ledger, visited }
}

describe('a disk in memory', () => {
  it('outlives its node: appended entries are there when it is opened again', async () => {
    const disk = createMemoryDisk()
    const first = await openLedger(disk)
    for (const entry of chain.slice(0, 2)) await first.ledger.append(entry)
    expect(disk).toMatchObject({ ledgerLength: 2, lastRound: 1 })
    await first.stores.release()
    const second = await openLedger(disk)
    expect(second.visited).toEqual([0, 1])
    await second.ledger.append(chain[2])
    expect(second.ledger.head.equals(chain[2].cid)).toBe(true)
    expect((await second.ledger.entries(1, 9)).map((bytes) => bytes.length)).toEqual(
      chain.slice(1, 3).map(({ bytes }) => bytes.length),
    )
  })

  it('is held by one node at a time', async () => {
    const disk = createMemoryDisk()
    const stores = disk.open()
    expect(() => disk.open()).toThrow(expect.objectContaining({ code: 'E_STATE_IN_USE' }))
    await stores.release()
    expect(() => disk.open()).not.toThrow()
  })

  it('refuses entries that do not fit, and stays as it was', async () => {
    const { ledger } = await openLedger(createMemoryDisk())
    await ledger.append(chain[0])
    await expect(ledger.append(chain[2])).rejects.toMatchObject({ code: 'E_HEIGHT' })
    await expect(ledger.append(makeEntry(1, run.id))).rejects.toMatchObject({
      name: 'ProtocolError',
    })
    await ledger.append(chain[1])
    expect(ledger.length).toBe(2)
  })

  it('can hold the newest entries only: then they alone are served, and it cannot be opened again', async () => {
    const disk = createMemoryDisk({ heldEntries: 2 })
    const { ledger, stores } = await openLedger(disk)
    for (const entry of chain) await ledger.append(entry)
    expect(disk).toMatchObject({ ledgerLength: 4, lastRound: 3 })
    expect(await ledger.entries(0, 9)).toEqual([])
    expect(await ledger.entries(2, 9)).toHaveLength(2)
    await stores.release()
    await expect(openLedger(disk)).rejects.toMatchObject({ code: 'E_STATE_CORRUPT' })
  })

  it('keeps the models that are due or pinned', async () => {
    const disk = createMemoryDisk()
    const blobs = await disk.open().openBlobs(undefined)
    const models = [1, 2, 3].map((value) => Uint8Array.of(value))
    const [old, pinned, fresh] = await Promise.all(models.map((bytes) => blobs.put(bytes)))
    blobs.pin(pinned)
    await blobs.retain([[fresh]])
    expect(await blobs.get(old)).toBeUndefined()
    expect(disk.blob(pinned)).toBe(models[1])
    expect(await blobs.get(fresh)).toBe(models[2])
    expect(fresh).toBe(blobCid(models[2]).toString())
  })
})
