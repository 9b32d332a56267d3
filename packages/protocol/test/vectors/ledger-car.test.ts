import { readFileSync } from 'node:fs'
import { CarReader } from '@ipld/car'
import { describe, expect, it } from 'vitest'
import { createChainVerifier } from '../../src/chain.js'
import { documentCid } from '../../src/hashing.js'
import { openManifest } from '../../src/manifest.js'
import { fromHex, hex } from '../support/documents.js'

/** A ledger file of two entries; packages/node proves that its writer produces exactly these bytes. */
const golden = JSON.parse(readFileSync(new URL('ledger-car.json', import.meta.url), 'utf8')) as {
  root: string
  blocks: { cid: string; hex: string }[]
  car: string
}

describe('a ledger file', () => {
  it('is read by the stock CAR reader, block by block', async () => {
    const reader = await CarReader.fromBytes(fromHex(golden.car))
    expect((await reader.getRoots()).map(String)).toEqual([golden.root])
    const blocks: { cid: string; hex: string }[] = []
    for await (const { cid, bytes } of reader.blocks()) blocks.push({ cid: cid.toString(), hex: hex(bytes) })
    expect(blocks).toEqual(golden.blocks)
  })

  it('holds the manifest and a chain that verifies', async () => {
    const reader = await CarReader.fromBytes(fromHex(golden.car))
    const blocks: Uint8Array[] = []
    for await (const { cid, bytes } of reader.blocks()) {
      expect(documentCid(bytes).toString()).toBe(cid.toString())
      blocks.push(bytes)
    }
    const run = openManifest(blocks[0])
    expect(run.id.toString()).toBe(golden.root)
    const verifier = createChainVerifier(run)
    for (const bytes of blocks.slice(1)) verifier.accept(bytes)
    expect(verifier.length).toBe(2)
  })
})
