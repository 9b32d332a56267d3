import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { blobCid, cidFromDigest, documentCid, RAW, sha256 } from '../../src/hashing.js'
import { runTopics, STREAM_PROTOCOLS } from '../../src/topics.js'
import { hex, otherRun, run } from '../support/documents.js'

describe('addresses', () => {
  it('are CIDv1 with SHA-256: raw for blobs, DAG-CBOR for documents', () => {
    const bytes = new TextEncoder().encode('hello world')
    expect(hex(blobCid(bytes).bytes)).toBe(
      '01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
    )
    expect(documentCid(bytes).code).toBe(0x71)
    expect(documentCid(bytes).equals(blobCid(bytes))).toBe(false)
    expect(cidFromDigest(RAW, sha256(bytes)).equals(blobCid(bytes))).toBe(true)
  })

  it('hash chunks as one string', () => {
    const chunks = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]
    expect(Buffer.from(sha256(...chunks))).toEqual(
      createHash('sha256')
        .update(Uint8Array.of(1, 2, 3))
        .digest(),
    )
  })
})

describe('topics', () => {
  it('differ between kinds and between runs', () => {
    const all = [...Object.values(runTopics(run.id)), ...Object.values(runTopics(otherRun.id))]
    expect(new Set(all).size).toBe(all.length)
    expect(runTopics(run.id).announcement).toBe(`/tempered/2/${run.id}/announcement`)
  })

  it('are distinct for the direct protocols', () => {
    expect(new Set(Object.values(STREAM_PROTOCOLS)).size).toBe(Object.keys(STREAM_PROTOCOLS).length)
  })
})
