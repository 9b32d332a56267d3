import { type OpenAnnouncement, openAnnouncement, type SignedAnnouncement } from '@tempered/protocol'
import { type MessageReader, protocolReader } from '../inbound/message-reader.js'

/** A reader for all nodes of one run. */
export interface SharedReader extends MessageReader {
  /** Opens announcements inside ledger entries, each only once while it is among the newest. */
  readonly openCarried: OpenAnnouncement
}

/** Announcements whose contents are remembered. */
const REMEMBERED = 16_384

const keyOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')

/**
 * Reads each message of a simulation only once, however many nodes receive it: deliveries pass on the same byte
 * array, and reading depends only on the bytes. A message that fails is read again by every node. All nodes must be
 * of one run.
 */
export function createSharedReader(): SharedReader {
  const genuine = new WeakSet<object>()
  const once = <T extends object>(check: (message: T) => void, message: T): void => {
    if (genuine.has(message)) return
    check(message)
    genuine.add(message)
  }
  const memory = <T>(): ((bytes: Uint8Array, read: () => T) => T) => {
    const known = new WeakMap<Uint8Array, T>()
    return (bytes, read) => {
      const value = known.get(bytes) ?? read()
      known.set(bytes, value)
      return value
    }
  }
  const carried = new Map<string, SignedAnnouncement>()
  const carry = (bytes: Uint8Array, message: SignedAnnouncement): SignedAnnouncement => {
    carried.set(keyOf(bytes), message)
    for (const oldest of carried.keys()) {
      if (carried.size <= REMEMBERED) break
      carried.delete(oldest)
    }
    return message
  }
  const announcements = memory<ReturnType<MessageReader['announcement']>>()
  const heads = memory<ReturnType<MessageReader['head']>>()
  return {
    announcement: (bytes) => announcements(bytes, () => protocolReader.announcement(bytes)),
    checkAnnouncement: (message, run) =>
      once((unchecked) => {
        protocolReader.checkAnnouncement(unchecked, run)
        carry(unchecked.bytes, unchecked)
      }, message),
    head: (bytes, run) => heads(bytes, () => protocolReader.head(bytes, run)),
    checkHead: (head, run) => once((unchecked) => protocolReader.checkHead(unchecked, run), head),
    openCarried: (bytes) => carried.get(keyOf(bytes)) ?? carry(bytes, openAnnouncement(bytes)),
  }
}
