import type { Run } from '../manifest.js'
import { finalityQuorum } from '../quorum.js'
import type { ChangeMessage } from './change.js'

/** Who decides about a change, and how many of them are needed. */
export interface Electorate {
  readonly electors: ReadonlySet<string>
  readonly needed: number
}

/**
 * Who must sign a change of the epoch `base`: more than two thirds of its members, or the owners that the manifest names.
 * A member that is to go, or whose key is to be replaced, is not asked.
 */
export function electorateOf({ change: { amendment } }: ChangeMessage, base: Run): Electorate {
  const { members, membership } = base.manifest
  const concerned = 'member' in amendment && amendment.kind !== 'add' ? amendment.member : undefined
  const owners = membership?.owners
  const electors = new Set((owners ?? members).filter((peer) => peer !== concerned))
  const quorum = membership?.threshold ?? finalityQuorum(electors.size)
  // Nobody is left to ask in a run of one member.
  if (electors.size === 0 && concerned !== undefined) electors.add(concerned)
  return { electors, needed: Math.min(quorum, Math.max(electors.size, 1)) }
}

/** Whether a signature of `peer` counts for this change. */
export function mayApprove(message: ChangeMessage, base: Run, peer: string): boolean {
  const { amendment } = message.change
  if (electorateOf(message, base).electors.has(peer)) return true
  if (amendment.kind === 'remove' || amendment.kind === 'replace') {
    if (peer === amendment.member) return base.memberIndex.has(peer)
  }
  return amendment.kind === 'replace' && peer === amendment.by
}

/** Whether a change has the signatures that it needs: as many of its electorate as must sign. */
export function isDecided(message: ChangeMessage, base: Run): boolean {
  const { electors, needed } = electorateOf(message, base)
  let votes = 0
  for (const { author } of message.approvals) if (electors.has(author)) votes += 1
  return votes >= needed
}

/**
 * Whether a change is a member's own affair, which the nodes of the others sign without being told to: it leaves, or has a new
 * key, as both keys say; or brings a new member, where the manifest says that an invitation is enough. So these need a quorum
 * too, and a member that says different things to different nodes gets none for any of them.
 */
export function isOwnAffair(message: ChangeMessage, base: Run): boolean {
  const {
    change: { amendment },
    approvals,
  } = message
  const signed = new Set(approvals.map(({ author }) => author))
  switch (amendment.kind) {
    case 'remove':
      return base.memberIndex.has(amendment.member) && signed.has(amendment.member)
    case 'replace':
      return (
        base.memberIndex.has(amendment.member) && signed.has(amendment.member) && signed.has(amendment.by)
      )
    case 'add': {
      const { electors } = electorateOf(message, base)
      return (
        base.manifest.membership?.admission === 'invitation' &&
        approvals.some(({ author }) => electors.has(author))
      )
    }
    default:
      return false
  }
}
