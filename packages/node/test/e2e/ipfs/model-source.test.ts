import { blobCid, encodeModel } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { randomIdentity } from '../../../src/identity-file.js'
import { serveBitswap } from '../../../src/ipfs/bitswap-server.js'
import { createBlockMap } from '../../../src/ipfs/block-map.js'
import { IPFS_LIMITS } from '../../../src/ipfs/ipfs-limits.js'
import { createIpfsNode } from '../../../src/ipfs/ipfs-node.js'
import { type ModelSource, openModelSource } from '../../../src/ipfs/model-source.js'
import { putFile, putFolder } from '../../../src/ipfs/unixfs.js'

const MODEL = encodeModel(Float32Array.from({ length: 700_000 }, (_, k) => (k < 600_000 ? 0 : k)))
const OTHER = encodeModel(new Float32Array([1]))
const name = (bytes: Uint8Array) => blobCid(bytes).toString()

describe('openModelSource', () => {
  const blocks = createBlockMap()
  let stop: () => Promise<void>
  let source: ModelSource

  beforeAll(async () => {
    const host = await createIpfsNode({
      identity: randomIdentity(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      dialMs: 60_000,
    })
    const server = await serveBitswap({ libp2p: host, clock: systemClock, blocks }, { sendMs: 60_000 })
    const from = host.getMultiaddrs().map(String)
    source = await openModelSource({ clock: systemClock }, { from, idleMs: 60_000 })
    stop = async () => {
      await source.stop()
      await server.stop()
      await host.stop()
    }
  })
  afterAll(() => stop())

  async function read(cid: CID, expected?: string): Promise<Buffer> {
    const { model } = await source.open(cid, expected)
    const parts: Uint8Array[] = []
    for await (const part of model.parts()) parts.push(part)
    expect(model.facts()).toMatchObject({ byteLength: Buffer.concat(parts).byteLength })
    return Buffer.concat(parts)
  }

  it('reads a file whose pieces are partly the same', async () => {
    const { cid } = putFile(blocks, MODEL)
    expect((await read(cid, name(MODEL))).equals(MODEL)).toBe(true)
    await expect(read(cid, name(OTHER))).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
  })

  it('reads the model of a folder, and its papers up to the limit', async () => {
    const model = putFile(blocks, MODEL)
    const { maxPaperBytes } = IPFS_LIMITS
    const most = putFile(blocks, new Uint8Array(maxPaperBytes))
    const more = putFile(blocks, new Uint8Array(maxPaperBytes + 1))
    const { cid } = putFolder(blocks, { [name(MODEL)]: model, most, more })
    const offer = await source.open(cid, undefined)
    if (offer.kind !== 'folder') throw new Error('not a folder')
    expect(offer.name).toBe(name(MODEL))
    expect((await offer.papers.get('most')!()).byteLength).toBe(maxPaperBytes)
    await expect(offer.papers.get('more')!()).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
    expect((await read(cid)).equals(MODEL)).toBe(true)
    await expect(source.open(cid, name(OTHER))).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
  })

  it('refuses folders without one model, and models under the name of another', async () => {
    const model = putFile(blocks, MODEL)
    const other = putFile(blocks, OTHER)
    const none = putFolder(blocks, { 'model.bin': model })
    const two = putFolder(blocks, { [name(MODEL)]: model, [name(OTHER)]: other })
    for (const { cid } of [none, two])
      await expect(source.open(cid, undefined)).rejects.toMatchObject({ code: 'E_MALFORMED' })
    const swapped = putFolder(blocks, { [name(MODEL)]: other })
    await expect(read(swapped.cid)).rejects.toMatchObject({ code: 'E_HASH_MISMATCH' })
    const nested = putFolder(blocks, { [name(MODEL)]: none })
    await expect(read(nested.cid)).rejects.toMatchObject({ code: 'E_MALFORMED' })
  })

  it('says so when a piece is missing', async () => {
    const partly = createBlockMap()
    const { cid } = putFile(partly, MODEL.subarray(4))
    blocks.put(cid, partly.get(cid)!)
    await expect(read(cid)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })
})
