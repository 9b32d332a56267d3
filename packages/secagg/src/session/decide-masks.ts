/** What a group decides in a round of the cheap mode: whose masked vectors are added up. */

import { encodeCanonical, sha256 } from '@tempered/protocol'
import type { Decision } from './decide.js'
import type { PrivateGroup } from './private-group.js'
import type { Selection } from './select-dealers.js'
import type { VotedDecision } from './session-steps.js'
import { dealDigest, type GroupWords, hexOf } from './words.js'

/** `dealers` are the members in the sum, in ascending order; all weigh the same, and nothing is compared. */
export interface MaskDecision extends Decision {
  /** All members of whom the vectors have masks, in ascending order. */
  readonly masked: readonly number[]
  /** SHA-256 of the word with which each of those has dealt. */
  readonly deals: readonly Uint8Array[]
  /** SHA-256 of the masked vector of each member in the sum. */
  readonly vectors: readonly Uint8Array[]
}

/** SHA-256 of the masked vectors that have masks of exactly these dealers, by member in ascending order. */
export function maskedVectors(words: GroupWords, dealers: readonly number[]): Map<number, Uint8Array> {
  const name = dealers.join()
  const said = [...words.of('masked')].filter(
    ([member, { body }]) => dealers.includes(member) && body.dealers.join() === name,
  )
  return new Map(said.sort(([a], [b]) => a - b).map(([member, { body }]) => [member, body.vector]))
}

/** Undefined unless all of `inSum` have said that they have masks of exactly these dealers. */
export function maskDecision(
  { run, round, members }: PrivateGroup,
  words: GroupWords,
  { dealers, deals }: Pick<Selection, 'dealers' | 'deals'>,
  inSum: readonly number[],
): MaskDecision | undefined {
  const known = maskedVectors(words, dealers)
  const vectors = inSum.flatMap((member) => known.get(member) ?? [])
  if (vectors.length !== inSum.length) return undefined
  const document = encodeCanonical({
    ...{ run: run.id, round, members },
    ...{ masked: dealers, deals, dealers: inSum, vectors },
  })
  return {
    ...{ masked: dealers, deals, vectors, document },
    dealers: inSum,
    weights: inSum.map(() => 1),
    scores: null,
    threshold: null,
    squared: new Float64Array(0),
    digest: sha256(document),
    liars: [],
  }
}

/** The decision that members have voted for, once all words that it follows from are there; undefined before. */
export function votedMasks(
  group: PrivateGroup,
  words: GroupWords,
  { digest, dealers, weights }: VotedDecision,
): MaskDecision | undefined {
  const masked = words.of('masked').get(dealers[0])?.body.dealers
  const deals = masked?.flatMap((dealer) => {
    const word = words.of('deal').get(dealer)
    return word === undefined ? [] : [dealDigest(word)]
  })
  if (masked === undefined || deals?.length !== masked.length) return undefined
  const decision = maskDecision(group, words, { dealers: masked, deals }, dealers)
  const isSame =
    decision !== undefined && hexOf(decision.digest) === hexOf(digest) && weights.every((one) => one === 1)
  return isSame ? decision : undefined
}
