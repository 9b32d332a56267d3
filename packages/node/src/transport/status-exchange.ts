import { bytesField, decodeAnnouncement, LIMITS } from '@tempered/protocol'
import { z } from 'zod'
import type { Inbound } from '../inbound/inbound.js'
import { InboundError } from '../inbound/inbound-error.js'
import type { LocalSource, PeerStatus } from './network.js'

/** What a peer reports about itself on request: recent announcements, its newest head, evidence it holds. */
export const statusFields = {
  announcements: z.array(bytesField).max(LIMITS.maxStatusAnnouncements),
  head: bytesField.nullable(),
  evidence: z.array(bytesField).max(LIMITS.maxStatusEvidence),
}
export const statusSchema = z.strictObject(statusFields)

export type Status = z.infer<typeof statusSchema>

export interface StatusExchange {
  /** This node's status, with its announcements of rounds ≥ `fromRound`. */
  own(fromRound: number): Status
  /** Validates a peer's status message by message; invalid messages are dropped. */
  receive(peer: string, status: Status): PeerStatus
}

/** @param onFault - a peer sent about itself, or kept, what no honest node would */
export function createStatusExchange(
  local: LocalSource,
  inbound: Inbound,
  onFault: (peer: string, code: string) => void,
): StatusExchange {
  /** The round of an announcement that is valid, or undefined. */
  const receiveAnnouncement = (peer: string, bytes: Uint8Array): number | undefined => {
    try {
      return inbound.announcement(bytes, peer).body.round
    } catch (error) {
      if (!(error instanceof InboundError)) throw error
      if (error.code !== 'E_DUPLICATE') {
        if (error.action !== 'ignore') onFault(peer, error.code)
        return undefined
      }
      // A known one still shows how far the peer is, and we may have dropped it when it was not due yet.
      const { round } = decodeAnnouncement(bytes).body
      inbound.repeat(peer, round)
      return round
    }
  }

  return {
    own: (fromRound) => ({
      announcements: local
        .announcements(fromRound)
        .slice(-LIMITS.maxStatusAnnouncements)
        .map((message) => message.bytes),
      head: local.head()?.bytes ?? null,
      evidence: local
        .evidence()
        .map(({ bytes }) => bytes)
        .filter((bytes) => bytes.byteLength <= LIMITS.maxStatusEvidenceBytes)
        .slice(-LIMITS.maxStatusEvidence),
    }),
    receive(peer, { announcements, head, evidence }) {
      const blame = (error: InboundError): void => {
        if (error.action !== 'ignore') onFault(peer, error.code)
      }
      for (const bytes of evidence) dropInvalid(() => inbound.evidence(bytes, peer), blame)
      const rounds: number[] = []
      for (const bytes of announcements) {
        const round = receiveAnnouncement(peer, bytes)
        if (round !== undefined) rounds.push(round)
      }
      if (head !== null) dropInvalid(() => inbound.head(head, peer), blame)
      return { rounds, newestRound: Math.max(-1, ...rounds) }
    },
  }
}

/** Runs a validation and passes its InboundError to `onInvalid`: the message goes no further. */
export function dropInvalid(validate: () => unknown, onInvalid?: (error: InboundError) => void): void {
  try {
    validate()
  } catch (error) {
    if (!(error instanceof InboundError)) throw error
    onInvalid?.(error)
  }
}
