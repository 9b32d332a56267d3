import type { Amendment, Run } from '@tempered/protocol'
import { describe, expect, it } from 'vitest'
import type { Membership } from '../../../src/epochs/membership.js'
import { roundOfNextEpoch } from '../../../src/epochs/next-epoch.js'
import { signed } from '../../support/changes.js'
import { freshMembership } from '../../support/memberships.js'
import { run, signers } from '../../support/run-fixture.js'

/** A run of 40 rounds. */
function decide(membership: Membership, amendment: Amendment, from: number, view: Run = run): void {
  membership.take(signed(amendment, from, undefined, view).bytes)
}
const rounds = (count: number): Amendment => ({ kind: 'rounds', rounds: count })

describe('a node that is through with its rounds', () => {
  it('has nothing to do without a change, or with one that brings no rounds', () => {
    const membership = freshMembership(run)
    expect(roundOfNextEpoch(membership, run, 40)).toBeUndefined()
    decide(membership, { kind: 'add', member: signers[4].peerId }, 41)
    expect(roundOfNextEpoch(membership, run, 40)).toBeUndefined()
    decide(membership, rounds(41), 42)
    expect(roundOfNextEpoch(membership, run, 40)).toBeUndefined()
  })

  it('goes on at once with a change that holds, and otherwise from the round from which it does', () => {
    const membership = freshMembership(run)
    decide(membership, rounds(50), 43)
    expect(roundOfNextEpoch(membership, run, 40)).toBe(43)
    decide(membership, { kind: 'add', member: signers[4].peerId }, 41)
    expect(roundOfNextEpoch(membership, run, 40)).toBe(43)
    decide(membership, { kind: 'deadlines', deadlines: { joinMs: 5 } }, 40)
    expect(roundOfNextEpoch(membership, run, 40)).toBe(40)
  })

  it('is not led back when the run was cut short', () => {
    const membership = freshMembership(run)
    decide(membership, rounds(2), 5)
    expect(roundOfNextEpoch(membership, membership.at(5), 5)).toBeUndefined()
    decide(membership, rounds(9), 7, membership.at(5))
    expect(roundOfNextEpoch(membership, membership.at(5), 5)).toBe(7)
    expect(roundOfNextEpoch(membership, membership.at(7), 9)).toBeUndefined()
  })
})
