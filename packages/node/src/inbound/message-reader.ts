import {
  decodeAnnouncement,
  decodeHeadMessage,
  type HeadMessage,
  type Run,
  type SignedAnnouncement,
  type SignedHead,
  verifyAnnouncement,
  verifyAnnouncementStatement,
  verifyHead,
  verifyHeadStatement,
} from '@tempered/protocol'

/** Decoding and signature checks of messages. A simulation reads each message once for all its nodes. */
export interface MessageReader {
  /** Throws ProtocolError for anything but a canonical announcement. */
  announcement(bytes: Uint8Array): SignedAnnouncement
  /** Throws ProtocolError unless its author signed it, with its account too where the run asks for that. */
  checkAnnouncement(message: SignedAnnouncement, run: Run): void
  /** Throws ProtocolError for anything but a canonical head message of this run. */
  head(bytes: Uint8Array, run: Run): HeadMessage
  /** Throws ProtocolError unless its author signed it, with its account too where the run asks for that. */
  checkHead(head: SignedHead, run: Run): void
}

export const protocolReader: MessageReader = {
  announcement: decodeAnnouncement,
  checkAnnouncement(message, run) {
    verifyAnnouncement(message)
    verifyAnnouncementStatement(message, run)
  },
  head: decodeHeadMessage,
  checkHead(head, run) {
    verifyHead(head)
    verifyHeadStatement(head, run)
  },
}
