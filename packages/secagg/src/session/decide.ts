/** What a group decides in a round: the distances, what the rule makes of them, and whether the sum may be opened. */

import { encodeCanonical, sha256 } from '@tempered/protocol'
import { MOST_WEIGHT } from '../encoding/fixed-point.js'
import { SecaggError } from '../errors.js'
import { openDistances, pairsOf } from '../opening/distances.js'
import type { PrivateGroup } from './private-group.js'
import type { Selection } from './select-dealers.js'
import { encodeValues, type GroupWords, valuesIn } from './words.js'

/** Why a round of a group ends without a sum. */
export type NoSum =
  /** Too few members hold shares, or too few models passed their tests. */
  | 'too-few-members'
  /** More members said wrong things about the distances than can be corrected. */
  | 'no-distances'
  /** The rule accepts so few models, or weighs some so much, that their sum would show one. */
  | 'too-few-accepted'
  /** The members have not agreed on one decision. */
  | 'no-quorum'
  /** Too many shares of the sum were missing or wrong. */
  | 'not-opened'
  /** The sum is longer than one of so many models can be: somebody's masks, or its model, were not what they should be. */
  | 'out-of-range'
  /** This member took no part in the round, and the others had not opened a sum in time. */
  | 'not-there'

export interface Decision {
  readonly dealers: readonly number[]
  /** One per dealer; 0 for a model that is refused. */
  readonly weights: readonly number[]
  /** As the rule gives them, one per dealer, of distances between models; null where it compares nothing. */
  readonly scores: readonly number[] | null
  readonly threshold: number | null
  /** Of models, n×n, row-major. */
  readonly squared: Float64Array
  /** Everything that members must agree on. */
  readonly document: Uint8Array
  /** SHA-256 of the document. */
  readonly digest: Uint8Array
  /** Members whose words about the distances were wrong. */
  readonly liars: readonly number[]
}

/** Everybody who has selected the same dealers, and can correct what others say, decides the same. */
export function decide(group: PrivateGroup, selection: Selection, words: GroupWords): Decision | NoSum {
  const { plan, rule, leastInSum } = group
  const { dealers, deals, holders } = selection
  const enough = Math.max(leastInSum, rule.fewest)
  if (dealers.length < enough || holders.length < plan.scheme.productAgreeing) return 'too-few-members'
  const pairs = pairsOf(dealers)
  const said = new Map(
    holders.flatMap((holder) => {
      const values = saidAbout(holder, dealers, words)
      return values === undefined ? [] : [[holder, values] as const]
    }),
  )
  let opened: ReturnType<typeof openDistances>
  try {
    opened = openDistances(plan.scheme, said, pairs.length)
  } catch (error) {
    if (error instanceof SecaggError && error.code === 'E_UNDECODABLE') return 'no-distances'
    throw error
  }
  const squared = distanceMatrix(group, dealers, opened.squared)
  const { round, run } = group
  const { rounds } = run.manifest.training
  const { weights, scores, threshold } = rule.weigh({ squared, models: dealers.length, round, rounds })
  if (!mayBeOpened(weights, leastInSum)) return 'too-few-accepted'
  const document = encodeCanonical({
    run: run.id,
    round,
    members: group.members,
    dealers,
    deals,
    squared: encodeValues(opened.squared),
    weights,
  })
  return {
    dealers,
    weights,
    scores,
    threshold,
    squared,
    document,
    digest: sha256(document),
    liars: opened.liars,
  }
}

/**
 * Whether a sum with these weights hides each model in it: it has so many, and none counts for more than an equal share of so
 * many.
 */
export function mayBeOpened(weights: readonly number[], leastInSum: number): boolean {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const accepted = weights.filter((weight) => weight > 0).length
  return accepted >= leastInSum && total <= MOST_WEIGHT && Math.max(...weights) * leastInSum <= total
}

/** A holder's values for all pairs of these dealers; undefined if it has not said them. */
function saidAbout(
  holder: number,
  dealers: readonly number[],
  words: GroupWords,
): readonly bigint[] | undefined {
  const body = words.of('distances').get(holder)?.body
  if (body === undefined || new Set(body.dealers).size !== body.dealers.length) return undefined
  const pairs = pairsOf(body.dealers)
  const values = valuesIn(body.values, pairs.length)
  if (values === undefined || !dealers.every((dealer) => body.dealers.includes(dealer))) return undefined
  const at = new Map(pairs.map(([a, b], k) => [a < b ? `${a} ${b}` : `${b} ${a}`, values[k]]))
  return pairsOf(dealers).map(([a, b]) => at.get(`${a} ${b}`)!)
}

/** Squared distances of models from whole numbers in squares of the encoding's unit. */
function distanceMatrix(
  { plan }: PrivateGroup,
  dealers: readonly number[],
  opened: readonly bigint[],
): Float64Array {
  const n = dealers.length
  const unit = 4 ** plan.encoding.scale
  const matrix = new Float64Array(n * n)
  let at = 0
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const distance = Number(opened[at++]) / unit
      matrix[i * n + j] = distance
      matrix[j * n + i] = distance
    }
  return matrix
}
