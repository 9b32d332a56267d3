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
 * One member is enough to add another where the manifest says `admission: invitation`. A member that is to go, or whose key
 * is to be replaced, is not asked.
 */
export function electorateOf({ change: { amendment } }: ChangeMessage, base: Run): Electorate {
  const { members, membership } = base.manifest
  const concerned = 'member' in amendment && amendment.kind !== 'add' ? amendment.member : undefined
  const owners = membership?.owners
  const electors = new Set((owners ?? members).filter((peer) => peer !== concerned))
  const quorum = membership?.threshold ?? finalityQuorum(electors.size)
  const byInvitation = amendment.kind === 'add' && membership?.admission === 'invitation'
  return { electors, needed: byInvitation ? 1 : Math.min(quorum, Math.max(electors.size, 1)) }
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

/**
 * Whether a change has the signatures that it needs: those of its electorate; or, to leave, that of the member itself; or, to
 * replace its own key, those of both keys.
 */
export function isDecided(message: ChangeMessage, base: Run): boolean {
  const { amendment } = message.change
  const signed = new Set(message.approvals.map(({ author }) => author))
  const byItself =
    'member' in amendment && base.memberIndex.has(amendment.member) && signed.has(amendment.member)
  if (amendment.kind === 'remove' && byItself) return true
  if (amendment.kind === 'replace' && byItself && signed.has(amendment.by)) return true
  const { electors, needed } = electorateOf(message, base)
  let votes = 0
  for (const peer of signed) if (electors.has(peer)) votes += 1
  return votes >= needed
}
