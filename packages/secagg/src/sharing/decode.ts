/**
 * Values of a polynomial of which some are wrong: Reed–Solomon decoding. Missing values are simply not given.
 *
 *   f(x)·E(x) = y·E(x) at all points, E monic of degree e
 *
 * m values of a polynomial of degree below k, of which at most e = ⌊(m − k)/2⌋ are wrong, determine it. Right values alone
 * cost O(m²); wrong ones O(m³), by solving for E and f·E together.
 * Source: Berlekamp and Welch, US patent 4,633,470 (1986), as in Gemmell and Sudan, "Highly resilient correctors for
 * polynomials", Information Processing Letters 43 (1992).
 */

import { SecaggError } from '../errors.js'
import { inverse, multiply, negate, subtract } from '../field/field.js'
import { evaluate, knownLagrange, weighted } from './polynomial.js'

export interface Point {
  readonly x: bigint
  readonly y: bigint
}

export interface Decoded {
  /** f at any point. */
  at(x: bigint): bigint
  /** The given points that are not on f, by their places. */
  readonly wrong: readonly number[]
}

/**
 * @param size - k: one more than the largest degree of f
 * @param mostLying - t: so many of those who give the values may lie together. Then at least size + t values must be on one
 *   polynomial, so that at least `size` honest ones are: fewer would let liars choose another one that fits what is there.
 * Throws SecaggError E_UNDECODABLE when there are too few values, or too many wrong ones.
 */
export function decode(points: readonly Point[], size: number, mostLying = 0): Decoded {
  const least = size + mostLying
  const most = Math.min(points.length - least, Math.floor((points.length - size) / 2))
  if (points.length < least)
    throw new SecaggError(
      'E_UNDECODABLE',
      `${points.length} values are there, and it takes ${least} to find a polynomial of degree ${size - 1} of which ${mostLying} may be wrong`,
      { values: points.length, size },
    )
  const first = points.slice(0, size)
  const at = throughPoints(first)
  if (points.slice(size).every(({ x, y }) => at(x) === y)) return { at, wrong: [] }
  for (let errors = most; errors >= 1; errors--) {
    const f = corrected(points, size, errors)
    if (f === undefined) continue
    const wrong = points.flatMap(({ x, y }, k) => (evaluate(f, x) === y ? [] : [k]))
    if (wrong.length <= most) return { at: (x) => evaluate(f, x), wrong }
  }
  throw new SecaggError('E_UNDECODABLE', `more than ${most} of ${points.length} values are wrong`, {
    values: points.length,
    size,
  })
}

function throughPoints(points: readonly Point[]): (x: bigint) => bigint {
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  return (x) => weighted(knownLagrange(xs, x), ys)
}

/** f for exactly this many errors or fewer; undefined if there is none. */
function corrected(points: readonly Point[], size: number, errors: number): bigint[] | undefined {
  // Unknown: the coefficients of Q = f·E, of degree below size + errors, and those of E but the highest, which is 1.
  const rows = points.map(({ x, y }) => {
    const powers: bigint[] = [1n]
    while (powers.length < size + errors) powers.push(multiply(powers[powers.length - 1], x))
    return [
      ...powers,
      ...powers.slice(0, errors).map((power) => negate(multiply(y, power))),
      multiply(y, multiply(powers[errors - 1], x)),
    ]
  })
  const solution = solve(rows, size + 2 * errors)
  if (solution === undefined) return undefined
  const product = solution.slice(0, size + errors)
  const locator = [...solution.slice(size + errors), 1n]
  return quotient(product, locator, size)
}

/** A solution of the equations whose right sides are the last column; free unknowns are 0. Undefined if there is none. */
function solve(rows: bigint[][], unknowns: number): bigint[] | undefined {
  const pivots: number[] = []
  let top = 0
  for (let column = 0; column < unknowns && top < rows.length; column++) {
    const found = rows.findIndex((row, k) => k >= top && row[column] !== 0n)
    if (found < 0) continue
    ;[rows[top], rows[found]] = [rows[found], rows[top]]
    const scale = inverse(rows[top][column])
    rows[top] = rows[top].map((value) => multiply(value, scale))
    for (const [k, row] of rows.entries()) {
      const factor = row[column]
      if (k === top || factor === 0n) continue
      rows[k] = row.map((value, at) => subtract(value, multiply(factor, rows[top][at])))
    }
    pivots.push(column)
    top += 1
  }
  if (rows.slice(top).some((row) => row[unknowns] !== 0n)) return undefined
  const solution = Array.from({ length: unknowns }, () => 0n)
  for (const [k, column] of pivots.entries()) solution[column] = rows[k][unknowns]
  return solution
}

/** dividend / divisor for a monic divisor, of `size` coefficients; undefined if there is a remainder. */
function quotient(
  dividend: readonly bigint[],
  divisor: readonly bigint[],
  size: number,
): bigint[] | undefined {
  const rest = [...dividend]
  const result = Array.from({ length: size }, () => 0n)
  const degree = divisor.length - 1
  for (let k = rest.length - 1; k >= degree; k--) {
    const factor = rest[k]
    if (factor === 0n) continue
    const place = k - degree
    if (place >= size) return undefined
    result[place] = factor
    for (const [i, value] of divisor.entries())
      rest[place + i] = subtract(rest[place + i], multiply(factor, value))
  }
  return rest.some((value) => value !== 0n) ? undefined : result
}
