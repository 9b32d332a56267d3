/** Whose models can be in the sum, from what the members of a group have said about the dealings. */

import type { Answer } from '../dealing/answer.js'
import { type DealingFault, judgeDealing } from '../dealing/judge-dealing.js'
import type { PrivateGroup } from './private-group.js'
import { decodeAnswer, type GroupWords, hexOf } from './words.js'

export interface Selection {
  /** In ascending order; each holder has a share of every one of them. */
  readonly dealers: readonly number[]
  /** SHA-256 of their words, in the same order. */
  readonly deals: readonly Uint8Array[]
  readonly holders: readonly number[]
  /** By place: what is wrong with a dealing that was tested. */
  readonly faults: ReadonlyMap<number, DealingFault>
  /** Holders whose answers about a dealer do not fit the others': one of the two has lied. */
  readonly disputes: readonly Dispute[]
  /** Refused by more members than may lie. */
  readonly refused: readonly number[]
}

export interface Dispute {
  readonly dealer: number
  readonly holder: number
}

/** What is known of one dealing. */
interface Tested {
  readonly deal: Uint8Array
  readonly sound: ReadonlySet<number>
}

/**
 * Everybody who has the same answers selects the same. A dealer that has given nothing to some holders, or a holder that has
 * nothing from some dealers, is left out, whichever lacks more: honest members lack only what liars withhold.
 */
export function selectDealers(group: PrivateGroup, words: GroupWords): Selection {
  const answers = words.of('answers')
  const { threshold, productAgreeing } = group.plan.scheme
  const faults = new Map<number, DealingFault>()
  const disputes: Dispute[] = []
  const refusals = new Map<number, number>()
  for (const { body } of answers.values())
    for (const member of new Set(body.refused)) refusals.set(member, (refusals.get(member) ?? 0) + 1)
  const refused = [...refusals]
    .flatMap(([member, count]) => (count > threshold ? [member] : []))
    .sort(ascending)
  const tested = new Map<number, Tested>()
  for (const dealer of group.members.keys()) {
    const about = answersAbout(dealer, answers)
    if (about === undefined) continue
    const { fault, deviating } = judgeDealing(group.plan, about.answers)
    for (const holder of deviating) disputes.push({ dealer, holder })
    if (fault !== undefined) faults.set(dealer, fault)
    else if (!refused.includes(dealer)) {
      const sound = new Set([...about.answers.keys()].filter((holder) => !deviating.includes(holder)))
      tested.set(dealer, { deal: about.deal, sound })
    }
  }
  const present = [...answers.keys()].filter((holder) => !refused.includes(holder)).sort(ascending)
  const enough = Math.max(productAgreeing, present.length - threshold)
  const { dealers, holders: all } = completePart(tested, present, { enough, threshold })
  // Without dealers there is nothing to hold, and nobody to wait for.
  const holders = dealers.length === 0 ? [] : all
  return {
    dealers,
    deals: dealers.map((dealer) => tested.get(dealer)!.deal),
    holders,
    faults,
    disputes,
    refused,
  }
}

const ascending = (a: number, b: number): number => a - b

/** The answers about the dealing that most members have answered about, as its author may have signed several. */
function answersAbout(
  dealer: number,
  answers: ReturnType<typeof answersOf>,
): { readonly deal: Uint8Array; readonly answers: ReadonlyMap<number, Answer> } | undefined {
  const byDeal = new Map<string, { deal: Uint8Array; answers: Map<number, Answer> }>()
  for (const [holder, { body }] of answers) {
    const found = body.about.find((about) => about.dealer === dealer)
    const answer = found && decodeAnswer(found.values)
    if (found === undefined || answer === undefined) continue
    const name = hexOf(found.deal)
    const known = byDeal.get(name) ?? { deal: found.deal, answers: new Map<number, Answer>() }
    byDeal.set(name, known)
    known.answers.set(holder, answer)
  }
  const [most] = [...byDeal].sort(
    ([nameA, a], [nameB, b]) => b.answers.size - a.answers.size || (nameA < nameB ? -1 : 1),
  )
  return most?.[1]
}
const answersOf = (words: GroupWords) => words.of('answers')

/**
 * Dealers and holders between whom nothing is missing. A dealer that more holders lack than may lie has withheld shares; as many
 * may have said nothing about an honest one, so those holders are given up, while there are `enough`.
 */
export function completePart(
  tested: ReadonlyMap<number, Pick<Tested, 'sound'>>,
  present: readonly number[],
  { enough, threshold }: { readonly enough: number; readonly threshold: number },
): { readonly dealers: number[]; readonly holders: number[] } {
  const dealers = new Set([...tested.keys()].sort(ascending))
  const holders = new Set(present)
  for (;;) {
    const lackOfDealer = (dealer: number): number =>
      [...holders].filter((holder) => !tested.get(dealer)!.sound.has(holder)).length
    const lackOfHolder = (holder: number): number =>
      [...dealers].filter((dealer) => !tested.get(dealer)!.sound.has(holder)).length
    const worstDealer = worst(dealers, lackOfDealer)
    const worstHolder = worst(holders, lackOfHolder)
    if (worstDealer === undefined || worstHolder === undefined || worstDealer.lack === 0)
      return { dealers: [...dealers], holders: [...holders] }
    if (worstDealer.lack <= threshold && holders.size > enough) holders.delete(worstHolder.place)
    else dealers.delete(worstDealer.place)
  }
}

/** The one that lacks most, of several the last. */
function worst(places: ReadonlySet<number>, lackOf: (place: number) => number) {
  let found: { readonly place: number; readonly lack: number } | undefined
  for (const place of places) {
    const lack = lackOf(place)
    if (found === undefined || lack >= found.lack) found = { place, lack }
  }
  return found
}
