import { LIMITS } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { InboundError } from '../../../src/inbound/inbound-error.js'
import { takeChange } from '../../../src/inbound/validate-change.js'
import { signed } from '../../support/changes.js'
import { freshMembership } from '../../support/memberships.js'
import { otherRun, run, signers } from '../../support/run-fixture.js'

const extension = { kind: 'rounds', rounds: 50 } as const
const change = signed(extension, 5, [0])

function verdictOf(bytes: Uint8Array, membership = freshMembership(run)): readonly [string, string] {
  try {
    takeChange(bytes, membership, 'gossip')
  } catch (error) {
    expect(error).toBeInstanceOf(InboundError)
    const { action, code } = error as InboundError
    return [action, code]
  }
  return ['taken', '']
}

describe('changes from the wire', () => {
  it('are taken, and again with more signatures, but not when nothing about them is new', () => {
    const membership = freshMembership(run)
    expect(verdictOf(change.bytes, membership)).toEqual(['taken', ''])
    expect(verdictOf(change.bytes, membership)).toEqual(['ignore', 'E_DUPLICATE'])
    expect(verdictOf(signed(extension, 5, [0, 1]).bytes, membership)).toEqual(['taken', ''])
    expect(verdictOf(change.bytes, membership)).toEqual(['ignore', 'E_DUPLICATE'])
  })

  it.each([
    ['over the size limit', new Uint8Array(LIMITS.maxChangeBytes + 1), 'E_TOO_LARGE'],
    ['at the size limit, but nothing', new Uint8Array(LIMITS.maxChangeBytes), 'E_MALFORMED'],
    ['of another run', signed(extension, 5, [0], otherRun).bytes, 'E_WRONG_RUN'],
    ['with a byte flipped in a signature', flipped(change.bytes), 'E_SIGNATURE'],
  ])('%s are rejected', (_, bytes, code) => {
    expect(verdictOf(bytes)).toEqual(['reject', code])
  })

  it('that depend on what a node knows are ignored: its sender may know more', () => {
    const grown = freshMembership(run)
    grown.take(signed({ kind: 'add', member: signers[5]!.peerId }, 3).bytes)
    const later = signed(extension, 9, [0], grown.at(5))
    expect(verdictOf(later.bytes)).toEqual(['ignore', 'E_EPOCH'])
    expect(verdictOf(later.bytes, grown)).toEqual(['taken', ''])
    // No member of the run has signed it.
    expect(verdictOf(signed(extension, 5, [6]).bytes)).toEqual(['ignore', 'E_CHANGE'])
  })

  it('let errors through that say nothing of the sender', () => {
    const broken = {
      take(): never {
        throw new TypeError('a fault of this node')
      },
    }
    expect(() => takeChange(change.bytes, broken, 'peer')).toThrow(TypeError)
  })
})

/** The last byte of the document that is part of a signature. */
function flipped(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  const { signature } = change.approvals[0]!
  const at = Buffer.from(bytes).indexOf(Buffer.from(signature))
  changed[at + 20]! ^= 1
  return changed
}
