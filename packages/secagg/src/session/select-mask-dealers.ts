/** Whose masks are taken off in a round of the cheap mode, from what the members hold of whom. */

import type { PrivateGroup } from './private-group.js'
import { completePart, type Selection } from './select-dealers.js'
import { type GroupWords, hexOf } from './words.js'

/**
 * Everybody who has the same answers selects the same. Each holder has something of every dealer, as `selectDealers` sees to; what
 * was dealt shows only when it is opened.
 */
export function selectMaskDealers({ plan, members }: PrivateGroup, words: GroupWords): Selection {
  const { threshold, productOpeners } = plan.scheme
  const answers = [...words.of('answers')].map(([holder, { body }]) => ({ holder, ...body }))
  const isRefused = (member: number): boolean =>
    answers.filter(({ refused }) => refused.includes(member)).length > threshold
  const places = [...members.keys()]
  const refused = places.filter(isRefused)
  const tested = new Map<number, { readonly deal: Uint8Array; readonly sound: ReadonlySet<number> }>()
  for (const dealer of places) {
    if (refused.includes(dealer)) continue
    const held = answers.flatMap(({ holder, about }) => {
      const found = about.find((one) => one.dealer === dealer)
      return found === undefined ? [] : [{ holder, deal: found.deal }]
    })
    // Its author may have signed several.
    const counts = new Map<string, number>()
    for (const { deal } of held) counts.set(hexOf(deal), (counts.get(hexOf(deal)) ?? 0) + 1)
    const [most] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    if (most === undefined) continue
    const sound = held.filter(({ deal }) => hexOf(deal) === most[0])
    tested.set(dealer, { deal: sound[0].deal, sound: new Set(sound.map(({ holder }) => holder)) })
  }
  const present = places.filter((place) => words.of('answers').has(place) && !refused.includes(place))
  const enough = Math.max(productOpeners, present.length - threshold)
  const { dealers, holders } = completePart(tested, present, { enough, threshold })
  return {
    dealers,
    deals: dealers.map((dealer) => tested.get(dealer)!.deal),
    holders,
    faults: new Map(),
    disputes: [],
    refused,
  }
}
