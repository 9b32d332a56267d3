import type { ConnectionGater } from '@libp2p/interface'
import type { Clock } from '../clock.js'
import type { RelayBudgets } from './budgets.js'
import { createRateLimiter } from './rate-limiter.js'

export type RelayGater = Pick<
  ConnectionGater,
  'denyInboundRelayReservation' | 'denyOutboundRelayedConnection' | 'denyInboundRelayedConnection'
>

export interface RelayGateInit {
  readonly budgets: RelayBudgets
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
  isMember(peer: string): boolean
  /** Whether connections with a peer are allowed at this moment. */
  isAllowed(peer: string): boolean
  /** A member wanted more than its share of this relay. */
  onRefused(code: 'E_RELAY_RATE', peer: string): void
}

/**
 * Who may use this node as a relay, and who may come to it through one: members, at both ends. The relay says who comes;
 * a lie gains nothing, since the handshake proves it afterwards.
 */
export function createRelayGate(init: RelayGateInit): RelayGater {
  const circuits = createRateLimiter(init.clock, init.budgets.circuits)
  const mayPass = (peer: { toString(): string }): boolean =>
    init.isMember(peer.toString()) && init.isAllowed(peer.toString())
  return {
    denyInboundRelayReservation: (peer) => !mayPass(peer),
    denyOutboundRelayedConnection(from, to) {
      if (!mayPass(from) || !mayPass(to)) return true
      if (circuits.take(from.toString())) return false
      init.onRefused('E_RELAY_RATE', from.toString())
      return true
    },
    denyInboundRelayedConnection: (_relay, from) => !mayPass(from),
  }
}
