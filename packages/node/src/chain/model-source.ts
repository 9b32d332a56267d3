import type { Run } from '@tempered/protocol'
import { type OpenBlob, openBytes } from '../blobs/open-blob.js'
import type { BlobStore } from '../blobs/store.js'
import { errorCode } from '../errors.js'
import type { RunNetwork } from '../transport/network.js'

/** Models by their hash, wherever they are. */
export interface ModelSource {
  /** The bytes of a model: from this node, or from the first of these members that has it; undefined if none does. */
  bytes(cid: string, holders: readonly string[], signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Keeps models that this node has at the moment, so that others can compute with them what it has computed. */
  hold(cids: readonly string[]): Promise<void>
  /** A remembered model, for other members. */
  open(cid: string): OpenBlob | undefined
  /** Remembers a model that was computed here. */
  remember(cid: string, bytes: Uint8Array): void
  /** Stores a model of another member, as long as the node's own of its round. */
  keep(bytes: Uint8Array): Promise<void>
}

export interface ModelSourceInit {
  readonly run: Run
  readonly self: string
  readonly network: Pick<RunNetwork, 'fetchModel'>
  readonly blobs: BlobStore
  /** A neighbour's model of a round that is not over. */
  openModel(cid: string): OpenBlob | undefined
}

/** Rounds of which the models of all members are remembered. */
const REMEMBERED_ROUNDS = 4

export function createModelSource({ run, self, network, blobs, openModel }: ModelSourceInit): ModelSource {
  const fetched = new Map<string, Uint8Array>()

  const held = async (cid: string): Promise<Uint8Array | undefined> => {
    const known = fetched.get(cid) ?? (await blobs.get(cid))
    if (known !== undefined) return known
    const open = openModel(cid)
    if (open === undefined) return undefined
    try {
      // A copy: what has arrived is released when its round ends.
      return Uint8Array.from(await open.read(0, open.byteLength))
    } finally {
      await open.close()
    }
  }

  const remember = (cid: string, bytes: Uint8Array): void => {
    // The newest last.
    fetched.delete(cid)
    fetched.set(cid, bytes)
    for (const oldest of fetched.keys()) {
      if (fetched.size <= REMEMBERED_ROUNDS * run.manifest.members.length) break
      fetched.delete(oldest)
    }
  }

  return {
    remember,
    async hold(cids) {
      for (const cid of cids) {
        const bytes = await held(cid)
        if (bytes !== undefined) remember(cid, bytes)
      }
    },
    open(cid) {
      const bytes = fetched.get(cid)
      return bytes && openBytes(bytes)
    },
    async keep(bytes) {
      await blobs.put(bytes)
    },
    async bytes(cid, holders, signal) {
      const own = await held(cid)
      if (own !== undefined) {
        remember(cid, own)
        return own
      }
      const bytes = new Uint8Array(run.modelBytes)
      for (const peer of new Set(holders)) {
        if (peer === self) continue
        try {
          await network.fetchModel(peer, cid, bytes, signal)
          remember(cid, bytes)
          return bytes
        } catch (error) {
          if (signal.aborted || errorCode(error) === 'E_INTERNAL') throw error
        }
      }
      return undefined
    },
  }
}
