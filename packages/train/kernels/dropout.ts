/** Dropout by a hash of (key, index of the element): no state, no order. `key` already mixes seed and operation. */

@inline
function hash4(index: v128, key: v128): v128 {
  let h = v128.xor(i32x4.mul(index, i32x4.splat(0x9e3779b1)), key)
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x85ebca6b))
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xc2b2ae35))
  return v128.xor(h, i32x4.shr_u(h, 16))
}

/** to = from / kept where the hash is at least `threshold`, else 0; the same for values and gradients. */
export function dropout(from: usize, to: usize, length: i32, key: i32, threshold: u32, kept: f32): void {
  const keys = i32x4.splat(key)
  const limit = i32x4.splat(threshold)
  const divisor = f32x4.splat(kept)
  for (let k = 0; k < length; k += 4) {
    const index = i32x4.add(i32x4.splat(k), i32x4(0, 1, 2, 3))
    const keep = i32x4.ge_u(hash4(index, keys), limit)
    const at = <usize>k << 2
    v128.store(to + at, v128.and(f32x4.div(v128.load(from + at), divisor), keep))
  }
}
