/** Sharing a few numbers, each list with its own random polynomials. */

import { add, P, subtract } from '../field/field.js'
import { randomElement } from '../random/random-elements.js'
import type { SecretStream } from '../random/secret-stream.js'
import { evaluate, lagrange, weighted } from './polynomial.js'
import { pointOf, type Scheme, secretPoint } from './scheme.js'

/**
 * Shares of k numbers at once, one per member: a random polynomial of degree below t + k through them.
 *
 * @param secrets - k elements
 */
export function dealScalars(scheme: Scheme, secrets: readonly bigint[], random: SecretStream): bigint[] {
  const free = Array.from({ length: scheme.threshold }, () => randomElement(random))
  const values = [...secrets, ...free]
  return [...free, ...laterShares(scheme).map((factors) => weighted(factors, values))]
}

const factorsOf = new WeakMap<Scheme, readonly (readonly bigint[])[]>()

/** By what the secrets and the shares of the first t members are multiplied for the share of each later one. */
function laterShares(scheme: Scheme): readonly (readonly bigint[])[] {
  const known = factorsOf.get(scheme)
  if (known !== undefined) return known
  const { members, threshold, packed } = scheme
  const points = [
    ...Array.from({ length: packed }, (_, j) => secretPoint(j)),
    ...Array.from({ length: threshold }, (_, h) => pointOf(h)),
  ]
  const factors = Array.from({ length: members - threshold }, (_, h) =>
    lagrange(points, pointOf(threshold + h)),
  )
  factorsOf.set(scheme, factors)
  return factors
}

/**
 * Shares of nothing, one per member: a random polynomial of degree at most 2·(t + k − 1) whose values at the points of the
 * secrets add up to 0. Added to shares of a sum of products, it hides everything but the sum.
 */
export function dealNothing(scheme: Scheme, random: SecretStream): bigint[] {
  const coefficients = Array.from({ length: scheme.productOpeners }, () => randomElement(random))
  let total = 0n
  for (let j = 0; j < scheme.packed; j++) total = add(total, evaluate(coefficients, secretPoint(j)))
  // The constant counts once per secret.
  coefficients[0] = subtract(coefficients[0], (total * inverseOf(scheme.packed)) % P)
  return Array.from({ length: scheme.members }, (_, h) => evaluate(coefficients, pointOf(h)))
}

/** 1/k; k is far below p, so Euclid's algorithm takes a few steps. */
function inverseOf(k: number): bigint {
  let [a, b, x, y] = [P, BigInt(k), 0n, 1n]
  while (b > 1n) {
    const times = a / b
    ;[a, b, x, y] = [b, a - times * b, y, x - times * y]
  }
  return ((y % P) + P) % P
}
