import type { Block, ChainMessage } from '@tempered/chain'
import {
  type Evidence,
  type HeadMessage,
  makeEvidence,
  makeForkEvidence,
  provesItself,
  type Run,
  type SignedAnnouncement,
  type SignedGroupWord,
} from '@tempered/protocol'
import { createAnnouncementBook } from './announcement-book.js'
import { InboundError, ignore, rejecting } from './inbound-error.js'
import { type MessageReader, protocolReader } from './message-reader.js'
import { validateAnnouncement } from './validate-announcement.js'
import { validateBlock, validateChainMessage } from './validate-chain.js'
import { validateEvidence } from './validate-evidence.js'
import { createGroupWordBook, validateGroupWord } from './validate-group-word.js'
import { createHeadBook, validateHead } from './validate-head.js'

/** Receives what passed validation, for the round engine. */
export interface InboundHandlers {
  announcement(message: SignedAnnouncement): void
  head(message: HeadMessage): void
  /** Found here or received: its offender is now quarantined. `found` when this node made it. */
  evidence(evidence: Evidence, found: boolean): void
  /** Evidence that needs blobs besides its bytes; `from` is the connected peer that sent it. */
  accusation(evidence: Evidence, from: string): void
  /** In runs with a common chain; both may throw ChainError. */
  block?(block: Block): void
  chainMessage?(message: ChainMessage): void
  /** In private runs. */
  groupWord?(word: SignedGroupWord): void
}

/** Validates every signed message of a run that comes from outside, by gossip or as a reply. */
export interface Inbound {
  /**
   * Each throws InboundError when the message is dropped. `publisher` is its sender, as proven by gossip's signature
   * or by the connection it came over.
   */
  announcement(bytes: Uint8Array, publisher: string): SignedAnnouncement
  /**
   * Delivers an announcement again that passed before: a node that jumped ahead may have dropped it as too early.
   * Does nothing when none is remembered or its author is quarantined.
   */
  repeat(author: string, round: number): void
  head(bytes: Uint8Array, publisher: string): HeadMessage
  /** `from` is the connected peer that sent it. */
  evidence(bytes: Uint8Array, from: string): Evidence
  /** Of the common chain; what its architecture refuses is dropped too. */
  block(bytes: Uint8Array): Block
  chainMessage(bytes: Uint8Array): ChainMessage
  /** Of a private round; anyone may pass it on. */
  groupWord(bytes: Uint8Array): SignedGroupWord
  /** A member was convicted by other means: its messages are no longer delivered. */
  quarantine(offender: string): void
}

/** What a node of a run that can change knows of its other epochs. */
export interface EpochAwareness {
  wasEverMember(peer: string): boolean
  /** A message shows that its author knows changes of the run that this node does not. */
  onBehind(): void
}

/** What an honest node of another epoch may send: it is dropped, and nobody is to blame. */
const OF_OTHER_EPOCHS: ReadonlySet<string> = new Set(['E_EPOCH', 'E_ROUND_RANGE', 'E_NOT_A_MEMBER'])

/** `currentRound` is the round that this node is in; `offenders` are quarantined from the start. */
export function createInbound(
  run: Run,
  neighbours: readonly string[],
  handlers: InboundHandlers,
  currentRound: () => number,
  offenders: readonly string[] = [],
  reader: MessageReader = protocolReader,
  epochs?: EpochAwareness,
): Inbound {
  const announcements = createAnnouncementBook(currentRound)
  const heads = createHeadBook()
  const groupWords = createGroupWordBook()
  const quarantined = new Set(offenders)
  const isNeighbour = new Set(neighbours)
  const checkSignature = (message: SignedAnnouncement): void =>
    rejecting(() => reader.checkAnnouncement(message, run), 'blame-author')

  const quarantine = (evidence: Evidence, found: boolean): void => {
    if (quarantined.has(evidence.offender)) return
    quarantined.add(evidence.offender)
    handlers.evidence(evidence, found)
  }

  /** Two announcements that contradict each other are evidence if both are genuine; a forged one is replaced. */
  const accuse = (known: SignedAnnouncement, message: SignedAnnouncement): void => {
    // One pair is proof enough: further announcements cost no signature check and are not forwarded.
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

  /** Runs a check of a message whose author may be in another epoch of the run. */
  const acrossEpochs = <T>(publisher: string, check: () => T): T => {
    try {
      return check()
    } catch (error) {
      const isOther = error instanceof InboundError && OF_OTHER_EPOCHS.has(error.code)
      if (!isOther || epochs === undefined || !epochs.wasEverMember(publisher)) throw error
      epochs.onBehind()
      throw ignore(error.code, error.message)
    }
  }

  return {
    announcement(bytes, publisher) {
      const message = acrossEpochs(publisher, () =>
        validateAnnouncement(bytes, run, announcements, publisher, isNeighbour.has(publisher), reader),
      )
      const known = announcements.note(message)
      // A contradicting announcement is valid by itself and is forwarded, since others need it to see the
      // contradiction.
      if (known !== undefined) accuse(known, message)
      else if (!quarantined.has(message.body.author)) handlers.announcement(message)
      return message
    },
    repeat(author, round) {
      const known = announcements.find(author, round)
      if (known !== undefined && !quarantined.has(author)) handlers.announcement(known)
    },
    head(bytes, publisher) {
      const { message, fork } = acrossEpochs(publisher, () =>
        validateHead(bytes, run, heads, publisher, reader),
      )
      const { head } = message
      // The other head is forwarded as well, since others need it to see the fork.
      if (fork !== undefined) quarantine(makeForkEvidence(fork, head), true)
      else {
        heads.note(head)
        if (!quarantined.has(head.body.author)) handlers.head(message)
      }
      return message
    },
    evidence(bytes, from) {
      const evidence = acrossEpochs(from, () => validateEvidence(bytes, run, quarantined))
      if (provesItself(evidence)) {
        quarantine(evidence, false)
        return evidence
      }
      handlers.accusation(evidence, from)
      // Nodes that are convinced by its blobs publish it themselves; unchecked it is not forwarded.
      throw ignore('E_UNPROVEN', 'not proven by its bytes alone')
    },
    block(bytes) {
      const block = validateBlock(bytes, run)
      if (quarantined.has(block.body.author)) throw ignore('E_QUARANTINED', 'its author is quarantined')
      // What an architecture refuses depends on the blocks that a node has.
      rejecting(() => handlers.block?.(block), 'ignore')
      return block
    },
    chainMessage(bytes) {
      const message = validateChainMessage(bytes, run)
      if (quarantined.has(message.body.author)) throw ignore('E_QUARANTINED', 'its author is quarantined')
      rejecting(() => handlers.chainMessage?.(message), 'ignore')
      return message
    },
    groupWord(bytes) {
      const word = validateGroupWord(bytes, run, groupWords, currentRound())
      if (quarantined.has(word.body.author)) throw ignore('E_QUARANTINED', 'its author is quarantined')
      handlers.groupWord?.(word)
      return word
    },
    quarantine: (offender) => quarantined.add(offender),
  }
}
