import { peerIdFromString } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { budgetsOf } from '../../../src/guard/budgets.js'
import { createRelayGate } from '../../../src/guard/relay-gate.js'
import { createManualClock } from '../../support/manual-clock.js'
import { run, signers, stranger } from '../../support/run-fixture.js'

const [a, b] = signers.map(({ peerId }) => peerIdFromString(peerId)) as [never, never]
const other = peerIdFromString(stranger.peerId) as never

function openGate(isAllowed = (_peer: string): boolean => true) {
  const refused: string[] = []
  const clock = createManualClock()
  const gate = createRelayGate({
    budgets: budgetsOf(run).relay,
    clock,
    isMember: (peer) => run.memberIndex.has(peer),
    isAllowed,
    onRefused: (code) => refused.push(code),
  })
  return { gate, refused }
}

describe('a relay', () => {
  it('gives places to members alone, and not to those that are kept away', () => {
    const { gate } = openGate()
    expect(gate.denyInboundRelayReservation!(a)).toBe(false)
    expect(gate.denyInboundRelayReservation!(other)).toBe(true)
    expect(openGate(() => false).gate.denyInboundRelayReservation!(a)).toBe(true)
  })

  it('connects members with members', () => {
    const { gate } = openGate()
    expect(gate.denyOutboundRelayedConnection!(a, b)).toBe(false)
    expect(gate.denyOutboundRelayedConnection!(a, other)).toBe(true)
    expect(gate.denyOutboundRelayedConnection!(other, a)).toBe(true)
    expect(gate.denyInboundRelayedConnection!(b, other)).toBe(true)
    expect(gate.denyInboundRelayedConnection!(other, a)).toBe(false)
  })

  it('passes so many connections on for a member and not one more; others have theirs', () => {
    const { gate, refused } = openGate()
    const { burst } = budgetsOf(run).relay.circuits
    for (let k = 0; k < burst; k++) expect(gate.denyOutboundRelayedConnection!(a, b)).toBe(false)
    expect(refused).toEqual([])
    expect(gate.denyOutboundRelayedConnection!(a, b)).toBe(true)
    expect(refused).toEqual(['E_RELAY_RATE'])
    expect(gate.denyOutboundRelayedConnection!(b, a)).toBe(false)
  })
})
