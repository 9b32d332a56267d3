/** Which values dropout drops, alike on all engines: a hash of step, operation and element decides. */

/** One hash key from the step's seed and the operation's position among a program's stages. */
export function dropoutKey(seed: number, index: number): number {
  let key = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
  key = Math.imul(key ^ (key >>> 15), 0x27d4eb2f)
  return key ^ (key >>> 13)
}

/** Values of an element's hash below it are dropped. */
export function dropoutThreshold(rate: number): number {
  return Math.floor(rate * 2 ** 32)
}

/** What each of `length` elements is multiplied by: 0, or 1 / (1 − rate). As `kernels/dropout.ts` decides. */
export function dropoutFactors(length: number, key: number, rate: number): Float32Array {
  const threshold = dropoutThreshold(rate)
  const kept = 1 / (1 - rate)
  return Float32Array.from({ length }, (_, index) => (hash(index, key) >= threshold ? kept : 0))
}

/** In [0, 2³²). */
function hash(index: number, key: number): number {
  let h = Math.imul(index, 0x9e3779b1) ^ key
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
