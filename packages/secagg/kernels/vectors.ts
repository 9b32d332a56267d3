/** Vectors of field elements of 8 bytes, little-endian. Addresses are bytes, lengths are elements. */

import { difference, fold, looseProduct, P, product, settle, sum } from './field'

/** to[k] = Σ_i factors[i]·x_i[k] over `count` vectors, which begin at the addresses in `vectors` (4 bytes each). */
export function combine(vectors: usize, factors: usize, count: i32, to: usize, length: i32): void {
  for (let k: usize = 0; k < <usize>length << 3; k += 8) {
    let total: u64 = 0
    for (let i: usize = 0; i < <usize>count; i++) {
      const x = load<u64>(<usize>load<u32>(vectors + (i << 2)) + k)
      // Below 2⁶² each time: what is added is below 2⁶¹ + 8.
      total = settle(fold(total + fold(looseProduct(load<u64>(factors + (i << 3)), x))))
    }
    store<u64>(to + k, total)
  }
}

/** Σ_k (x[k] − y[k])². */
export function squaredDistance(x: usize, y: usize, length: i32): u64 {
  let total: u64 = 0
  const end = <usize>length << 3
  for (let k: usize = 0; k < end; k += 8) {
    const apart = difference(load<u64>(x + k), load<u64>(y + k))
    total = fold(total + fold(looseProduct(apart, apart)))
  }
  return settle(fold(total))
}

/** Elements from random bytes, in place: the upper three bits are dropped, and p counts as 0. */
export function reduceRandom(x: usize, length: i32): void {
  const end = <usize>length << 3
  for (let k: usize = 0; k < end; k += 8) store<u64>(x + k, settle(load<u64>(x + k) & P))
}

/** Σ_k x[k]·at^k, by Horner's rule in two halves that do not wait for each other: those of even and of odd k. */
export function evaluate(x: usize, at: u64, length: i32): u64 {
  const square = product(at, at)
  let even: u64 = 0
  let odd: u64 = 0
  let k = length
  if ((k & 1) == 1) {
    k -= 1
    even = load<u64>(x + (<usize>k << 3))
  }
  while (k > 0) {
    k -= 2
    const place = x + (<usize>k << 3)
    even = sum(product(even, square), load<u64>(place))
    odd = sum(product(odd, square), load<u64>(place + 8))
  }
  return sum(even, product(odd, at))
}
