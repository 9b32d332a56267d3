/** What a member of a group has found out about the others in a round. */

import type { Decision } from './decide.js'
import type { PrivateGroup } from './private-group.js'
import type { Selection } from './select-dealers.js'
import { type GroupWords, hexOf } from './words.js'

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
  /** What it answered fits neither the others' answers nor the parcel that it has shown. */
  | 'wrong-answer'
  /** What it answered does not fit the others' answers, and it has not shown what it was given: it or its dealer has lied. */
  | 'disputed'
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
  return fault !== 'silent' && fault !== 'too-few-answers' && fault !== 'disputed'
}

export interface FindingsInit {
  readonly group: PrivateGroup
  /** The member that finds. */
  readonly self: number
  readonly words: GroupWords
  readonly selection: Selection | undefined
  readonly decision: Decision | undefined
  readonly wrongOpenings: readonly number[]
  /** Parcels that holders have shown. */
  readonly shown: readonly ShownAnswer[]
  /** Dealers whose own parcels the finder could not open. */
  readonly broken: readonly number[]
}

/** What follows from a parcel that a holder has shown, whose hash its dealer has signed. */
export interface ShownAnswer {
  readonly accused: Accused
  /** The answer that it gives, as in words; undefined for a parcel that is none. */
  readonly answer: Uint8Array | undefined
}

/** Each fault of each member once, by member. */
export function findingsOf(init: FindingsInit): Finding[] {
  const { group, self, words, selection, decision, wrongOpenings, shown, broken } = init
  const found: Finding[] = []
  const deals = words.of('deal')
  for (const member of group.members.keys()) if (!deals.has(member)) found.push({ member, fault: 'silent' })
  for (const [member, fault] of selection?.faults ?? []) found.push({ member, fault })
  for (const member of broken) found.push({ member, fault: 'wrong-parcel' })
  for (const { accused, answer } of shown)
    if (answer === undefined) found.push({ member: accused.dealer, fault: 'wrong-parcel' })
  for (const dispute of selection?.disputes ?? []) found.push(blame(dispute, init))
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

/**
 * Who is to blame where a holder's answer is not on the polynomial of the others: the dealer, if the parcel that it signed gives
 * that answer. A complaint about anything else blames nobody.
 */
function blame({ dealer, holder }: Accused, { self, words, shown }: FindingsInit): Finding {
  // A member knows that it has not lied itself.
  if (holder === self) return { member: dealer, fault: 'wrong-parcel' }
  const told = shown.find(({ accused }) => accused.dealer === dealer && accused.holder === holder)
  const said = words
    .of('answers')
    .get(holder)
    ?.body.about.find((about) => about.dealer === dealer)?.values
  if (told === undefined || said === undefined) return { member: holder, fault: 'disputed' }
  const isTrue = told.answer === undefined || hexOf(told.answer) === hexOf(said)
  return isTrue ? { member: dealer, fault: 'wrong-parcel' } : { member: holder, fault: 'wrong-answer' }
}
