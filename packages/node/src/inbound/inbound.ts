import {
  type Evidence,
  type HeadMessage,
  makeEvidence,
  makeForkEvidence,
  provesItself,
  type Run,
  type SignedAnnouncement,
} from '@tempered/protocol'
import { createAnnouncementBook } from './announcement-book.js'
import { ignore, rejecting } from './inbound-error.js'
import { type MessageReader, protocolReader } from './message-reader.js'
import { validateAnnouncement } from './validate-announcement.js'
import { validateEvidence } from './validate-evidence.js'
import { createHeadBook, validateHead } from './validate-head.js'

/** What passed validation, for the round engine. */
export interface InboundHandlers {
  announcement(message: SignedAnnouncement): void
  head(message: HeadMessage): void
  /** Found here or received: its offender is quarantined from now on. `found` when this node made it. */
  evidence(evidence: Evidence, found: boolean): void
  /** Evidence that needs blobs besides its bytes; `from` is the connected peer that brought it. */
  accusation(evidence: Evidence, from: string): void
}

/** Every signed message of a run that comes from outside goes through here, gossiped or asked for. */
export interface Inbound {
  /**
   * Each throws InboundError when the message goes no further. `publisher` is who said it, as proven by gossip's
   * signature or by the connection it came over.
   */
  announcement(bytes: Uint8Array, publisher: string): SignedAnnouncement
  /**
   * Hands on once more an announcement that passed before: a node that jumped ahead may have dropped it as not yet
   * due. Does nothing when none is remembered or its author is quarantined.
   */
  repeat(author: string, round: number): void
  head(bytes: Uint8Array, publisher: string): HeadMessage
  /** `from` is the connected peer that brought it. */
  evidence(bytes: Uint8Array, from: string): Evidence
  /** Somebody was convicted by other means: nothing of theirs is handed on from now on. */
  quarantine(offender: string): void
}

/** `currentRound` is the round that this node is in; `offenders` are quarantined from the start. */
export function createInbound(
  run: Run,
  neighbours: readonly string[],
  handlers: InboundHandlers,
  currentRound: () => number,
  offenders: readonly string[] = [],
  reader: MessageReader = protocolReader,
): Inbound {
  const announcements = createAnnouncementBook(currentRound)
  const heads = createHeadBook()
  const quarantined = new Set(offenders)
  const isNeighbour = new Set(neighbours)
  const checkSignature = (message: SignedAnnouncement): void =>
    rejecting(() => reader.checkAnnouncement(message))

  const quarantine = (evidence: Evidence, found: boolean): void => {
    if (quarantined.has(evidence.offender)) return
    quarantined.add(evidence.offender)
    handlers.evidence(evidence, found)
  }

  /** Two announcements that contradict each other are evidence if both are genuine; a forged one gives way. */
  const accuse = (known: SignedAnnouncement, message: SignedAnnouncement): void => {
    // One pair is proof enough: further stories cost no signature check and travel no further.
    if (quarantined.has(message.body.author)) throw ignore('E_QUARANTINED', 'its author is quarantined')
    checkSignature(message)
    try {
      checkSignature(known)
    } catch {
      announcements.replace(message)
      handlers.announcement(message)
      return
    }
    quarantine(makeEvidence(known, message), true)
  }

  return {
    announcement(bytes, publisher) {
      const message = validateAnnouncement(
        bytes,
        run,
        announcements,
        publisher,
        isNeighbour.has(publisher),
        reader,
      )
      const known = announcements.note(message)
      // A contradicting announcement is valid in itself and travels on: others need it to see the same.
      if (known !== undefined) accuse(known, message)
      else if (!quarantined.has(message.body.author)) handlers.announcement(message)
      return message
    },
    repeat(author, round) {
      const known = announcements.find(author, round)
      if (known !== undefined && !quarantined.has(author)) handlers.announcement(known)
    },
    head(bytes, publisher) {
      const { message, fork } = validateHead(bytes, run, heads, publisher, reader)
      const { head } = message
      // The other head travels on as well: others need it to see the same.
      if (fork !== undefined) quarantine(makeForkEvidence(fork, head), true)
      else {
        heads.note(head)
        if (!quarantined.has(head.body.author)) handlers.head(message)
      }
      return message
    },
    evidence(bytes, from) {
      const evidence = validateEvidence(bytes, run, quarantined)
      if (provesItself(evidence)) {
        quarantine(evidence, false)
        return evidence
      }
      handlers.accusation(evidence, from)
      // Whoever is convinced by its blobs says so in turn; unchecked it goes no further.
      throw ignore('E_UNPROVEN', 'not proven by its bytes alone')
    },
    quarantine: (offender) => quarantined.add(offender),
  }
}
