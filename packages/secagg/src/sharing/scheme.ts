/**
 * Who holds what: Shamir's secret sharing among n members, of k secrets at once.
 *
 *   share of member h = f(h + 1), f random of degree below t + k with f(−j) = secret_j for j < k
 *
 * Symbols: t shares say nothing about the secrets; k = 1 is Shamir's scheme, k > 1 divides the size of shares by k and costs
 * k − 1 members who could be missing. Products of two shares lie on a polynomial of degree 2·(t + k − 1), so 2·(t + k) − 1
 * members open them; t more must agree, so that those who lie cannot choose what is opened.
 * Sources: Shamir, "How to share a secret", CACM 22 (1979); packing: Franklin and Yung, "Communication complexity of secure
 * computation", STOC 1992.
 */

import { SecaggError } from '../errors.js'
import { negate } from '../field/field.js'

export interface Scheme {
  /** n. */
  readonly members: number
  /** t, at least 1. */
  readonly threshold: number
  /** k, at least 1. */
  readonly packed: number
  /** Members that it takes to open a shared vector: t + k. */
  readonly openers: number
  /** Members that it takes to open a sum of products: 2·(t + k) − 1. */
  readonly productOpeners: number
  /** Members that must agree about a shared vector, and about a sum of products: t more, as so many may lie together. */
  readonly agreeing: number
  readonly productAgreeing: number
}

export const MOST_MEMBERS = 64

/** Throws SecaggError E_SHARING_PARAMS when so many members cannot open a distance. */
export function sharingScheme(members: number, threshold: number, packed = 1): Scheme {
  const whole = [members, threshold, packed].every((value) => Number.isInteger(value) && value >= 1)
  if (!whole || members > MOST_MEMBERS)
    throw new SecaggError(
      'E_SHARING_PARAMS',
      `members, threshold and packing must be whole numbers from 1, and members at most ${MOST_MEMBERS}; got ${members}, ${threshold}, ${packed}`,
    )
  const openers = threshold + packed
  const productOpeners = 2 * openers - 1
  if (members < productOpeners)
    throw new SecaggError(
      'E_SHARING_PARAMS',
      `a threshold of ${threshold}${packed > 1 ? ` with ${packed} secrets at once` : ''} takes ${productOpeners} members to open a distance, and a group has ${members}; lower the threshold to ${Math.max(0, Math.floor((members + 1) / 2) - packed)} at most`,
      { members, threshold, packed },
    )
  const [agreeing, productAgreeing] = [openers + threshold, productOpeners + threshold]
  return { members, threshold, packed, openers, productOpeners, agreeing, productAgreeing }
}

/** Throws SecaggError E_SHARING_PARAMS for a group in which those who lie can choose what is opened. */
export function requireAgreement({ members, threshold, packed, productAgreeing }: Scheme): void {
  if (members >= productAgreeing) return
  throw new SecaggError(
    'E_SHARING_PARAMS',
    `a threshold of ${threshold} takes ${productAgreeing} members, as ${threshold} who lie must not be able to choose what is opened, and a group has ${members}; lower the threshold to ${Math.max(0, Math.floor((members + 1 - 2 * packed) / 3))} at most`,
    { members, threshold, packed },
  )
}

/** Where member h has its share. */
export const pointOf = (member: number): bigint => BigInt(member + 1)

/** Where the j-th of the secrets that are shared at once is. */
export const secretPoint = (j: number): bigint => negate(BigInt(j))
