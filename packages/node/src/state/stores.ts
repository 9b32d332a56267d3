import type { FinalHead, Run } from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/store.js'
import type { ChainStore } from '../chain/chain-store.js'
import type { UsedInvitations } from '../epochs/used-invitations.js'
import type { EvidenceLog } from '../evidence/evidence-log.js'
import type { BanStore } from '../guard/bans.js'
import type { Ledger, LedgerVisitor } from '../ledger/ledger.js'
import type { PrivateStore } from '../private/private-store.js'
import type { WitnessStore } from '../witness/witness-store.js'
import type { AddressStore } from './address-file.js'

/** A copy of a neighbour's ledger, entry by entry. */
export interface LedgerCopy {
  append(cid: CID, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/**
 * Storage for what must outlive a node's process: a state folder on disk, or memory in a simulation. Each part is
 * opened once, and its contents are checked on opening.
 */
export interface NodeStores {
  /** The folder or a name, for messages. */
  readonly place: string
  /** What is in it is passed on, oldest first: the entries, then the announcements. */
  openLedger(run: Run, author: string, visit: LedgerVisitor): Promise<Ledger>
  openEvidence(run: Run): Promise<EvidenceLog>
  openBlobs(budgetBytes: number | undefined): Promise<BlobStore>
  openWitness(run: Run): Promise<WitnessStore>
  /** Only for runs with a common chain. */
  openChain(run: Run): Promise<ChainStore>
  /** Only for private runs. */
  openPrivate(): Promise<PrivateStore>
  saveFinals(run: Run, finals: readonly FinalHead[]): Promise<void>
  /** The copy of a neighbour's ledger; existing entries are passed to `visit`, oldest first. */
  openLedgerCopy(run: Run, peer: string, visit: (bytes: Uint8Array) => void): Promise<LedgerCopy>
  /** Which invitations of this node were used. */
  readonly invitations: UsedInvitations
  /** Members that broke the protocol. */
  readonly bans: BanStore
  /** Where members were found. */
  readonly addresses: AddressStore
  /** Releases the storage, so that another process can use it. */
  release(): Promise<void>
}
