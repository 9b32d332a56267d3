import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../test-support/tier.js'
import { createChainVerifier } from '../../src/chain.js'
import { makeChain, run, signers } from '../support/documents.js'

const chain = makeChain(10)

/** Number of entries that pass; stops at the first that does not. */
function accepted(blocks: readonly Uint8Array[]): number {
  const verifier = createChainVerifier(run, signers[0].peerId)
  for (const bytes of blocks) {
    try {
      verifier.accept(bytes)
    } catch (error) {
      expect(error).toMatchObject({ name: 'ProtocolError' })
      break
    }
  }
  return verifier.length
}

describe('a chain of ten entries', () => {
  it('is accepted as it is', () => {
    expect(accepted(chain.map((entry) => entry.bytes))).toBe(10)
  })

  it('is refused at the very entry in which any byte was changed', () => {
    for (const [height, entry] of chain.entries()) {
      const verifier = createChainVerifier(run, signers[0].peerId)
      for (const before of chain.slice(0, height)) verifier.accept(before.bytes)
      const bytes = entry.bytes.slice()
      for (let k = 0; k < bytes.byteLength; k += byteStep) {
        const bit = 1 << ((k + height) % 8)
        bytes[k] ^= bit
        let refusedWith: unknown
        try {
          verifier.accept(bytes)
        } catch (error) {
          refusedWith = error
        }
        bytes[k] ^= bit
        if ((refusedWith as Error | undefined)?.name !== 'ProtocolError') {
          expect.fail(`entry ${height}, byte ${k}: ${refusedWith ?? 'accepted'}`)
        }
      }
    }
  })

  it('is refused when any entry is left out, doubled or swapped with its neighbour', () => {
    const blocks = chain.map((entry) => entry.bytes)
    for (let k = 0; k < 9; k++) {
      expect(accepted(blocks.toSpliced(k, 1))).toBe(k)
      expect(accepted(blocks.toSpliced(k, 0, blocks[k]))).toBe(k + 1)
      expect(accepted(blocks.toSpliced(k, 2, blocks[k + 1], blocks[k]))).toBe(k)
    }
  })
})
