import { peerIdFromString } from '@libp2p/peer-id'
import { bytesField, documentLink, LIMITS, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Identity } from '../identity-file.js'
import { takeChange } from '../inbound/validate-change.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import { type MemberCall, withMember } from '../transport/member-client.js'
import { dropInvalid } from '../transport/status-exchange.js'
import type { Membership } from './membership.js'

/**
 * Changes of the run that one node has and another lacks. Whoever is or ever was a member may ask, so that a member that was
 * removed or has a new key hears of it; and whoever asks may send what makes it a member.
 */
const MAX_LISTED = LIMITS.maxChanges
/** Changes that one reply may carry; who lacks more asks again. */
const MAX_PER_REPLY = 256
/** Changes that a question may carry, in bytes together: those that make the asker a member. */
const MAX_SENT_BYTES = 48 * 1024
const FRAME_BYTES = 16
/** A question lists the changes that are known, 40 bytes each. */
const REQUEST_BYTES = 40 * MAX_LISTED + MAX_SENT_BYTES + 1024
const links = z.array(documentLink).max(MAX_LISTED)
const request = z.strictObject({ known: links, changes: z.array(bytesField).max(MAX_LISTED) })
const header = z.strictObject({
  inForce: links,
  /** 0-based round that the peer is in. */
  round: z.int().min(0),
  changes: z.int().min(0).max(MAX_PER_REPLY),
})

export async function serveChanges(direct: DirectProtocols, membership: Membership): Promise<void> {
  await direct.serve(
    STREAM_PROTOCOLS.changes,
    STREAMS_PER_PEER.changes,
    async (stream, connection, signal) => {
      const peer = connection.remotePeer.toString()
      const { known, changes } = request.parse(await stream.readFrame(signal, REQUEST_BYTES))
      for (const bytes of changes) dropInvalid(() => takeChange(bytes, membership, 'peer'))
      const { owners } = membership.base.manifest.membership ?? {}
      if (!membership.wasEverMember(peer) && owners?.includes(peer) !== true)
        return stream.writeFrame({ refused: true }, signal)
      const has = new Set(known.map(String))
      const lacking = [
        ...membership.decided.map(({ message }) => message).filter(({ cid }) => !has.has(cid.toString())),
        ...membership.pending,
      ].slice(0, MAX_PER_REPLY)
      await stream.writeFrame(
        { inForce: membership.inForce(), round: membership.round, changes: lacking.length },
        signal,
      )
      for (const { bytes } of lacking) await stream.writeFrame(bytes, signal)
    },
  )
}

/** Says nothing of the run. */
const refusal = z.strictObject({ refused: z.literal(true) })

/**
 * Takes the changes that a peer has and this node lacks, and returns the round that it is in.
 * @param sent - changes for the peer, at most 48 KiB together (`newestDecided`)
 * Throws NodeError: E_TIMEOUT, E_NO_CONNECTION, E_STREAM, E_MALFORMED …
 */
export async function fetchChanges(
  direct: DirectProtocols,
  membership: Membership,
  peer: string,
  sent: readonly Uint8Array[],
  parent: AbortSignal,
): Promise<{ readonly round: number }> {
  const to = peerIdFromString(peer)
  for (;;) {
    const fetched = await direct.exchange(
      to,
      STREAM_PROTOCOLS.changes,
      parent,
      async (stream, { whole, firstByte }) => {
        const known = membership.decided.map(({ message }) => message.cid)
        await stream.writeFrame({ known, changes: [...sent] }, whole)
        const reply = await firstByte((signal) => stream.readFrame(signal, REQUEST_BYTES))
        if (refusal.safeParse(reply).success)
          throw new NodeError('E_REFUSED', `${peer} tells only members and owners of its run`)
        const { inForce, round, changes } = header.parse(reply)
        membership.noteInForce(peer, inForce)
        for (let k = 0; k < changes; k++) {
          const bytes = bytesField.parse(await stream.readFrame(whole, LIMITS.maxChangeBytes + FRAME_BYTES))
          dropInvalid(() => takeChange(bytes, membership, 'peer'))
        }
        return { round, changes, before: known.length }
      },
    )
    const isNew = membership.decided.length > fetched.before
    if (fetched.changes < MAX_PER_REPLY || !isNew) return fetched
  }
}

/** The newest decided changes, as many as fit, oldest first. */
export function newestDecided({ decided }: Membership): Uint8Array[] {
  const sent: Uint8Array[] = []
  let room = MAX_SENT_BYTES
  for (const { message } of [...decided].reverse()) {
    room -= message.bytes.byteLength
    if (room < 0) break
    sent.unshift(message.bytes)
  }
  return sent
}

const DEADLINES = { dialMs: 10_000, firstByteMs: 10_000, transferMs: 60_000 }

/** `fetchChanges` from the member at an address, for an owner of the run who runs no node. Throws also as `withMember`. */
export function fetchChangesAt(
  identity: Identity,
  address: string,
  membership: Membership,
  sent: readonly Uint8Array[],
  call: Omit<MemberCall, 'deadlines'>,
): Promise<{ readonly round: number }> {
  return withMember(identity, address, { ...call, deadlines: DEADLINES }, (peer, direct) =>
    fetchChanges(direct, membership, peer.toString(), sent, call.signal),
  )
}
