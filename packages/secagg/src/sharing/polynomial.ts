/** Polynomials over the field by their values at points. */

import { add, inverse, multiply, subtract } from '../field/field.js'

/**
 * Coefficients c_i with f(target) = Σ_i c_i·f(points[i]) for every f of a degree below the number of points (Lagrange).
 * The points are different from each other.
 */
export function lagrange(points: readonly bigint[], target: bigint): bigint[] {
  return points.map((point, i) => {
    let above = 1n
    let below = 1n
    for (const [j, other] of points.entries()) {
      if (j === i) continue
      above = multiply(above, subtract(target, other))
      below = multiply(below, subtract(point, other))
    }
    return multiply(above, inverse(below))
  })
}

/** Factors that were asked for before: a group asks for the same ones for each value. */
const remembered = new Map<string, readonly bigint[]>()
const MOST_REMEMBERED = 4_096

/** The same, remembered: of the points that members have. The result must not be changed. */
export function knownLagrange(points: readonly bigint[], target: bigint): readonly bigint[] {
  const key = `${points.join()}:${target}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  const factors = lagrange(points, target)
  remembered.set(key, factors)
  return factors
}

/** f(x) = Σ_i coefficients[i]·x^i. */
export function evaluate(coefficients: readonly bigint[], x: bigint): bigint {
  let value = 0n
  for (let i = coefficients.length - 1; i >= 0; i--) value = add(multiply(value, x), coefficients[i])
  return value
}

/** Σ_i a_i·b_i. */
export function weighted(a: readonly bigint[], b: readonly bigint[]): bigint {
  let total = 0n
  for (const [i, one] of a.entries()) total = add(total, multiply(one, b[i]))
  return total
}
