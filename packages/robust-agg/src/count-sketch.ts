/**
 * Count-Sketch (Charikar, Chen, Farach-Colton 2002): k sums of randomly signed coordinates, from which distances
 * between models can be estimated without sending them.
 *
 *   s[h(c)] += g(c)·x[c],   h(c) ∈ [0, k) and g(c) ∈ {−1, +1} pseudo-random in the coordinate c and the seed
 *
 * E‖s(x) − s(y)‖² = ‖x − y‖², with a variance of at most 2·‖x − y‖⁴/k. Anyone who knows the seed can craft a vector
 * with a misleading sketch: draw a fresh seed after the models are fixed.
 */

/** A 32-bit mixer (murmur3's finaliser) over the coordinate and the seed. */
function mix(coordinate: number, seed: number): number {
  let z = (coordinate + Math.imul(seed, 0x9e3779b9)) | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}

/**
 * The sketch of x, in float64, coordinates added in ascending order.
 *
 * @param size - k ≥ 1
 * @param seed - an integer; its low 32 bits count
 */
export function countSketch(x: Float32Array, size: number, seed: number): Float64Array {
  const sums = new Float64Array(size)
  for (let c = 0; c < x.length; c++) {
    const bits = mix(c, seed | 0)
    const at = (bits >>> 1) % size
    sums[at] += (bits & 1) === 0 ? x[c] : -x[c]
  }
  return sums
}
