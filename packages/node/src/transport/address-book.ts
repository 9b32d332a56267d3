import { multiaddr } from '@multiformats/multiaddr'
import { LIMITS } from '@tempered/protocol'

/**
 * Where members can be dialled. What one peer says never displaces what this node has seen itself, or what others say: a
 * member that makes up addresses of the others cannot cut a node off from them. Bounded.
 */
export interface AddressBook {
  add(peer: string, addresses: readonly string[], source: AddressSource): void
  /** All addresses of a peer, the most trustworthy first. */
  get(peer: string): readonly string[]
  /** The same in groups of one kind each; whoever dials tries one group after the other. */
  groups(peer: string): readonly (readonly string[])[]
  /** What is worth keeping over a restart: what came from no other member. */
  lasting(): readonly LastingAddresses[]
  /** Calls `listener` with each peer that had no address until now; the returned function ends that. */
  onFound(listener: (peer: string) => void): () => void
  /** Calls `listener` when what is worth keeping has changed. */
  onLasting(listener: () => void): void
}

/** Whose word an address is. */
export type AddressSource =
  /** This node has dialled it, and the peer there has proven its key. */
  | 'reached'
  /** Whoever runs this node. */
  | 'given'
  /** The peer itself, over a connection that proves its key. */
  | 'own'
  /** Another peer, or a kind of discovery that anybody can take part in. */
  | { readonly toldBy: string }

export interface LastingAddresses {
  readonly peer: string
  readonly reached: readonly string[]
  readonly own: readonly string[]
}

/** Addresses of one peer that were reached. */
const MOST_REACHED = 4
/** Addresses of one peer that one other peer can tell. */
const MOST_TOLD = 4
/** Peers whose word about one peer is kept; a further one takes the place of the one that has not spoken for longest. */
const MOST_TELLERS = 8

interface Known {
  reached: readonly string[]
  given: readonly string[]
  own: readonly string[]
  readonly told: Map<string, readonly string[]>
}

export function createAddressBook(
  isMember: (peer: string) => boolean,
  before: readonly LastingAddresses[] = [],
): AddressBook {
  const book = new Map<string, Known>()
  const listeners = new Set<(peer: string) => void>()
  const lastingListeners: (() => void)[] = []
  for (const { peer, reached, own } of before)
    if (isMember(peer)) book.set(peer, { reached, own, given: [], told: new Map() })

  const groups = (peer: string): string[][] => {
    const known = book.get(peer)
    if (known === undefined) return []
    const seen = new Set<string>()
    return [known.reached, [...known.given, ...known.own], inTurns([...known.told.values()])]
      .map((group) =>
        group
          .filter((address) => {
            const isNew = !seen.has(address)
            seen.add(address)
            return isNew
          })
          .slice(0, LIMITS.maxAddressesPerPeer),
      )
      .filter((group) => group.length > 0)
  }

  return {
    add(peer, addresses, source) {
      if (!isMember(peer) || addresses.length === 0) return
      const isFound = !book.has(peer)
      const known = book.get(peer) ?? { reached: [], given: [], own: [], told: new Map() }
      book.set(peer, known)
      if (typeof source === 'object') hear(known.told, source.toldBy, addresses)
      else if (learn(known, source, addresses) && source !== 'given')
        for (const listener of lastingListeners) listener()
      if (isFound) for (const listener of listeners) listener(peer)
    },
    get: (peer) => groups(peer).flat(),
    groups,
    lasting: () =>
      [...book].flatMap(([peer, { reached, own }]) =>
        reached.length + own.length === 0 ? [] : [{ peer, reached, own }],
      ),
    onFound(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onLasting: (listener) => void lastingListeners.push(listener),
  }
}

/** The newest word of each peer counts. */
function hear(told: Known['told'], by: string, addresses: readonly string[]): void {
  told.delete(by)
  told.set(by, addresses.slice(0, MOST_TOLD))
  const [longest] = told.keys()
  if (told.size > MOST_TELLERS) told.delete(longest!)
}

/** Returns whether anything has changed. */
function learn(known: Known, source: 'reached' | 'given' | 'own', addresses: readonly string[]): boolean {
  // What a peer says of itself replaces what it said before.
  const older = source === 'own' ? [] : known[source]
  const most = source === 'reached' ? MOST_REACHED : LIMITS.maxAddressesPerPeer
  const next = [...new Set([...addresses, ...older])].slice(0, most)
  const hasChanged = next.join('\n') !== known[source].join('\n')
  known[source] = next
  return hasChanged
}

/** The first of each list, then the second of each, and so on. */
function inTurns(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, k) => lists.flatMap((list) => list[k] ?? [])).flat()
}

/** Those of a peer's multiaddrs that parse and can be dialled over TCP. */
export function dialable(addresses: readonly string[]): string[] {
  return addresses.filter((address) => {
    try {
      return multiaddr(address)
        .getComponents()
        .some((component) => component.name === 'tcp')
    } catch {
      return false
    }
  })
}
