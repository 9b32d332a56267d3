import { readFileSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { encodeCarHeader, encodeCarSection } from '../../src/ledger/car.js'

/** The file that packages/protocol/test/vectors/ledger-car.test.ts reads with the stock reader of @ipld/car. */
const golden = JSON.parse(
  readFileSync(new URL('../../../protocol/test/vectors/ledger-car.json', import.meta.url), 'utf8'),
) as { root: string; blocks: { cid: string; hex: string }[]; car: string }

describe('the CAR writer', () => {
  it('writes exactly the bytes of the committed ledger file', () => {
    const parts = [
      encodeCarHeader(CID.parse(golden.root)),
      ...golden.blocks.map((block) =>
        encodeCarSection(CID.parse(block.cid), new Uint8Array(Buffer.from(block.hex, 'hex'))),
      ),
    ]
    expect(Buffer.concat(parts).toString('hex')).toBe(golden.car)
  })
})
