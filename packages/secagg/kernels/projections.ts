/**
 * Products of a vector with many vectors of −1, 0 and 1 (with probabilities 1/4, 1/2, 1/4): the difference of the sums over
 * two random subsets. Eight elements have 256 subset sums; a row then costs two lookups for eight elements.
 */

import { difference, sum } from './field'

/**
 * totals[r] += Σ_k sign_r[k]·x[k] for `rows` rows.
 *
 * @param bits - for each eight elements and each row two bytes: the subset that is added, and that which is subtracted
 * @param table - room for 256 elements
 * @param length - a multiple of 8
 */
export function project(x: usize, bits: usize, rows: i32, table: usize, totals: usize, length: i32): void {
  const end = x + (<usize>length << 3)
  for (; x < end; x += 64) {
    store<u64>(table, 0)
    for (let bit: usize = 0; bit < 8; bit++) {
      const value = load<u64>(x + (bit << 3))
      const half: usize = (<usize>1 << bit) << 3
      for (let at: usize = 0; at < half; at += 8) store<u64>(table + half + at, sum(load<u64>(table + at), value))
    }
    for (let row: usize = 0; row < <usize>rows; row++) {
      const plus = load<u64>(table + (<usize>load<u8>(bits) << 3))
      const minus = load<u64>(table + (<usize>load<u8>(bits + 1) << 3))
      bits += 2
      const at = totals + (row << 3)
      store<u64>(at, sum(load<u64>(at), difference(plus, minus)))
    }
  }
}
