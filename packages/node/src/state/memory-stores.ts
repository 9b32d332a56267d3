import type { Block, ChainMessage } from '@tempered/chain'
import {
  blobCid,
  createChainVerifier,
  type Evidence,
  type OpenAnnouncement,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { openBytes } from '../blobs/open-blob.js'
import type { BlobStore } from '../blobs/store.js'
import { type ChangeStore, createMemoryChanges } from '../epochs/change-store.js'
import { problemOf } from '../epochs/run-rules.js'
import { createMemoryInvitations } from '../epochs/used-invitations.js'
import { NodeError } from '../errors.js'
import { forgetfulBanStore } from '../guard/bans.js'
import { type Ledger, type LedgerVisitor, requireFirst } from '../ledger/ledger.js'
import { NO_MEMORY } from '../private/private-store.js'
import type { WitnessedState } from '../witness/witness-store.js'
import { forgetfulAddressStore } from './address-file.js'
import type { NodeStores } from './stores.js'

/**
 * The disk of a simulated node: its contents survive a stop or kill of the node, and a node that is opened on it
 * again continues where it was. Entries pass the same chain verifier as on disk.
 */
export interface MemoryDisk {
  /** For one node at a time. Throws E_STATE_IN_USE while another holds it. */
  open(): NodeStores
  /** Number of appended entries, all accepted by the chain verifier. */
  readonly ledgerLength: number
  /** Round of the newest of them, from 0; −1 before the first. */
  readonly lastRound: number
  /** CID of the newest of them; undefined before the first. */
  readonly ledgerHead: CID | undefined
  /** Changes of the run, for `NodeComponents.changes`. */
  readonly changes: ChangeStore
  /** Bytes of a stored model. */
  blob(cid: string): Uint8Array | undefined
}

export interface MemoryDiskInit {
  /**
   * How many of the newest ledger entries are kept as bytes; default: all. A node whose older entries are gone can
   * neither be opened again nor serve them to others.
   */
  readonly heldEntries?: number
  /** Opens the announcements inside entries; a simulation uses it to check each of them once instead of k times. */
  readonly openAnnouncement?: OpenAnnouncement
}

/** A change of the run, and the height of the entry that it stands before. */
interface PlacedChange {
  readonly bytes: Uint8Array
  readonly height: number
}

const changesBefore = (changes: readonly PlacedChange[], height: number): Uint8Array[] =>
  changes.flatMap((change) => (change.height === height ? [change.bytes] : []))

function openMemoryBlobs(blobs: Map<string, Uint8Array>): BlobStore {
  const pinned = new Set<string>()
  return {
    async put(bytes) {
      const cid = blobCid(bytes).toString()
      blobs.set(cid, bytes)
      return cid
    },
    get: async (cid) => blobs.get(cid),
    async open(cid) {
      const bytes = blobs.get(cid)
      return bytes && openBytes(bytes)
    },
    pin: (cid) => pinned.add(cid),
    unpin: (cid) => pinned.delete(cid),
    async retain(rounds) {
      const kept = new Set([...pinned, ...rounds.flat()])
      for (const cid of blobs.keys()) if (!kept.has(cid)) blobs.delete(cid)
    },
  }
}

export function createMemoryDisk(init: MemoryDiskInit = {}): MemoryDisk {
  const heldEntries = init.heldEntries ?? Number.POSITIVE_INFINITY
  const blobs = new Map<string, Uint8Array>()
  const evidence: Evidence[] = []
  const copies = new Map<string, Uint8Array[]>()
  const [chain, chainMessages]: [Block[], ChainMessage[]] = [[], []]
  let entries: SignedEntry[] = []
  const changes: PlacedChange[] = []
  let dropped = 0
  const announcements: SignedAnnouncement[] = []
  let witnessed: readonly WitnessedState[] = []
  let privateMemory = NO_MEMORY
  const [changeStore, invitations] = [createMemoryChanges(), createMemoryInvitations()]
  let inUse = false

  const openLedger = (run: Run, author: string, visit: LedgerVisitor): Ledger => {
    if (dropped > 0)
      throw new NodeError('E_STATE_CORRUPT', `the first ${dropped} entries of ${author} are no longer stored`)
    const verifier = createChainVerifier(run, author, { problemOf, open: init.openAnnouncement })
    for (const { bytes, height } of [...changes, { bytes: undefined, height: Number.POSITIVE_INFINITY }]) {
      while (verifier.length < Math.min(height, entries.length))
        visit.entry?.(verifier.accept(entries[verifier.length]!.bytes))
      if (bytes !== undefined) verifier.acceptChange(bytes)
    }
    for (const announced of announcements) visit.announcement?.(announced)
    return {
      get length() {
        return verifier.length
      },
      get head() {
        return verifier.head
      },
      get last() {
        return verifier.last
      },
      get run() {
        return verifier.run
      },
      get lastAnnouncement() {
        return announcements.at(-1)
      },
      recoveredBytes: 0,
      async entries(height, count) {
        if (height < dropped) return []
        return entries
          .slice(height - dropped, height - dropped + count)
          .flatMap(({ bytes, body }) => [...changesBefore(changes, body.height), bytes])
      },
      async append(entry) {
        verifier.acceptOwn(entry)
        entries.push(entry)
        if (entries.length > heldEntries) entries = entries.slice(-heldEntries)
        dropped = verifier.length - entries.length
      },
      async adopt({ bytes }) {
        verifier.acceptChange(bytes)
        changes.push({ bytes, height: verifier.length })
      },
      async recordAnnouncement(next) {
        requireFirst(next.body.round, announcements.at(-1)?.body.round ?? -1)
        announcements.push(next)
        if (announcements.length > heldEntries) announcements.shift()
      },
      close: async () => undefined,
    }
  }

  return {
    get ledgerLength() {
      return dropped + entries.length
    },
    get lastRound() {
      return entries.at(-1)?.body.round ?? -1
    },
    get ledgerHead() {
      return entries.at(-1)?.cid
    },
    blob: (cid) => blobs.get(cid),
    changes: changeStore,
    open() {
      if (inUse) throw new NodeError('E_STATE_IN_USE', 'this memory is in use by another node')
      inUse = true
      return {
        place: 'memory',
        openLedger: async (run, author, visit) => openLedger(run, author, visit),
        openEvidence: async () => ({
          all: evidence,
          async record(found) {
            if (!evidence.some(({ offender }) => offender === found.offender)) evidence.push(found)
          },
          close: async () => undefined,
        }),
        openBlobs: async () => openMemoryBlobs(blobs),
        openWitness: async () => ({
          load: () => witnessed,
          async save(states) {
            witnessed = states
          },
        }),
        openChain: async () => ({
          blocks: [...chain],
          messages: [...chainMessages],
          async addBlock(block) {
            chain.push(block)
          },
          async addMessage(message) {
            chainMessages.push(message)
          },
          close: async () => undefined,
        }),
        openPrivate: async () => ({
          isNew: privateMemory === NO_MEMORY,
          get memory() {
            return privateMemory
          },
          async save(next) {
            privateMemory = next
          },
        }),
        saveFinals: async () => undefined,
        bans: forgetfulBanStore,
        addresses: forgetfulAddressStore,
        invitations,
        async openLedgerCopy(_run, peer, visit) {
          const copy = copies.get(peer) ?? []
          copies.set(peer, copy)
          for (const bytes of copy) visit(bytes)
          return {
            async append(_cid, bytes) {
              copy.push(bytes)
            },
            close: async () => undefined,
          }
        },
        async release() {
          inUse = false
        },
      }
    },
  }
}
