/** How a node reaches others, and they it, where the network between them is not flat. */
export interface ReachOptions {
  /** Multiaddrs of relays, with their peer ids, at which this node keeps a place: others dial it through them. */
  readonly relays: readonly string[]
  /** Passes connections between members of the run on; omit to be no relay. */
  readonly relay?: RelayLimits | undefined
  /** Tries to replace a relayed connection by a direct one (DCUtR). */
  readonly holePunching: boolean
  /** Asks the router to forward the port (UPnP). */
  readonly upnp: boolean
  /** Asks members to dial this node, to learn whether it can be reached. */
  readonly checkReachable: boolean
  /** Where members find each other that know no address; omit to use none. */
  readonly dht?: DhtOptions | undefined
  /** Text of a key file that all nodes of a private network have (libp2p's swarm.key). */
  readonly networkKey?: string | undefined
}

/** A distributed hash table that is not of this run. */
export interface DhtOptions {
  /** Multiaddrs of some of its nodes. */
  readonly bootstrap: readonly string[]
  /** Protocol that its nodes speak. */
  readonly protocol: string
}

/** What one relayed connection may use up before the relay closes it; its two ends then open another. */
export interface RelayLimits {
  /** Bytes in both directions together. */
  readonly circuitBytes: number
  readonly circuitMs: number
}

/** A flat network: every node can dial every other one. */
export const FLAT_NETWORK: ReachOptions = {
  relays: [],
  holePunching: false,
  upnp: false,
  checkReachable: false,
}

/** 1 GiB and an hour. The limit of libp2p's own relays, 128 KiB and two minutes, is for nodes that only make acquaintance. */
export const RELAY_LIMITS: RelayLimits = { circuitBytes: 1024 ** 3, circuitMs: 3_600_000 }
