import { blobCid, cidFromDigest, sha256 } from '@tempered/protocol'
import protobuf from 'protobufjs/minimal.js'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../../test-support/thrown-by.js'
import { type BlockMap, createBlockMap } from '../../../src/ipfs/block-map.js'
import { DAG_PB } from '../../../src/ipfs/ipfs-cid.js'
import { IPFS_LIMITS } from '../../../src/ipfs/ipfs-limits.js'
import { putFile, putFolder, readNode } from '../../../src/ipfs/unixfs.js'
import { type GetBlock, openContent } from '../../../src/ipfs/unixfs-reader.js'

const { chunkBytes } = IPFS_LIMITS

/** Bytes that differ from chunk to chunk. */
function bytesOf(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let k = 0; k < count; k += 997) bytes[k] = k % 251
  for (let k = 0; k < count; k += chunkBytes) bytes[k] = 1 + k / chunkBytes
  return bytes
}

const getFrom =
  (blocks: BlockMap, seen: string[] = []): GetBlock =>
  async (cid) => {
    seen.push(cid.toString())
    const block = blocks.get(cid)
    if (block === undefined) throw new Error(`no block ${cid}`)
    return block
  }

async function readAll(blocks: BlockMap, file: ReturnType<typeof putFile>, maxBytes = 1e9) {
  const content = await openContent(getFrom(blocks), file.cid)
  if (content.kind !== 'file') throw new Error('not a file')
  const parts: Uint8Array[] = []
  for await (const part of content.parts(maxBytes)) parts.push(part)
  return Buffer.concat(parts)
}

/** A DAG-PB block with these UnixFS fields and links to `cids`. */
function node(blocks: BlockMap, unixfs: Uint8Array, cids: readonly ReturnType<typeof blobCid>[] = []) {
  const writer = protobuf.Writer.create()
  for (const cid of cids)
    writer.uint32(18).bytes(protobuf.Writer.create().uint32(10).bytes(cid.bytes).finish())
  const bytes = writer.uint32(10).bytes(unixfs).finish()
  const own = cidFromDigest(DAG_PB, sha256(bytes))
  blocks.put(own, bytes)
  return own
}
const typeOf = (type: number) => protobuf.Writer.create().uint32(8).int32(type).finish()

describe('files', () => {
  it.each([0, 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes + 5])('of %i bytes come back', async (count) => {
    const blocks = createBlockMap()
    const bytes = bytesOf(count)
    const file = putFile(blocks, bytes)
    expect((await readAll(blocks, file)).equals(bytes)).toBe(true)
    expect(blocks.size).toBe(count <= chunkBytes ? 1 : Math.ceil(count / chunkBytes) + 1)
  })

  it('are one raw block, with the CID of their bytes, up to a chunk', () => {
    const bytes = bytesOf(chunkBytes)
    expect(putFile(createBlockMap(), bytes).cid).toEqual(blobCid(bytes))
  })

  it('have levels above 1,024 chunks, and repeated chunks are stored once', async () => {
    const blocks = createBlockMap()
    const file = putFile(blocks, new Uint8Array(1025 * chunkBytes))
    // One chunk; above it a full inner block, one with a single link, and the root.
    expect(blocks.size).toBe(4)
    const content = await openContent(getFrom(blocks), file.cid)
    let byteLength = 0
    if (content.kind === 'file') for await (const part of content.parts(2e9)) byteLength += part.byteLength
    expect(byteLength).toBe(1025 * chunkBytes)
  })

  it('are read to the limit of bytes and not one further', async () => {
    const blocks = createBlockMap()
    const file = putFile(blocks, bytesOf(chunkBytes + 10))
    expect(await readAll(blocks, file, chunkBytes + 10)).toHaveLength(chunkBytes + 10)
    await expect(readAll(blocks, file, chunkBytes + 9)).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
  })

  it('with more blocks than allowed are refused, though they are small', async () => {
    const blocks = createBlockMap()
    const leaf = putFile(blocks, new Uint8Array([7]))
    const wide = node(
      blocks,
      typeOf(2),
      Array.from({ length: 1000 }, () => leaf.cid),
    )
    const within = node(
      blocks,
      typeOf(2),
      Array.from({ length: 65 }, () => wide),
    )
    expect(await readAll(blocks, { cid: within, totalBytes: 0 })).toHaveLength(65_000)
    const above = node(
      blocks,
      typeOf(2),
      Array.from({ length: 67 }, () => wide),
    )
    await expect(readAll(blocks, { cid: above, totalBytes: 0 })).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
    })
  })

  it('are asked for in order, at most eight blocks ahead', async () => {
    const blocks = createBlockMap()
    const file = putFile(blocks, bytesOf(20 * chunkBytes))
    const seen: string[] = []
    const content = await openContent(getFrom(blocks, seen), file.cid)
    if (content.kind !== 'file') throw new Error('not a file')
    const parts = content.parts(1e9)
    await parts.next()
    // The root, the chunk that was read, and those after it.
    expect(seen).toHaveLength(2 + IPFS_LIMITS.fetchAhead - 1 + 1)
    await parts.return()
  })
})

describe('folders', () => {
  it('list their files in the order of their names', async () => {
    const blocks = createBlockMap()
    const one = putFile(blocks, new Uint8Array([1]))
    const folder = putFolder(blocks, { b: one, a: one, B: one })
    const content = await openContent(getFrom(blocks), folder.cid)
    expect(content.kind === 'folder' && content.files.map(({ name }) => name)).toEqual(['B', 'a', 'b'])
  })

  it('are listed up to the limit', async () => {
    const blocks = createBlockMap()
    const one = putFile(blocks, new Uint8Array([1]))
    const named = (count: number) =>
      putFolder(blocks, Object.fromEntries(Array.from({ length: count }, (_, k) => [`file-${k}`, one])))
    const { maxFolderFiles } = IPFS_LIMITS
    expect((await openContent(getFrom(blocks), named(maxFolderFiles).cid)).kind).toBe('folder')
    await expect(openContent(getFrom(blocks), named(maxFolderFiles + 1).cid)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
    })
  })

  it('inside files are refused', async () => {
    const blocks = createBlockMap()
    const inner = putFolder(blocks, {})
    await expect(
      readAll(blocks, { cid: node(blocks, typeOf(2), [inner.cid]), totalBytes: 0 }),
    ).rejects.toMatchObject({ code: 'E_MALFORMED' })
  })
})

describe('blocks that are no files', () => {
  const { cid } = putFolder(createBlockMap(), {})
  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('not protocol buffers')],
    ['UnixFS without a type', new Uint8Array([10, 0])],
    ['a sharded folder', new Uint8Array([10, 2, 8, 5])],
    ['a link without a CID', new Uint8Array([18, 0, 10, 2, 8, 2])],
    ['a folder with data', new Uint8Array([10, 5, 8, 1, 18, 1, 0])],
  ])('%s', (_, bytes) => {
    expect(thrownBy(() => readNode(cid, bytes))).toMatchObject({ code: 'E_MALFORMED' })
  })
})
