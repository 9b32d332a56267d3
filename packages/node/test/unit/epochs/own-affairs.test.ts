import type { Amendment, ChangeMessage } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import { signsByItself } from '../../../src/epochs/own-affairs.js'
import { signed } from '../../support/changes.js'
import { freshMembership } from '../../support/memberships.js'
import { run, signers } from '../../support/run-fixture.js'

const peers = signers.map(({ peerId }) => peerId)
const leave: Amendment = { kind: 'remove', member: peers[3] }
const renew = (member: number, by: number): Amendment => ({
  kind: 'replace',
  member: peers[member],
  by: peers[by],
})

describe('what a node signs without its operator', () => {
  const decides = (message: ChangeMessage, membership = freshMembership(run)) => {
    membership.take(message.bytes)
    return signsByItself(message, membership, peers[0])
  }

  it('is that a member leaves, or has a new key, as it says itself', () => {
    expect(decides(signed(leave, 5, [3]))).toBe(true)
    expect(decides(signed(renew(3, 4), 5, [3, 4]))).toBe(true)
  })

  it('is nothing that others say of a member, nor half of what it says', () => {
    expect(decides(signed(leave, 5, [1]))).toBe(false)
    expect(decides(signed(renew(3, 4), 5, [3]))).toBe(false)
    expect(decides(signed({ kind: 'rounds', rounds: 60 }, 5, [3]))).toBe(false)
    expect(decides(signed({ kind: 'add', member: peers[4] }, 5, [3]))).toBe(false)
  })

  it('is one of several that a member says of itself: so it gets a quorum for one at most', () => {
    const membership = freshMembership(run)
    const [first, second] = [signed(leave, 5, [3]), signed(leave, 6, [3])]
    expect(decides(first, membership)).toBe(true)
    membership.countersign(first, signers[0])
    expect(decides(second, membership)).toBe(false)
    expect(decides(signed(renew(3, 4), 7, [3, 4]), membership)).toBe(false)
  })

  it('is no new key of a member whose key is new', () => {
    const membership = freshMembership(run)
    const first = signed(renew(3, 4), 5, [3, 4, 0, 1, 2])
    membership.take(first.bytes)
    const again = (from: number) => signed(renew(4, 5), from, [4, 5], membership.at(6))
    membership.enter(50, [])
    expect(decides(again(53), membership)).toBe(false)
    membership.enter(150, [])
    expect(decides(again(153), membership)).toBe(true)
  })

  it('is nothing twice, and nothing of a run that it is no member of', () => {
    const membership = freshMembership(run)
    const message = signed(leave, 5, [3, 0])
    membership.take(message.bytes)
    expect(signsByItself(message, membership, peers[0])).toBe(false)
    expect(signsByItself(message, membership, peers[5])).toBe(false)
    expect(signsByItself(message, membership, peers[3])).toBe(false)
  })
})
