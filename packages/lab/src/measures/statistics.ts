/** Small statistics over plain numbers; null where there are no values. */

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Population standard deviation (divided by n, not n − 1); 0 for a single value. */
export function standardDeviation(values: readonly number[]): number | null {
  const centre = mean(values)
  if (centre === null) return null
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length)
}

/** The quantile at `p` in [0, 1] of values in ascending order, linear between neighbours (type 7 of Hyndman & Fan 1996). */
export function quantile(ascending: ArrayLike<number>, p: number): number | null {
  if (ascending.length === 0) return null
  const position = p * (ascending.length - 1)
  const below = Math.floor(position)
  const low = ascending[below]!
  const high = ascending[Math.min(below + 1, ascending.length - 1)]!
  return low + (position - below) * (high - low)
}

/** `part / whole`, null when there is no whole. */
export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

export function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/**
 * Does not use `Math.min(...)`, whose arguments would overflow the stack: runs have hundreds of thousands of reports.
 */
export function extent(values: Iterable<number>): { min: number; max: number } | null {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  return min > max ? null : { min, max }
}
