/** Bounds of what IPFS peers can make us hold or do, in addition to `LIMITS`. */
export const IPFS_LIMITS = {
  /** The largest block that every implementation of bitswap has to carry; bytes. */
  maxBlockBytes: 2 * 1024 * 1024,
  /** The length of a block of a file that we serve; bytes. With this and `maxFileLinks` files have the CIDs of `ipfs add`. */
  chunkBytes: 1024 * 1024,
  /** Links of one inner block of a file that we serve. */
  maxFileLinks: 1024,
  /** One message of a peer that serves us: some send blocks of up to 4 MiB. Bytes. */
  maxAnswerBytes: 4 * 1024 * 1024 + 64 * 1024,
  /** One message of a peer that asks us: it has no blocks in it. Bytes. */
  maxQuestionBytes: 256 * 1024,
  /** Blocks that one peer may be waiting for at a time. */
  maxWantsPerPeer: 1024,
  /** Connections of a node that serves models. */
  maxPeers: 128,
  /** Streams that one peer may have open to us. */
  maxStreamsPerPeer: 8,
  /** Messages of the largest size that may have come in from one peer, and from all peers, without having been read. */
  unreadMessagesPerPeer: 4,
  unreadMessagesInTotal: 32,
  /** Blocks of one file, inner ones included: 1 GiB in pieces of 16 KiB. */
  maxFileBlocks: 66_000,
  /** Files in a folder with a model. */
  maxFolderFiles: 64,
  /** Bytes of a file that lies beside a model: a card or a proof. */
  maxPaperBytes: 4 * 1024 * 1024,
  /** Blocks that a fetch asks for ahead. */
  fetchAhead: 8,
} as const
