import { type Amendment, type ChangeMessage, electorateOf, isOwnAffair } from '@tempered/protocol'
import type { Membership } from './membership.js'

/** Rounds in which a key that has just come may not be replaced again without operators, and in which `MOST_ADDED` count. */
const CALM_ROUNDS = 100
/** Members that invitations may bring in that time without operators. */
const MOST_ADDED = 16

/**
 * Whether a node signs a change without its operator: a member's own affair (`isOwnAffair`), and not one of several that a
 * member says of itself, nor one too soon after the last.
 */
export function signsByItself(
  message: ChangeMessage,
  membership: Pick<Membership, 'pending' | 'decided' | 'epochOf' | 'round'>,
  self: string,
): boolean {
  const base = membership.epochOf(message)
  if (base === undefined || !electorateOf(message, base).electors.has(self)) return false
  if (hasSigned(message, self) || !isOwnAffair(message, base)) return false
  const { amendment } = message.change
  const decided = membership.decided.filter(({ problem }) => problem === undefined).map((one) => one.message)
  const recent = decided.filter(({ change }) => change.from + CALM_ROUNDS > membership.round)
  if (amendment.kind === 'add')
    return recent.filter(({ change }) => change.amendment.kind === 'add').length < MOST_ADDED
  const member = memberOf(amendment)
  if (recent.some(({ change }) => change.amendment.kind === 'replace' && change.amendment.by === member))
    return false
  return ![...membership.pending, ...decided].some(
    (other) =>
      !other.cid.equals(message.cid) && memberOf(other.change.amendment) === member && hasSigned(other, self),
  )
}

/** Whom a change takes out of the run; undefined for none. */
function memberOf(amendment: Amendment): string | undefined {
  return amendment.kind === 'remove' || amendment.kind === 'replace' ? amendment.member : undefined
}

const hasSigned = ({ approvals }: ChangeMessage, peer: string): boolean =>
  approvals.some(({ author }) => author === peer)
