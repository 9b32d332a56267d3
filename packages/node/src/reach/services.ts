import type { CircuitRelayServerComponents } from '@libp2p/circuit-relay-v2'
import type { RelayBudgets } from '../guard/budgets.js'
import { type MembersOnlyInit, membersOnly } from '../guard/members-only.js'
import type { ReachOptions } from './reach-options.js'

type Services = Record<string, (components: never) => unknown>

/** The services of libp2p that a node's configuration asks for, each loaded only then. */
export async function reachServices(
  reach: ReachOptions,
  budgets: RelayBudgets,
  members: Pick<MembersOnlyInit, 'clock' | 'isMember'>,
): Promise<Services> {
  return {
    ...(reach.relay === undefined ? {} : { relay: await relayServer(reach.relay, budgets, members) }),
    ...(reach.holePunching ? { dcutr: (await import('@libp2p/dcutr')).dcutr() } : {}),
    ...(reach.upnp ? { upnp: (await import('@libp2p/upnp-nat')).uPnPNAT() } : {}),
  }
}

/** For members only: for others it does not exist. */
export async function relayServer(
  { circuitBytes, circuitMs }: NonNullable<ReachOptions['relay']>,
  budgets: RelayBudgets,
  members: Pick<MembersOnlyInit, 'clock' | 'isMember'>,
): Promise<Services[string]> {
  const { circuitRelayServer } = await import('@libp2p/circuit-relay-v2')
  return membersOnly<CircuitRelayServerComponents, unknown>(
    circuitRelayServer({
      reservations: {
        maxReservations: budgets.reservations,
        defaultDataLimit: BigInt(circuitBytes),
        defaultDurationLimit: circuitMs,
      },
      // Places are asked for on streams of the same protocol.
      maxInboundHopStreams: budgets.circuitsPerConnection + STREAMS_FOR_PLACES,
      maxOutboundStopStreams: budgets.circuitsPerConnection,
    }),
    // What goes over a relay is limited for each connection that it passes on.
    { ...members, bytes: UNLIMITED, onStranger: () => undefined },
  )
}

const STREAMS_FOR_PLACES = 2
const UNLIMITED = { burst: Number.MAX_SAFE_INTEGER, perSecond: Number.MAX_SAFE_INTEGER }
