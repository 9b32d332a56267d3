import { createMembership, fetchChangesAt, readIdentityFile, silentLogger, systemClock } from '@tempered/node'
import { openChange } from '@tempered/protocol'
import { loadManifest } from '../config/manifest-file.js'
import { inNetwork } from '../config/node-keys.js'
import type { AskedNode } from './ask-node.js'
import { answerChangeRequest } from './change-requests.js'

export interface OwnerOptions {
  /** Multiaddr of a member that is asked. */
  readonly to: string
  readonly key: string
  readonly manifest: string
  /** Key file of the private network. */
  readonly networkKey?: string | undefined
}

const ASK_MS = 60_000

/**
 * For an owner of a run who runs no node: a member is asked what is known and told what the owner signs. Throws E_KEY, E_FILE,
 * E_NO_CONNECTION, E_STREAM (for whoever is no owner), E_TIMEOUT.
 */
export async function askMember({
  to,
  key,
  manifest,
  networkKey,
}: OwnerOptions): Promise<Omit<AskedNode, 'config'>> {
  const identity = await inNetwork(await readIdentityFile(key), networkKey)
  const run = await loadManifest(manifest)
  const membership = createMembership(run, { save: async () => undefined }, [], silentLogger)
  const exchange = async (sent: readonly Uint8Array[]) => {
    const { signal, clear } = systemClock.deadline(ASK_MS)
    try {
      return await fetchChangesAt(identity, to, membership, sent, { clock: systemClock, signal })
    } finally {
      clear()
    }
  }
  membership.enter((await exchange([])).round, [])
  return {
    peer: identity.signer.peerId,
    isRunning: true,
    async ask(request) {
      const reply = await answerChangeRequest(request, membership, identity.signer)
      if (reply.bytes === null) return reply
      const message = openChange(new Uint8Array(Buffer.from(reply.bytes, 'base64')))
      await exchange([message.bytes])
      return reply
    },
  }
}
