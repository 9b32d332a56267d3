/**
 * Squared distances between the models of a group, opened without any of them: each member adds up the squares of what its two
 * shares differ by, and hides everything but the sum behind the shares of nothing that both dealers gave it.
 *
 *   said by member h about dealers i, j:  ‖share_i(h) − share_j(h)‖² + nothing_i,j(h) + nothing_j,i(h)
 *
 * These lie on a polynomial of degree 2·(t + k − 1) whose values at the points of the secrets add up to ‖x_i − x_j‖², and which is
 * uniformly random besides if one of the two dealers is honest.
 */

import type { Held } from '../dealing/answer.js'
import { nothingPlace } from '../dealing/deal-model.js'
import { add } from '../field/field.js'
import type { FieldKernels } from '../field/kernels.js'
import { decode } from '../sharing/decode.js'
import { pointOf, type Scheme, secretPoint } from '../sharing/scheme.js'

/** Pairs of dealers in the order of all lists of distances: each with every later one. */
export function pairsOf(dealers: readonly number[]): (readonly [number, number])[] {
  return dealers.flatMap((first, k) => dealers.slice(k + 1).map((second) => [first, second] as const))
}

/**
 * What a member says about each pair of dealers.
 *
 * @param held - what it holds of each dealer, in ascending order
 */
export function distanceShares(held: ReadonlyMap<number, Held>, kernels: FieldKernels): bigint[] {
  const dealers = [...held.keys()]
  const squares = kernels.pairwiseSquaredDistances([...held.values()].map(({ elements }) => elements))
  return pairsOf(dealers).map(([first, second], at) => {
    const one = held.get(first)!.masks.nothing[nothingPlace(first, second)]
    const other = held.get(second)!.masks.nothing[nothingPlace(second, first)]
    return add(squares[at], add(one, other))
  })
}

export interface OpenedDistances {
  /** In the order of `pairsOf`; whole numbers, in squares of the unit of the encoding. */
  readonly squared: readonly bigint[]
  /** Members who said something else than the polynomials that the others' values lie on, in order. */
  readonly liars: readonly number[]
}

/**
 * @param shares - by member: what it said about each pair
 * @param pairs - how many there are
 * Throws SecaggError E_UNDECODABLE when too many are missing or wrong.
 */
export function openDistances(
  scheme: Scheme,
  shares: ReadonlyMap<number, readonly bigint[]>,
  pairs: number,
): OpenedDistances {
  const liars = new Set<number>(
    [...shares].flatMap(([member, said]) => (said.length === pairs ? [] : [member])),
  )
  const members = [...shares.keys()].sort((a, b) => a - b)
  const squared = Array.from({ length: pairs }, (_, at) => {
    const speaking = members.filter((member) => !liars.has(member))
    const points = speaking.map((member) => ({ x: pointOf(member), y: shares.get(member)![at] }))
    const { at: valueAt, wrong } = decode(points, scheme.productOpeners, scheme.threshold)
    for (const place of wrong) liars.add(speaking[place])
    let total = 0n
    for (let j = 0; j < scheme.packed; j++) total = add(total, valueAt(secretPoint(j)))
    return total
  })
  return { squared, liars: [...liars].sort((a, b) => a - b) }
}
