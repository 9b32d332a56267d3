/** What a member of a group has found out about the others in a round. */

import type { Decision } from './decide.js'
import type { PrivateGroup } from './private-group.js'
import type { Selection } from './select-dealers.js'
import type { GroupWords } from './words.js'

/** A parcel that its holder says to be wrong. */
export interface Accused {
  readonly dealer: number
  readonly holder: number
}

export type MemberFault =
  /** It dealt nothing in time: it may be away. */
  | 'silent'
  /** Fewer members than it takes had anything from it. */
  | 'too-few-answers'
  /** What it dealt lies on no polynomial. */
  | 'inconsistent'
  /** What it dealt is too long to be a model. */
  | 'out-of-range'
  /** Its shares of nothing are of something. */
  | 'not-nothing'
  /** A holder has shown what it was given, and that does not fit what the others were given. */
  | 'wrong-parcel'
  /** What it answered fits neither the others' answers nor a parcel that it has shown. */
  | 'wrong-answer'
  /** Its share of a distance was wrong. */
  | 'wrong-distance'
  /** Its share of the sum was wrong. */
  | 'wrong-share'

export interface Finding {
  /** Place in the group. */
  readonly member: number
  readonly fault: MemberFault
}

/** Faults that no honest member can have while no more lie than the threshold allows, so that it is refused from then on. */
export function isRefusable({ fault }: Finding): boolean {
  return fault !== 'silent' && fault !== 'too-few-answers'
}

export interface FindingsInit {
  readonly group: PrivateGroup
  /** The member that finds. */
  readonly self: number
  readonly words: GroupWords
  readonly selection: Selection | undefined
  readonly decision: Decision | undefined
  readonly wrongOpenings: readonly number[]
  /** Complaints about which it is clear who is to blame. */
  readonly judged: readonly { readonly accused: Accused; readonly guilty: 'dealer' | 'holder' }[]
}

/** Each fault of each member once, by member. */
export function findingsOf(init: FindingsInit): Finding[] {
  const { group, self, words, selection, decision, wrongOpenings, judged } = init
  const found: Finding[] = []
  const deals = words.of('deal')
  for (const member of group.members.keys()) if (!deals.has(member)) found.push({ member, fault: 'silent' })
  for (const [member, fault] of selection?.faults ?? []) found.push({ member, fault })
  const complaints = words.of('complaint')
  for (const { accused, guilty } of judged)
    found.push(
      guilty === 'dealer'
        ? { member: accused.dealer, fault: 'wrong-parcel' }
        : { member: accused.holder, fault: 'wrong-answer' },
    )
  for (const { dealer, holder } of selection?.disputes ?? []) {
    // A member knows that it has not lied itself; others are to complain.
    if (holder === self) found.push({ member: dealer, fault: 'wrong-parcel' })
    else if (!complaints.get(holder)?.body.dealers.includes(dealer))
      found.push({ member: holder, fault: 'wrong-answer' })
  }
  for (const member of decision?.liars ?? []) found.push({ member, fault: 'wrong-distance' })
  for (const member of wrongOpenings) found.push({ member, fault: 'wrong-share' })
  const seen = new Set<string>()
  return found
    .filter(({ member, fault }) => {
      const name = `${member} ${fault}`
      if (member === self || seen.has(name)) return false
      seen.add(name)
      return true
    })
    .sort((a, b) => a.member - b.member)
}
