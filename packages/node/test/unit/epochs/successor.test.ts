import type { Amendment, ChangeMessage, Run } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { Membership } from '../../../src/epochs/membership.js'
import { successorOf } from '../../../src/epochs/successor.js'
import { signed } from '../../support/changes.js'
import { freshMembership } from '../../support/memberships.js'
import { run, signers } from '../../support/run-fixture.js'

const peers = signers.map(({ peerId }) => peerId)

function replace(membership: Membership, member: number, by: number, from: number): void {
  const amendment: Amendment = { kind: 'replace', member: peers[member], by: peers[by] }
  membership.take(byAll(amendment, from, [member, by], membership.at(from - 1)).bytes)
}

/** What a member says of itself, with the signatures of all other members. */
function byAll(amendment: Amendment, from: number, by: readonly number[], view: Run = run): ChangeMessage {
  const others = signers.flatMap(({ peerId }, index) => (view.memberIndex.has(peerId) ? [index] : []))
  return signed(amendment, from, [...by, ...others], view)
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
    membership.take(byAll(late, 6, [3, 5]).bytes)
    expect(membership.decided.map(({ problem }) => problem === undefined)).toEqual([true, false])
    expect(successorOf(membership, peers[3])).toBe(peers[4])
  })

  it('is none for a member that was removed', () => {
    const membership = freshMembership(run)
    membership.take(byAll({ kind: 'remove', member: peers[3] }, 5, [3]).bytes)
    expect(membership.decided).toHaveLength(1)
    expect(successorOf(membership, peers[3])).toBeUndefined()
  })
})
