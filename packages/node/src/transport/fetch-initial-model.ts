import type { Run } from '@tempered/protocol'
import { createBlobClient } from '../blobs/blob-client.js'
import { createTransferProgress } from '../blobs/transfer-progress.js'
import type { Clock } from '../clock.js'
import type { Identity } from '../identity-file.js'
import { openInitialModel } from '../round/initial-model.js'
import { withMember } from './member-client.js'

/** Gets the model that a run begins with from a member; a call that follows a failed one goes on where that broke. */
export type InitialModelFetch = (address: string, signal: AbortSignal) => Promise<Float32Array>

/**
 * Prepares to fetch the initial model of a run that does not draw it from its seed, before this node takes part. A call
 * throws NodeError (E_KEY, E_NO_CONNECTION, E_STREAM, E_TIMEOUT, E_NOT_FOUND, E_HASH_MISMATCH).
 */
export function fetchInitialModel(identity: Identity, run: Run, clock: Clock): InitialModelFetch {
  const { deadlines, model } = run.manifest
  const bytes = new Uint8Array(run.modelBytes)
  const progress = createTransferProgress()
  return (address, signal) =>
    withMember(identity, address, { clock, deadlines, signal }, async (peer, direct) => {
      try {
        await createBlobClient(direct).fetch(peer.toString(), model.initialCid, bytes, signal, progress)
      } catch (error) {
        // All bytes are there, but they are not those of the model.
        if (progress.received === bytes.byteLength) progress.restart()
        throw error
      }
      return openInitialModel(run, bytes, address)
    })
}
