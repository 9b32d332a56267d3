import type { Membership } from '@tempered/node'
import { type Amendment, type ChangeMessage, electorateOf } from '@tempered/protocol'

/** The members of a run and its changes, as `tempered member list --json` prints them. Rounds count from 1. */
export interface ChangesDocument {
  readonly run: string
  readonly name: string
  /** Round that the node is in. */
  readonly round: number
  readonly rounds: number
  /** CID of the epoch; null before the first change. */
  readonly epoch: string | null
  /** Who decides about changes. */
  readonly decides: 'members' | 'owners'
  readonly members: readonly string[]
  /** Members of the run before. */
  readonly former: readonly string[]
  readonly decided: readonly ChangeDocument[]
  readonly pending: readonly ChangeDocument[]
}

export interface ChangeDocument {
  readonly change: string
  readonly what: Amendment
  /** Round from which it holds; for one that is decided later, from the next round on. */
  readonly from: number
  readonly signedBy: readonly string[]
  /** Signatures of those who decide that it needs, unless the member itself signs. */
  readonly needed: number
  /** Why it does nothing; null where it has effect. */
  readonly problem: string | null
}

export function changesDocument(membership: Membership): ChangesDocument {
  const { base, round } = membership
  const now = membership.at(round)
  const documentOf = (message: ChangeMessage, problem: string | undefined): ChangeDocument => {
    const view = membership.epochOf(message) ?? base
    return {
      change: message.cid.toString(),
      what: message.change.amendment,
      from: message.change.from + 1,
      signedBy: message.approvals.map(({ author }) => author),
      needed: electorateOf(message, view).needed,
      problem: problem ?? null,
    }
  }
  return {
    run: base.id.toString(),
    name: base.manifest.name,
    round: Math.min(round + 1, now.manifest.training.rounds),
    rounds: now.manifest.training.rounds,
    epoch: now.epoch?.toString() ?? null,
    decides: base.manifest.membership?.owners === undefined ? 'members' : 'owners',
    members: now.manifest.members,
    former: now.roster.filter((peer) => !now.memberIndex.has(peer)),
    decided: membership.decided.map(({ message, problem }) => documentOf(message, problem)),
    pending: membership.pending.map((message) => documentOf(message, undefined)),
  }
}
