import { peerIdFromString } from '@libp2p/peer-id'
import { LIMITS, STREAM_PROTOCOLS } from '@tempered/protocol'
import { z } from 'zod'
import { type Clock, sleep } from '../clock.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import { STREAMS_PER_PEER } from '../guard/budgets.js'
import type { Logger } from '../logger.js'
import { type AddressBook, dialable } from './address-book.js'
import type { DirectProtocols } from './direct-protocols.js'

/** Members exchange the addresses of other members, for neighbours that nothing else has located. */
export interface PeerExchangeComponents {
  readonly direct: DirectProtocols
  readonly addressBook: AddressBook
  /** Of whom this node tells others. */
  readonly members: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

const EXCHANGE_INTERVAL_MS = 2_000

const peersReply = z.strictObject({
  peers: z
    .array(
      z.strictObject({
        peer: z.string().max(128),
        addresses: z.array(z.string().max(256)).max(LIMITS.maxAddressesPerPeer),
      }),
    )
    .max(LIMITS.maxPeerRecords),
})

/** Answers admitted members with the addresses that this node knows. */
export function servePeers(
  { direct, addressBook, members }: Pick<PeerExchangeComponents, 'direct' | 'addressBook' | 'members'>,
  isAdmitted: (peer: string) => boolean,
): Promise<void> {
  return direct.serve(STREAM_PROTOCOLS.peers, STREAMS_PER_PEER.peers, async (stream, connection, signal) => {
    if (!isAdmitted(connection.remotePeer.toString())) {
      throw new NodeError('E_NOT_ADMITTED', `${connection.remotePeer} is not admitted`)
    }
    await stream.readFrame(signal)
    const known = members.map((peer) => ({
      peer,
      addresses: addressBook.get(peer).slice(0, LIMITS.maxAddressesPerPeer),
    }))
    const peers = known.filter(({ addresses }) => addresses.length > 0).slice(0, LIMITS.maxPeerRecords)
    await stream.writeFrame({ peers }, signal)
  })
}

/** Asks an admitted member for the addresses that it knows; a failure is only logged. */
export async function askForPeers(
  { direct, addressBook, logger }: Pick<PeerExchangeComponents, 'direct' | 'addressBook' | 'logger'>,
  peer: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const reply = await direct.request(peerIdFromString(peer), STREAM_PROTOCOLS.peers, {}, signal)
    const parsed = peersReply.safeParse(reply)
    if (!parsed.success) throw new NodeError('E_MALFORMED', 'sent no list of addresses')
    for (const record of parsed.data.peers)
      addressBook.add(record.peer, dialable(record.addresses), { toldBy: peer })
  } catch (error) {
    logger.debug({ peer, code: errorCode(error) }, `no addresses from peer: ${errorMessage(error)}`)
  }
}

/**
 * Asks all admitted members at intervals while an address is missing, until the signal aborts.
 *
 * @param isMissing - whether a neighbour is neither connected nor in the address book
 */
export async function exchangePeers(
  components: PeerExchangeComponents,
  admitted: ReadonlySet<string>,
  isMissing: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(components.clock, EXCHANGE_INTERVAL_MS, signal)
    if (!isMissing()) continue
    for (const peer of admitted) await askForPeers(components, peer, signal)
  }
}
