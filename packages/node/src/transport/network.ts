import type { Block, ChainMessage } from '@tempered/chain'
import type {
  Evidence,
  FinalHead,
  HeadMessage,
  ModelBuffer,
  SignedAnnouncement,
  SignedGroupWord,
  SignedHead,
} from '@tempered/protocol'
import type { OpenBlob } from '../blobs/open-blob.js'
import type { TransferProgress } from '../blobs/transfer-progress.js'
import type { GuardReport } from '../guard/node-guard.js'
import type { ReachReport } from '../reach/reachability.js'

/**
 * The network of a node: libp2p-network.ts, or memory-network.ts in its place. Everything passed to `NetworkHandlers`
 * has passed inbound validation.
 */
export interface RunNetwork {
  readonly peerId: string
  /** Multiaddrs under which others can dial this node. */
  addresses(): readonly string[]
  /** Adds addresses at which a member can be dialled; also before `start`. */
  learnAddresses(peer: string, addresses: readonly string[]): void
  /**
   * Cuts or restores the link to a peer: while it is cut, connections are closed, none is opened and none accepted.
   * May be called before `start`. Call it on both ends, otherwise the other one keeps dialling.
   */
  setReachable(peer: string, reachable: boolean): void
  start(handlers: NetworkHandlers): Promise<void>
  announce(message: SignedAnnouncement): Promise<void>
  publishHead(message: HeadMessage): Promise<void>
  /** Also stops delivering messages of the offender. */
  publishEvidence(evidence: Evidence): Promise<void>
  /**
   * Pulls a model by CID into `into`, whose length is the model's exactly; resolves when all bytes have arrived and
   * their hash matches. Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM, E_NOT_FOUND, E_HASH_MISMATCH … With
   * `progress` it begins after the bytes that earlier calls have put into `into`, from this peer or from others.
   */
  fetchModel(
    peer: string,
    cid: string,
    into: Uint8Array,
    signal: AbortSignal,
    progress?: TransferProgress,
  ): Promise<void>
  /**
   * Where all nodes are in one process: a model of `byteLength` bytes in memory that its borrowers share, in place of
   * `fetchModel` and with the same errors.
   */
  borrowModel?(peer: string, cid: string, byteLength: number, signal: AbortSignal): Promise<BorrowedModel>
  /** Asks a neighbour for its announcements from `fromRound` on; its reply goes through validation. */
  pollStatus(peer: string, fromRound: number, signal: AbortSignal): Promise<PeerStatus>
  /**
   * Asks a neighbour for the SHA-256 digests of the entries of `author` from height `from` on; as many as it has and
   * fit into one reply. They prove nothing by themselves.
   */
  fetchDigests(
    peer: string,
    author: string,
    from: number,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]>
  /**
   * Entries of a neighbour's own ledger from height `from` on, as sent: as many as fit into one reply, none past its
   * end. Only their size is checked. With `author` those of another member's ledger, as far as the neighbour has a copy.
   */
  fetchEntries(
    peer: string,
    from: number,
    signal: AbortSignal,
    author?: string,
  ): Promise<readonly Uint8Array[]>
  /** The final heads that a neighbour knows. Every signature in them is checked. */
  fetchFinalHeads(peer: string, signal: AbortSignal): Promise<readonly FinalHead[]>
  /** A change of the run with signatures under it, to all members. */
  publishChange(bytes: Uint8Array): Promise<void>
  /** To all members of a run with a common chain. */
  publishBlock(block: Block): Promise<void>
  publishChainMessage(message: ChainMessage): Promise<void>
  /** Blocks of a member's chain from a height on, as many as fit into one reply; checked by themselves. */
  fetchBlocks(peer: string, from: number, signal: AbortSignal): Promise<readonly Block[]>
  /** To all members of a private run. */
  publishGroupWord(word: SignedGroupWord): Promise<void>
  /** Asks a member for the words of a private round that it has; they go through validation. */
  fetchGroupWords(peer: string, round: number, signal: AbortSignal): Promise<void>
  /** Open connections, for people; only where there are real ones. */
  connections?(): readonly PeerConnection[]
  /** Whether members could dial this node; undefined where they were not asked. */
  reachability?(): ReachReport | undefined
  /** Bytes on the wire since the start, including all protocols and encryption. */
  wireBytes(): { readonly received: number; readonly sent: number }
  /** What the network keeps strangers and members from taking; undefined before `start` and where there are neither. */
  guardReport(): GuardReport | undefined
  stop(): Promise<void>
}

/** One open connection. */
export interface PeerConnection {
  readonly peer: string
  /** Multiaddr of the other end. */
  readonly address: string
  /** Peer id of the relay that it goes through; undefined for a direct one. */
  readonly relay?: string | undefined
  /** Who dialled. */
  readonly direction: 'inbound' | 'outbound'
  readonly isAdmitted: boolean
  /** Milliseconds since 1970. */
  readonly openedMs: number
  /** Encryption and multiplexer. */
  readonly protocols: readonly string[]
}

/** A model in memory that others may read too: nobody may write to it. */
export interface BorrowedModel {
  readonly model: ModelBuffer
  /** Whether a borrower has found it to be a model of finite numbers; set by whoever has checked. */
  sound: boolean
  /** Once per borrower, after its last use. */
  giveBack(): void
}

/** A neighbour's status on request. */
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
  /** Evidence that needs blobs to convict; `from` is the neighbour that sent it. */
  accusation(evidence: Evidence, from: string): void
  /** In runs with a common chain. Both throw ChainError for what breaks the rules of its architecture. */
  block(block: Block): void
  chainMessage(message: ChainMessage): void
  /** In private runs. */
  groupWord(word: SignedGroupWord): void
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
  /** Evidence against members, for peers that were offline when it was gossiped. */
  evidence(): readonly Evidence[]
  digests(author: string, from: number): readonly Uint8Array[]
  /**
   * Bytes of ledger entries from height `from` on, at most `LIMITS.maxEntriesPerReply`: of this node's own ledger, or of its
   * copy of another member's.
   */
  entries(from: number, author?: string): Promise<readonly Uint8Array[]>
  /** Newest final heads that are known. */
  finalHeads(): readonly FinalHead[]
  /** Bytes of the blocks of this node's chain from a height on, at most `LIMITS.maxBlocksPerReply`; none without a chain. */
  blocks(from: number): readonly Uint8Array[]
  /** The newest head seen from a member, which is sent to it when it comes back. */
  newestHead(author: string): SignedHead | undefined
  /** Words of a private round that this node has heard or said itself, as bytes; none for rounds that are long over. */
  groupWords(round: number): readonly Uint8Array[]
  /** `peer`: who asks for it. What members of a private run deal is for one peer alone. */
  blob(cid: string, peer: string): Promise<OpenBlob | undefined>
}
