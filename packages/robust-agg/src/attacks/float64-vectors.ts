/** Arithmetic on plain vectors, in float64 and in the order of the coordinates. */

/** a·b; b is at least as long as a. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k]
  return sum
}

/** ‖a − b‖². */
export function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) * (a[k] - b[k])
  return sum
}

/** x/‖x‖; null when the length is 0 or not finite. */
export function unit(x: Float64Array): Float64Array | null {
  const length = Math.sqrt(dot(x, x))
  return length > 0 && Number.isFinite(length) ? x.map((value) => value / length) : null
}
