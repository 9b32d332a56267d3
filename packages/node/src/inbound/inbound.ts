import type { Evidence, Run, SignedAnnouncement, SignedHead } from '@tempered/protocol'
import { createAnnouncementBook } from './announcement-book.js'
import { validateAnnouncement } from './validate-announcement.js'
import { validateEvidence } from './validate-evidence.js'
import { type HeadBook, validateHead } from './validate-head.js'

/** What passed validation, for the round engine. */
export interface InboundHandlers {
  announcement(message: SignedAnnouncement): void
  head(message: SignedHead): void
  /** Found here or received: its offender is quarantined from now on. `found` when this node made it. */
  evidence(evidence: Evidence, found: boolean): void
}

/** Every signed message of a run that comes from outside goes through here, gossiped or asked for. */
export interface Inbound {
  /** Each throws InboundError when the message goes no further. `publisher`: see validate-announcement.ts. */
  announcement(bytes: Uint8Array, publisher?: string): SignedAnnouncement
  head(bytes: Uint8Array, publisher?: string): SignedHead
  evidence(bytes: Uint8Array): Evidence
}

export function createInbound(run: Run, handlers: InboundHandlers): Inbound {
  const announcements = createAnnouncementBook()
  const heads: HeadBook = new Map()
  const quarantined = new Set<string>()

  const quarantine = (evidence: Evidence, found: boolean): void => {
    if (quarantined.has(evidence.offender)) return
    quarantined.add(evidence.offender)
    handlers.evidence(evidence, found)
  }

  return {
    announcement(bytes, publisher) {
      const message = validateAnnouncement(bytes, run, announcements, publisher)
      const evidence = announcements.note(message)
      // A contradicting announcement is valid in itself and travels on: others need it to see the same.
      if (evidence !== undefined) quarantine(evidence, true)
      else if (!quarantined.has(message.body.author)) handlers.announcement(message)
      return message
    },
    head(bytes, publisher) {
      const message = validateHead(bytes, run, heads, publisher)
      heads.set(message.body.author, message)
      handlers.head(message)
      return message
    },
    evidence(bytes) {
      const evidence = validateEvidence(bytes, run, quarantined)
      quarantine(evidence, false)
      return evidence
    },
  }
}
