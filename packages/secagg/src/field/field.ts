/**
 * The prime field of p = 2⁶¹ − 1, one element at a time: for the few numbers of a round that are not vectors. Elements are
 * bigints in [0, p). Functions take elements and give elements; `elementOf` makes one of any whole number.
 */

/** 2⁶¹ − 1, the ninth Mersenne prime. */
export const P = (1n << 61n) - 1n

/** Bytes of an element. */
export const ELEMENT_BYTES = 8

/** The element that a whole number is congruent to. */
export function elementOf(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

/** The whole number of least size that is congruent to an element: within ±(p − 1)/2. */
export function centred(element: bigint): bigint {
  return element > P / 2n ? element - P : element
}

export const add = (a: bigint, b: bigint): bigint => (a + b) % P
export const subtract = (a: bigint, b: bigint): bigint => (a >= b ? a - b : a - b + P)
export const multiply = (a: bigint, b: bigint): bigint => (a * b) % P
export const negate = (a: bigint): bigint => (a === 0n ? 0n : P - a)

export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let square = base, left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = multiply(result, square)
    square = multiply(square, square)
  }
  return result
}

/** 1/a by Fermat: a^(p − 2). Throws RangeError for 0. */
export function inverse(a: bigint): bigint {
  if (a === 0n) throw new RangeError('0 has no inverse')
  return power(a, P - 2n)
}
