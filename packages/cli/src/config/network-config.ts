import { RELAY_LIMITS, type ReachOptions } from '@tempered/node'
import { z } from 'zod'
import { isPeerMultiaddr, isRelayAddress, MULTIADDR } from './multiaddr.js'

const RELAY_ADDRESS =
  'must be the direct address of a relay with its peer id, e.g. /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…'
const DHT_ADDRESS = 'must be the multiaddr of a node of a DHT, e.g. /dnsaddr/bootstrap.libp2p.io/p2p/Qm…'
const MEGABYTE = 1e6
const MINUTE_MS = 60_000

/** `network` of node.yaml: for networks in which not every node can dial every other one (docs/networking.md). */
export const networkSchema = z
  .strictObject({
    key: z
      .string()
      .optional()
      .describe(
        'File with the pre-shared key of a private network, the same on all its nodes (`tempered node network-key`); omit for none.',
      ),
    relays: z
      .array(
        z
          .string()
          .regex(MULTIADDR, { error: RELAY_ADDRESS })
          .refine(isRelayAddress, { error: RELAY_ADDRESS }),
      )
      .max(8)
      .default([])
      .describe('Multiaddrs of relays, with peer ids; others reach this node through them.'),
    relay: z
      .strictObject({
        serve: z
          .boolean()
          .default(false)
          .describe('Pass connections between members of the run on. Needs an address that all can dial.'),
        circuitMB: z
          .number()
          .min(0.1)
          .max(1_000_000)
          .default(Math.ceil(RELAY_LIMITS.circuitBytes / MEGABYTE))
          .describe(
            'Megabytes (10⁶ bytes), in both directions, after which such a connection is closed; its ends open another.',
          ),
        circuitMinutes: z
          .number()
          .min(0.1)
          .max(10_000)
          .default(RELAY_LIMITS.circuitMs / MINUTE_MS)
          .describe('Minutes after which such a connection is closed; its ends open another.'),
      })
      .prefault({})
      .describe('Be a relay.'),
    holePunching: z
      .boolean()
      .default(false)
      .describe('Try to replace connections through relays by direct ones (DCUtR).'),
    checkReachable: z
      .boolean()
      .default(false)
      .describe('Ask members to dial this node, so that `status` and `doctor` tell whether others reach it.'),
    dht: z
      .strictObject({
        bootstrap: z
          .array(z.string().refine(isPeerMultiaddr, { error: DHT_ADDRESS }))
          .min(1, { error: 'name at least one node of the DHT, e.g. /dnsaddr/bootstrap.libp2p.io/p2p/Qm…' })
          .max(16)
          .describe('Multiaddrs of nodes of the DHT.'),
        protocol: z
          .string()
          .regex(/^\/[\w./-]+$/, { error: 'must be the name of a protocol, e.g. /ipfs/kad/1.0.0' })
          .default('/ipfs/kad/1.0.0')
          .describe('Protocol of its nodes; the default is that of IPFS.'),
      })
      .optional()
      .describe(
        'Find members, and be found, through a DHT of strangers, such as that of IPFS: they see addresses, but neither peer ids nor the run. Omit to use none.',
      ),
    upnp: z.boolean().default(false).describe('Ask the router to forward the port to this node (UPnP).'),
  })
  .prefault({})
  .describe('How this node reaches others, and they it, where not every node can dial every other one.')

export type NetworkConfig = z.output<typeof networkSchema>

/** The same as the node takes it. */
export function reachOptions({ relay, ...network }: NetworkConfig): ReachOptions {
  return {
    ...network,
    relay: relay.serve
      ? { circuitBytes: Math.round(relay.circuitMB * MEGABYTE), circuitMs: relay.circuitMinutes * MINUTE_MS }
      : undefined,
  }
}
