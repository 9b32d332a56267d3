/** Finds NaN and infinities. */

/** True when every element is finite. Four lanes of x·0, which is ±0 for finite x and NaN for the others. */
export function allFinite(x: Float32Array): boolean {
  let l0 = 0
  let l1 = 0
  let l2 = 0
  let l3 = 0
  const whole = x.length - (x.length & 3)
  for (let k = 0; k < whole; k += 4) {
    l0 += x[k] * 0
    l1 += x[k + 1] * 0
    l2 += x[k + 2] * 0
    l3 += x[k + 3] * 0
  }
  for (let k = whole; k < x.length; k++) l0 += x[k] * 0
  return l0 + l1 + (l2 + l3) === 0
}

const LARGEST = 3.4028234663852886e38

/** Infinities become the largest float32 of their sign, in place. */
export function saturate(x: Float32Array): void {
  if (allFinite(x)) return
  for (let k = 0; k < x.length; k++) x[k] = Math.max(-LARGEST, Math.min(LARGEST, x[k]))
}
