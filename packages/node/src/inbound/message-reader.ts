import {
  decodeAnnouncement,
  decodeHeadMessage,
  type HeadMessage,
  type Run,
  type SignedAnnouncement,
  type SignedHead,
  verifyAnnouncement,
  verifyHead,
} from '@tempered/protocol'

/** Decoding and signature checks of messages. A simulation reads each message once for all its nodes. */
export interface MessageReader {
  /** Throws ProtocolError for anything but a canonical announcement. */
  announcement(bytes: Uint8Array): SignedAnnouncement
  /** Throws ProtocolError unless its author signed it. */
  checkAnnouncement(message: SignedAnnouncement): void
  /** Throws ProtocolError for anything but a canonical head message of this run. */
  head(bytes: Uint8Array, run: Run): HeadMessage
  /** Throws ProtocolError unless its author signed it. */
  checkHead(head: SignedHead): void
}

export const protocolReader: MessageReader = {
  announcement: decodeAnnouncement,
  checkAnnouncement: verifyAnnouncement,
  head: decodeHeadMessage,
  checkHead: verifyHead,
}
