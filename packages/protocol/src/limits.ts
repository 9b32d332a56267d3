/**
 * Every bound on the memory that a peer or a file can make us use. Bytes unless the name says otherwise. Each is
 * checked before anything of that size is allocated, and tested at the limit and one above.
 */
export const LIMITS = {
  /** Canonical bytes of a run manifest; enough for 16,384 members of 52 characters. */
  maxManifestBytes: 1280 * 1024,
  /** One signed announcement. A real one is about 420 bytes. */
  maxAnnouncementBytes: 1024,
  /** One signed head, without the list of heads that it co-signs. */
  maxHeadBytes: 1024,
  /** Heads that one head message may co-sign and that are not of its common round, in heads; in small runs `maxCosignedOthers`. */
  maxWitnessedOthers: 4096,
  /** Ledger entries that one reply may carry, in entries. */
  maxEntriesPerReply: 64,
  /** Final heads that one reply may carry, in heads; each with at most one co-signature per member. */
  maxFinalHeadsPerReply: 256,
  /** Entry digests that one reply may carry, in digests of 32 bytes. */
  maxDigests: 1024,
  /** A head message: a head, one bit per member, and 8 bytes per head that is not of the common round. */
  maxHeadMessageBytes: 48 * 1024,
  /** One piece of evidence: two signed messages, or one entry, and a frame. Anything larger is not gossiped. */
  maxEvidenceBytes: 56 * 1024,
  /** One inclusion proof: a manifest, an entry and one co-signature per member. */
  maxProofBytes: 4 * 1024 * 1024,
  /** One ledger entry: about 700 bytes per neighbour, so 256 neighbours fit. */
  maxEntryBytes: 256 * 1024,
  /** One model blob, header included: 256 Mi parameters. */
  maxModelBytes: 1024 * 1024 * 1024 + 16,
  /** One block of a common chain: about 100 bytes per member for its entry and its candidate, so 4,096 members fit. */
  maxBlockBytes: 512 * 1024,
  /** One message of a chain's architecture, such as a vote with a certificate of others. */
  maxChainMessageBytes: 512 * 1024,
  /** Members of one group of a private run, in nodes. */
  maxGroupMembers: 48,
  /** What a member says in a private round: at most 540 bytes per member of its group. Two fit into one piece of evidence. */
  maxGroupWordBytes: 27 * 1024,
  /** Words of a group that one reply may carry, in words. */
  maxGroupWordsPerReply: 8 * 48,
  /** Blocks that one reply may carry, in blocks. */
  maxBlocksPerReply: 16,
  /** One change of a run, with the signatures under it: about 150 bytes each. */
  maxChangeBytes: 512 * 1024,
  /** Changes of a run that were decided, in changes. */
  maxChanges: 1024,
  /** Changes that wait for signatures, in changes; and those that one signer may have begun. */
  maxPendingChanges: 256,
  maxPendingPerSigner: 8,
  /**
   * How many rounds after its own `from` a change may still be decided, and after its epoch was replaced: after that those
   * who were members then have no more say. In rounds.
   */
  changeWindow: 10_000,
  /** Owners that a manifest may name. */
  maxOwners: 64,
  /** Members of a run, in nodes. */
  maxMembers: 16_384,
  /** Neighbours of one node, in nodes. */
  maxNeighbours: 256,
  /** Rounds of a run. */
  maxRounds: 1_000_000,
  /** One window of a blob transfer: the most that a requester asks for at a time. */
  maxBlobWindowBytes: 1024 * 1024,
  /** One request or reply header on a direct stream. */
  maxControlFrameBytes: 64 * 1024,
  /** Signed announcements that one status reply may carry, in messages. */
  maxStatusAnnouncements: 4,
  /** Pieces of evidence that one status reply may carry. */
  maxStatusEvidence: 4,
  /** Maximum size of each of them; longer pieces are only gossiped. */
  maxStatusEvidenceBytes: 8 * 1024,
  /** Entries of a peer's address book that one reply may carry, in peers. */
  maxPeerRecords: 256,
  /** Addresses that a peer record may name. */
  maxAddressesPerPeer: 8,
} as const

/**
 * Limits that the members of a run agree on in its manifest. Each may be lower than ours, never higher. These are the
 * defaults of a manifest.
 */
export const DEFAULT_RUN_LIMITS = {
  maxModelBytes: LIMITS.maxModelBytes,
  maxAnnouncementBytes: LIMITS.maxAnnouncementBytes,
  maxEntryBytes: LIMITS.maxEntryBytes,
  maxNeighbours: LIMITS.maxNeighbours,
} as const
