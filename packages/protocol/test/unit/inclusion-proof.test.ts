import { describe, expect, it } from 'vitest'
import { byteStep } from '../../../../test-support/tier.js'
import { decodeCanonical, encodeCanonical } from '../../src/codec.js'
import { checkConsistency, proveConsistency } from '../../src/consistency-proof.js'
import { createFinalityTracker, type FinalHead } from '../../src/finality.js'
import { entryLeaf, type HeadMessage } from '../../src/head.js'
import { checkInclusion, proveInclusion } from '../../src/inclusion-proof.js'
import { LIMITS } from '../../src/limits.js'
import { merkleRoot } from '../../src/merkle.js'
import { codeOf, headMessage, makeChain, otherRun, run, signers } from '../support/documents.js'

const [a, b, c, d] = signers
const chain = makeChain(11)
const ownHead = headMessage(a, 10, {
  entry: chain[10].cid,
  parent: chain[9].cid,
  root: merkleRoot(chain.map((entry) => entryLeaf(entry.cid))),
})

function final(messages: readonly HeadMessage[]): FinalHead {
  const tracker = createFinalityTracker(run)
  for (const message of messages) tracker.note(message)
  return tracker.finalHead(a.peerId)!
}
const cosigned = final([
  ownHead,
  headMessage(d, 1),
  headMessage(b, 3, {}, [ownHead.head]),
  headMessage(c, 4, {}, [ownHead.head, headMessage(d, 1).head]),
])

describe('inclusion proofs', () => {
  it('convince from their bytes alone, for every entry below the head', () => {
    for (let height = 0; height < chain.length; height++) {
      const checked = checkInclusion(proveInclusion(run, chain, height, cosigned))
      expect(checked.run.id.equals(run.id)).toBe(true)
      expect(checked.entry.cid.equals(chain[height].cid)).toBe(true)
      expect(checked.signers).toEqual([a.peerId, b.peerId, c.peerId])
      expect([checked.quorum, checked.final]).toEqual([3, true])
    }
  })

  it('say that a head is not final when witnesses are missing', () => {
    const few = { head: cosigned.head, cosignatures: cosigned.cosignatures.slice(1) }
    expect(checkInclusion(proveInclusion(run, chain, 4, few)).final).toBe(false)
  })

  it('cannot be made for an entry above the head', () => {
    expect(codeOf(() => proveInclusion(run, makeChain(13), 12, cosigned))).toBe('E_PROOF')
  })

  const bytes = proveInclusion(run, chain, 4, cosigned)
  const value = decodeCanonical(bytes, LIMITS.maxProofBytes, 'proof') as Record<string, never> & {
    cosignatures: { head: Uint8Array; index: number; path: Uint8Array[] }[]
  }
  const checked = (changes: Record<string, unknown>) =>
    codeOf(() => checkInclusion(encodeCanonical({ ...value, ...changes })))

  it('are refused for an entry that is elsewhere in the ledger, or not in it', () => {
    expect(checked({ entry: chain[5].bytes })).toBe('E_PROOF')
    expect(checked({ manifest: otherRun.bytes })).toBe('E_WRONG_RUN')
    expect(checked({ head: headMessage(b, 10).head.bytes })).toBe('E_PROOF')
    expect(checked({ head: headMessage(a, 10).head.bytes })).toBe('E_PROOF')
  })

  it('are refused when a witness counts twice, witnesses itself or signed for something else', () => {
    const [first, second] = value.cosignatures
    expect(checked({ cosignatures: [first, first] })).toBe('E_PROOF')
    expect(checked({ cosignatures: [{ ...first, head: ownHead.head.bytes }] })).toBe('E_PROOF')
    expect(checked({ cosignatures: [{ ...second, index: 1 }] })).toBe('E_PROOF')
    expect(
      checked({
        cosignatures: [{ ...first, head: headMessage(b, 3, {}, [headMessage(a, 2).head]).head.bytes }],
      }),
    ).toBe('E_PROOF')
  })

  it('do not survive a flip in any byte', () => {
    for (let k = 0; k < bytes.byteLength; k += byteStep) {
      const changed = bytes.slice()
      changed[k] ^= 1 << (k % 8)
      const found = codeOf(() => {
        const result = checkInclusion(changed)
        // A flip inside the manifest changes it, and therefore the run.
        if (result.run.id.equals(run.id)) throw new Error(`byte ${k} was changed and nobody noticed`)
      })
      expect(found).toMatch(/^E_/)
    }
  })
})

describe('consistency proofs', () => {
  const headAt = (height: number) =>
    headMessage(a, height, {
      entry: chain[height].cid,
      parent: height === 0 ? run.id : chain[height - 1].cid,
      root: merkleRoot(chain.slice(0, height + 1).map((entry) => entryLeaf(entry.cid))),
    }).head

  it('show that a ledger still begins with each of its earlier selves', () => {
    for (let height = 0; height <= 10; height++) {
      const checked = checkConsistency(proveConsistency(run, chain, headAt(height), cosigned))
      expect([checked.older.body.height, checked.newer.body.height]).toEqual([height, 10])
      expect(checked.signers).toEqual([a.peerId, b.peerId, c.peerId])
      expect(checked.final).toBe(true)
    }
  })

  it('cannot be had for a beginning that was rewritten, a head of another or one that is newer', () => {
    const rewritten = headMessage(a, 4).head
    expect(codeOf(() => checkConsistency(proveConsistency(run, chain, rewritten, cosigned)))).toBe('E_PROOF')
    const other = headMessage(b, 4).head
    expect(codeOf(() => checkConsistency(proveConsistency(run, chain, other, cosigned)))).toBe('E_PROOF')
    expect(codeOf(() => proveConsistency(run, makeChain(13), headMessage(a, 12).head, cosigned))).toBe(
      'E_PROOF',
    )
  })

  it('do not survive a flip in any byte', () => {
    const bytes = proveConsistency(run, chain, headAt(4), cosigned)
    for (let k = 0; k < bytes.byteLength; k += byteStep) {
      const changed = bytes.slice()
      changed[k] ^= 1 << (k % 8)
      const found = codeOf(() => {
        if (checkConsistency(changed).run.id.equals(run.id))
          throw new Error(`byte ${k} was changed and nobody noticed`)
      })
      expect(found).toMatch(/^E_/)
    }
  })
})
