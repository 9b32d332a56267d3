import { blobCid } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { createOfferedBlobs } from '../../../src/private/offered-blobs.js'

const BYTES = Uint8Array.of(1, 2, 3)
const CID = blobCid(BYTES).toString()

describe('what a node serves of its private rounds', () => {
  it('goes to those whom it is for, and to nobody else', async () => {
    const offered = createOfferedBlobs()
    offered.offer(4, BYTES, new Set(['alice']))
    expect(offered.open(CID, 'bob')).toBeUndefined()
    expect(await offered.open(CID, 'alice')?.read(1, 2)).toEqual(Uint8Array.of(2, 3))
    offered.offer(4, BYTES, new Set(['bob']))
    expect(offered.open(CID, 'bob')?.byteLength).toBe(3)
    expect(offered.open(CID, 'carol')).toBeUndefined()
  })

  it('is gone with its round', () => {
    const offered = createOfferedBlobs()
    offered.offer(4, BYTES, new Set(['alice']))
    offered.forget(4)
    expect(offered.open(CID, 'alice')).toBeDefined()
    offered.forget(5)
    expect(offered.open(CID, 'alice')).toBeUndefined()
  })

  it('is found under the name that it is asked for by', () => {
    const offered = createOfferedBlobs()
    offered.offer(1, BYTES, new Set(['alice']), 'another name')
    expect(offered.open('another name', 'alice')).toBeDefined()
    expect(offered.open(CID, 'alice')).toBeUndefined()
  })
})
