/**
 * The field of p = 2⁶¹ − 1. Its elements are below p; `loose` values may be up to 2⁶³.
 *
 *   a·b = hh·2⁶⁴ + mid·2³² + ll,  2⁶⁴ ≡ 8,  mid·2³² = ⌊mid/2²⁹⌋·2⁶¹ + (mid mod 2²⁹)·2³²
 *
 * Symbols: hh, mid, ll from the halves of 32 and 29 bits. All sums stay below 2⁶⁴.
 */

export const P: u64 = 0x1fffffffffffffff
const LOW: u64 = 0xffffffff
const MIDDLE: u64 = 0x1fffffff

/** Below 2⁶¹ + 8, for a value below 2⁶⁴. */
// @ts-ignore: decorator
@inline
export function fold(a: u64): u64 {
  return (a & P) + (a >> 61)
}

/** The element of a value below 2⁶². */
// @ts-ignore: decorator
@inline
export function settle(a: u64): u64 {
  return a >= P ? a - P : a
}

/** Below 2⁶³, for factors below 2⁶¹. */
// @ts-ignore: decorator
@inline
export function looseProduct(a: u64, b: u64): u64 {
  const al = a & LOW
  const ah = a >> 32
  const bl = b & LOW
  const bh = b >> 32
  const ll = al * bl
  const mid = al * bh + ah * bl
  return ((ah * bh) << 3) + (mid >> 29) + ((mid & MIDDLE) << 32) + fold(ll)
}

// @ts-ignore: decorator
@inline
export function product(a: u64, b: u64): u64 {
  return settle(fold(looseProduct(a, b)))
}

// @ts-ignore: decorator
@inline
export function sum(a: u64, b: u64): u64 {
  return settle(a + b)
}

// @ts-ignore: decorator
@inline
export function difference(a: u64, b: u64): u64 {
  return a >= b ? a - b : a + P - b
}
