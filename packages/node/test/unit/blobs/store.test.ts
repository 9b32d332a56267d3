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
})
