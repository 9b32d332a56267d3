import { type Amendment, approveChange, proposeChange } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { Membership } from '../../../src/epochs/membership.js'
import { successorOf } from '../../../src/epochs/successor.js'
import { freshMembership } from '../../support/memberships.js'
import { run, signers } from '../../support/run-fixture.js'

const peers = signers.map(({ peerId }) => peerId)

function replace(membership: Membership, member: number, by: number, from: number): void {
  const amendment: Amendment = { kind: 'replace', member: peers[member], by: peers[by] }
  const message = proposeChange({ run: membership.at(from - 1), from, amendment }, signers[member])
  membership.take(approveChange(message, signers[by]).bytes)
}

describe('the key that has taken the place of another', () => {
  it('is none for a key that was not replaced', () => {
    const membership = freshMembership(run)
    expect(successorOf(membership, peers[3])).toBeUndefined()
    replace(membership, 2, 4, 5)
    expect(successorOf(membership, peers[3])).toBeUndefined()
  })

  it('is found through several changes', () => {
    const membership = freshMembership(run)
    replace(membership, 3, 4, 5)
    expect(successorOf(membership, peers[3])).toBe(peers[4])
    replace(membership, 4, 5, 7)
    replace(membership, 5, 6, 9)
    expect([3, 4, 5, 6].map((index) => successorOf(membership, peers[index]))).toEqual([
      peers[6],
      peers[6],
      peers[6],
      undefined,
    ])
  })

  it('is not one of a change that does nothing', () => {
    const membership = freshMembership(run)
    replace(membership, 3, 4, 5)
    const late: Amendment = { kind: 'replace', member: peers[3], by: peers[5] }
    const message = proposeChange({ run, from: 6, amendment: late }, signers[3])
    membership.take(approveChange(message, signers[5]).bytes)
    expect(membership.decided.map(({ problem }) => problem === undefined)).toEqual([true, false])
    expect(successorOf(membership, peers[3])).toBe(peers[4])
  })

  it('is none for a member that was removed', () => {
    const membership = freshMembership(run)
    membership.take(
      proposeChange({ run, from: 5, amendment: { kind: 'remove', member: peers[3] } }, signers[3]).bytes,
    )
    expect(successorOf(membership, peers[3])).toBeUndefined()
  })
})
