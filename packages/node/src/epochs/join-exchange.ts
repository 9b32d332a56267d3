import type { PeerId } from '@libp2p/interface'
import { printableLine } from '@tempered/errors'
import {
  type Amendment,
  bytesField,
  documentCid,
  LIMITS,
  openManifest,
  type Run,
  type Signer,
  STREAM_PROTOCOLS,
} from '@tempered/protocol'
import { z } from 'zod'
import type { Clock } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Identity } from '../identity-file.js'
import type { Logger } from '../logger.js'
import type { DirectProtocols } from '../transport/direct-protocols.js'
import { withMember } from '../transport/member-client.js'
import { type Invitation, MAX_INVITATION_BYTES, openInvitation } from './invitation.js'
import type { Membership } from './membership.js'
import type { UsedInvitations } from './used-invitations.js'

/** What an organisation that is invited asks a member: to be added, and for all that it needs to take part. */
const request = z.strictObject({ invitation: bytesField })
const header = z.union([
  z.strictObject({ refused: z.string().max(64), message: z.string().max(512) }),
  z.strictObject({
    changes: z.int().min(0).max(LIMITS.maxChanges),
    isMember: z.boolean(),
    /** 0-based round that the member is in. */
    round: z.int().min(0),
    addresses: z.array(z.string().max(256)).max(LIMITS.maxAddressesPerPeer),
  }),
])
const FRAME_BYTES = 64

export interface JoinServiceInit {
  readonly direct: DirectProtocols
  readonly membership: Membership
  readonly signer: Signer
  readonly used: UsedInvitations
  readonly clock: Clock
  readonly logger: Logger
  addresses(): readonly string[]
  /** 0-based round from which a member that is added now is to take part. */
  firstRound(): number
}

/** Answers those that bring an invitation of a member: signs that they be added, and gives them manifest and changes. */
export function serveJoin(init: JoinServiceInit): Promise<void> {
  const { direct, membership, signer, used, clock, logger } = init
  return direct.serve(STREAM_PROTOCOLS.join, STREAMS_PER_PEER.join, async (stream, connection, signal) => {
    const peer = connection.remotePeer.toString()
    const { invitation: bytes } = request.parse(
      await stream.readFrame(signal, MAX_INVITATION_BYTES + FRAME_BYTES),
    )
    const isMember = (): boolean => membership.at(Number.MAX_SAFE_INTEGER).memberIndex.has(peer)
    try {
      const invitation = openInvitation(bytes)
      checkInvitation(invitation, membership, clock)
      if (!isMember() && invitation.author === signer.peerId) {
        await used.use(invitation.nonce, peer)
        const add: Amendment = { kind: 'add', member: peer }
        const before = membership.pending.length
        const { cid } = membership.propose(add, init.firstRound(), signer)
        if (membership.pending.length !== before || isMember())
          logger.info(
            { peer, change: cid.toString() },
            `${peer} came with an invitation of this node, which signs that it be added`,
          )
      }
    } catch (error) {
      const refusal = { refused: errorCode(error), message: printableLine(errorMessage(error)).slice(0, 512) }
      logger.warn({ peer, code: refusal.refused }, `${peer} is not added: ${errorMessage(error)}`)
      await stream.writeFrame(refusal, signal)
      return
    }
    const changes = membership.decided.map(({ message }) => message.bytes)
    await stream.writeFrame(
      {
        changes: changes.length,
        isMember: isMember(),
        round: membership.round,
        addresses: init.addresses().slice(0, LIMITS.maxAddressesPerPeer),
      },
      signal,
    )
    await stream.writeFrame(membership.base.bytes, signal)
    for (const change of changes) await stream.writeFrame(change, signal)
  })
}

/** Throws E_INVITATION for one that is over, of another run, or of somebody who is no member. */
function checkInvitation({ run, author, expires }: Invitation, membership: Membership, clock: Clock): void {
  const refuse = (what: string): NodeError => new NodeError('E_INVITATION', `the invitation ${what}`)
  if (!run.equals(membership.base.id)) throw refuse('is to another run; ask for one to this run')
  if (expires < clock.wallMs())
    throw refuse(`expired at ${new Date(expires).toISOString()}; ask ${author} for another one`)
  const { memberIndex, manifest } = membership.at(membership.round)
  if (!memberIndex.has(author) && manifest.membership?.owners?.includes(author) !== true)
    throw refuse(`is of ${author}, which is no member of the run`)
}

/** What a member answers to an invitation. */
export interface JoinAnswer {
  readonly run: Run
  readonly changes: readonly Uint8Array[]
  /** Whether it has been decided that this node be a member. */
  readonly isMember: boolean
  /** 0-based round that the member is in. */
  readonly round: number
  /** Where the member can be dialled. */
  readonly addresses: readonly string[]
}

/** All changes of a run together, as a newcomer takes them. */
const MAX_CHANGES_BYTES = 64 * 1024 * 1024

const DEADLINES = { dialMs: 10_000, firstByteMs: 10_000, transferMs: 60_000 }

/**
 * Brings an invitation to the member at `address`. Throws NodeError: E_INVITATION when it is refused; E_KEY,
 * E_NO_CONNECTION, E_STREAM, E_TIMEOUT, E_MALFORMED; ProtocolError for an invalid manifest.
 */
export function bringInvitation(
  identity: Identity,
  address: string,
  invited: Invited,
  clock: Clock,
  signal: AbortSignal,
): Promise<JoinAnswer> {
  return withMember(identity, address, { clock, deadlines: DEADLINES, signal }, (peer, direct) =>
    askToJoin(direct, peer, address, invited, signal),
  )
}

interface Invited {
  readonly run: Invitation['run']
  readonly bytes: Uint8Array
}

/** `bringInvitation` to a peer that this node is connected with. */
export function askToJoin(
  direct: DirectProtocols,
  peer: PeerId,
  address: string,
  { run, bytes: invitation }: Invited,
  signal: AbortSignal,
): Promise<JoinAnswer> {
  return direct.exchange(peer, STREAM_PROTOCOLS.join, signal, async (stream, { whole, firstByte }) => {
    await stream.writeFrame({ invitation }, whole)
    const said = header.safeParse(await firstByte((first) => stream.readFrame(first)))
    if (!said.success) throw new NodeError('E_MALFORMED', `${address}: ${errorMessage(said.error)}`)
    if ('refused' in said.data)
      throw new NodeError('E_INVITATION', `${address} refuses: ${printableLine(said.data.message)}`, {
        code: printableLine(said.data.refused, 64),
      })
    const manifest = bytesField.parse(await stream.readFrame(whole, LIMITS.maxManifestBytes + FRAME_BYTES))
    if (!documentCid(manifest).equals(run))
      throw new NodeError(
        'E_MALFORMED',
        `${address} sent the manifest of another run than the invitation is to`,
      )
    const changes: Uint8Array[] = []
    let room = MAX_CHANGES_BYTES
    while (changes.length < said.data.changes) {
      const change = bytesField.parse(await stream.readFrame(whole, LIMITS.maxChangeBytes + FRAME_BYTES))
      room -= change.byteLength
      if (room < 0) throw new NodeError('E_TOO_LARGE', `${address} sent more changes than a run can have`)
      changes.push(change)
    }
    const { isMember, round, addresses } = said.data
    return { run: openManifest(manifest), changes, isMember, round, addresses }
  })
}
