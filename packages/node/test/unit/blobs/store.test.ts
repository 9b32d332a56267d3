import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { openBlobStore } from '../../../src/blobs/store.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const blob = (tag: number) => new Uint8Array(100).fill(tag)
const cidOf = (tag: number) => blobCid(blob(tag)).toString()

describe('the blob store', () => {
  it('stores blobs on disk under their CIDs, and returns them after reopening', async () => {
    const folder = join(await temporaryFolder(), 'blobs')
    const store = await openBlobStore(folder)
    expect(await store.put(blob(1))).toBe(cidOf(1))
    expect(await store.get(cidOf(1))).toEqual(blob(1))
    expect(await readdir(folder)).toEqual([cidOf(1)])
    const again = await openBlobStore(folder)
    expect(new Uint8Array((await again.get(cidOf(1)))!)).toEqual(blob(1))
    expect(await again.get(cidOf(2))).toBeUndefined()
  })

  it('serves the newest four from memory and the others from disk', async () => {
    const folder = await temporaryFolder()
    const store = await openBlobStore(folder)
    for (let tag = 0; tag < 6; tag++) await store.put(blob(tag))
    expect(new Uint8Array((await store.get(cidOf(0)))!)).toEqual(blob(0))
    await rm(folder, { recursive: true })
    const held = await Promise.all([0, 1, 2, 3, 4, 5].map((tag) => store.get(cidOf(tag))))
    expect(held.map((bytes) => bytes !== undefined)).toEqual([false, false, true, true, true, true])
  })

  it('notices a file that does not match its name', async () => {
    const folder = await temporaryFolder()
    await (await openBlobStore(folder)).put(blob(1))
    const damaged = await readFile(join(folder, cidOf(1)))
    damaged[50] ^= 1
    await writeFile(join(folder, cidOf(1)), damaged)
    await expect((await openBlobStore(folder)).get(cidOf(1))).rejects.toMatchObject({
      name: 'NodeError',
      code: 'E_HASH_MISMATCH',
    })
  })

  it('retains only the named blobs, in memory and on disk', async () => {
    const folder = await temporaryFolder()
    const store = await openBlobStore(folder)
    for (const tag of [1, 2, 3]) await store.put(blob(tag))
    await writeFile(join(folder, 'left-over.tmp'), 'x')
    await store.retain([[cidOf(2), cidOf(9)]])
    expect(await readdir(folder)).toEqual([cidOf(2)])
    expect(await store.get(cidOf(1))).toBeUndefined()
    expect(await store.get(cidOf(2))).toEqual(blob(2))
    await store.put(blob(1))
    expect(await readdir(folder)).toHaveLength(2)
  })

  it('keeps pinned blobs until they are unpinned', async () => {
    const folder = await temporaryFolder()
    const store = await openBlobStore(folder)
    for (const tag of [1, 2]) await store.put(blob(tag))
    store.pin(cidOf(1))
    await store.retain([])
    expect(await readdir(folder)).toEqual([cidOf(1)])
    store.unpin(cidOf(1))
    await store.retain([])
    expect(await readdir(folder)).toEqual([])
  })

  it('leaves a pinned blob alone that is written while others are deleted', async () => {
    const store = await openBlobStore(await temporaryFolder())
    store.pin(cidOf(1))
    for (let k = 0; k < 20; k++) {
      await Promise.all([store.put(blob(1)), store.retain([]), store.put(blob(1)), store.retain([])])
      expect(await store.get(cidOf(1))).toEqual(blob(1))
      store.unpin(cidOf(1))
      // Deleted and written again at the same time: whichever comes last holds.
      const deleted = store.retain([])
      store.pin(cidOf(1))
      await Promise.all([deleted, store.put(blob(1))])
      expect(await store.get(cidOf(1))).toEqual(blob(1))
    }
  })

  it('deletes the oldest rounds when over its budget, but never the newest two or pinned blobs', async () => {
    const folder = await temporaryFolder()
    // Each blob is 100 bytes.
    const store = await openBlobStore(folder, 450)
    for (const tag of [1, 2, 3, 4, 5, 6]) await store.put(blob(tag))
    store.pin(cidOf(6))
    await store.retain([[cidOf(1)], [cidOf(2)], [cidOf(3)], [cidOf(4)], [cidOf(5)]])
    expect((await readdir(folder)).sort()).toEqual([1, 2, 3, 6].map(cidOf).sort())
    const poor = await openBlobStore(folder, 1)
    await poor.retain([[cidOf(1)], [cidOf(2)], [cidOf(3)]])
    expect((await readdir(folder)).sort()).toEqual([1, 2].map(cidOf).sort())
  })

  it.each(['../secret', '..', '.', '/etc/hostname', 'a/b', 'a\\b', 'a\0b', '', 'A', 'secret.txt'])(
    'holds nothing under the name %j, whatever lies in the file system',
    async (name) => {
      const parent = await temporaryFolder()
      await writeFile(join(parent, 'secret'), 'x')
      const folder = join(parent, 'blobs')
      const store = await openBlobStore(folder)
      await writeFile(join(folder, 'secret.txt'), 'x')
      expect(await store.get(name)).toBeUndefined()
    },
  )

  it('says E_IO when the disk fails', async () => {
    const folder = await temporaryFolder()
    const store = await openBlobStore(folder)
    await mkdir(join(folder, cidOf(1)))
    await expect(store.get(cidOf(1))).rejects.toMatchObject({ code: 'E_IO' })
  })

  describe('opened', () => {
    const large = Uint8Array.from({ length: 3_000_000 }, (_, k) => (k * 2654435761) >>> 24)
    const cid = blobCid(large).toString()

    it.each(['memory', 'disk'])('reads any part from %s, also after the blob was deleted', async (from) => {
      const folder = await temporaryFolder()
      await (await openBlobStore(folder)).put(large)
      const store = await openBlobStore(folder)
      if (from === 'memory') await store.put(large)
      const blob = (await store.open(cid))!
      await store.retain([])
      expect(blob.byteLength).toBe(large.byteLength)
      for (const [offset, length] of [
        [0, 1],
        [1_048_570, 1_000_000],
        [2_999_999, 1],
      ])
        expect(Buffer.compare(await blob.read(offset, length), large.subarray(offset, offset + length))).toBe(
          0,
        )
      await blob.close()
      expect(await store.open(cid)).toBeUndefined()
    })

    it('is checked before anything of it can be read, once', async () => {
      const folder = await temporaryFolder()
      await (await openBlobStore(folder)).put(large)
      const store = await openBlobStore(folder)
      await (await store.open(cid))!.close()
      const damaged = large.slice()
      damaged[2_999_999] ^= 1
      await writeFile(join(folder, cid), damaged)
      // Checked when it was opened first.
      await (await store.open(cid))!.close()
      await expect((await openBlobStore(folder)).open(cid)).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
    })

    it('says E_IO when the file has become shorter', async () => {
      const folder = await temporaryFolder()
      await (await openBlobStore(folder)).put(large)
      const blob = (await (await openBlobStore(folder)).open(cid))!
      await writeFile(join(folder, cid), large.subarray(0, 10))
      await expect(blob.read(0, 11)).rejects.toMatchObject({ name: 'NodeError', code: 'E_IO' })
      await blob.close()
    })

    it('does not exist under a name that is no CID', async () => {
      const store = await openBlobStore(await temporaryFolder())
      expect(await store.open('../secret')).toBeUndefined()
    })
  })

  it('holds no more in memory than its limit, however few blobs there are', async () => {
    const folder = await temporaryFolder()
    const store = await openBlobStore(folder)
    const huge = [1, 2].map((tag) => new Uint8Array(40 * 1024 * 1024).fill(tag))
    for (const bytes of huge) await store.put(bytes)
    expect(await store.get(blobCid(huge[1]).toString())).toBe(huge[1])
    expect(await store.get(blobCid(huge[0]).toString())).not.toBe(huge[0])
  })
})
