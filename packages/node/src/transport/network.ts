import type { Evidence, FinalHead, HeadMessage, SignedAnnouncement, SignedHead } from '@tempered/protocol'

/**
 * What a node needs of a network. The real one is libp2p-network.ts; an in-memory one can stand in its place.
 * Everything handed to `NetworkHandlers` has passed inbound validation.
 */
export interface RunNetwork {
  readonly peerId: string
  /** Multiaddrs under which others can dial this node. */
  addresses(): readonly string[]
  /** Where a member can be dialled, from whoever knows; kept even before `start`. */
  learnAddresses(peer: string, addresses: readonly string[]): void
  /**
   * Cuts the link to a peer, or mends it: while it is cut, connections are closed, none is opened and none taken. May be
   * called before `start`. Both ends must be told, or the other one goes on dialling.
   */
  setReachable(peer: string, reachable: boolean): void
  start(handlers: NetworkHandlers): Promise<void>
  announce(message: SignedAnnouncement): Promise<void>
  publishHead(message: HeadMessage): Promise<void>
  /** Also: nothing of the offender is handed on from now on. */
  publishEvidence(evidence: Evidence): Promise<void>
  /**
   * Pulls a model by CID into `into`, whose length is the model's exactly; resolves when all bytes are there and
   * their hash matches. Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM, E_NOT_FOUND, E_HASH_MISMATCH …
   */
  fetchModel(peer: string, cid: string, into: Uint8Array, signal: AbortSignal): Promise<void>
  /** Asks a neighbour for its announcements from `fromRound` on; what it sends goes through validation. */
  pollStatus(peer: string, fromRound: number, signal: AbortSignal): Promise<PeerStatus>
  /**
   * Asks a neighbour for the SHA-256 digests of the entries of `author` from height `from` on; as many as it has and
   * one reply holds. They prove nothing by themselves.
   */
  fetchDigests(
    peer: string,
    author: string,
    from: number,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]>
  /**
   * Entries of a neighbour's own ledger from height `from` on, as it sent them: as many as one reply holds, none past
   * its end. Unchecked but for their size.
   */
  fetchEntries(peer: string, from: number, signal: AbortSignal): Promise<readonly Uint8Array[]>
  /** The final heads that a neighbour knows. Every signature in them is checked. */
  fetchFinalHeads(peer: string, signal: AbortSignal): Promise<readonly FinalHead[]>
  /** Bytes on the wire since the start, all protocols and encryption included. */
  wireBytes(): { readonly received: number; readonly sent: number }
  stop(): Promise<void>
}

/** What a neighbour said of itself when asked. */
export interface PeerStatus {
  /** Rounds of the announcements it sent and that passed validation. */
  readonly rounds: readonly number[]
  /** Newest round it announced, −1 for none. */
  readonly newestRound: number
}

export interface NetworkHandlers {
  neighbourUp(peer: string): void
  neighbourDown(peer: string): void
  announcement(message: SignedAnnouncement): void
  head(message: HeadMessage): void
  evidence(evidence: Evidence): void
  /** Evidence that needs blobs to convince; `from` is the neighbour that brought it. */
  accusation(evidence: Evidence, from: string): void
  /** A head that this node signed itself, as a neighbour remembers it. */
  ownHead(head: SignedHead): void
  /** A peer would not admit us, or was not admitted by us. */
  refused(peer: string, code: string, message: string): void
}

/** What the network serves to others from this node. */
export interface LocalSource {
  /** Own announcements of rounds ≥ `fromRound` that are still served, oldest first. */
  announcements(fromRound: number): readonly SignedAnnouncement[]
  head(): HeadMessage | undefined
  /** Evidence held against members, for those who were not there when it was gossiped. */
  evidence(): readonly Evidence[]
  digests(author: string, from: number): readonly Uint8Array[]
  /** Bytes of own ledger entries from height `from` on, at most `LIMITS.maxEntriesPerReply`. */
  entries(from: number): Promise<readonly Uint8Array[]>
  /** Newest final heads that are known. */
  finalHeads(): readonly FinalHead[]
  /** The newest head that was seen of a member: told to it when it comes back. */
  newestHead(author: string): SignedHead | undefined
  blob(cid: string): Promise<Uint8Array | undefined>
}
