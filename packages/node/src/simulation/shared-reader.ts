import { type MessageReader, protocolReader } from '../inbound/message-reader.js'

/**
 * Reads each message of a simulation once, however many nodes receive it: deliveries hand on the very same bytes, and
 * reading is a function of them alone. What fails is read again by everyone. All nodes must be of one run.
 */
export function createSharedReader(): MessageReader {
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
  const announcements = memory<ReturnType<MessageReader['announcement']>>()
  const heads = memory<ReturnType<MessageReader['head']>>()
  return {
    announcement: (bytes) => announcements(bytes, () => protocolReader.announcement(bytes)),
    checkAnnouncement: (message) => once(protocolReader.checkAnnouncement, message),
    head: (bytes, run) => heads(bytes, () => protocolReader.head(bytes, run)),
    checkHead: (head) => once(protocolReader.checkHead, head),
  }
}
