/** Whether the values that are there lie equally far apart, the last one aside, as those of every k-th round. */
export function isSampled(values: readonly (number | null)[]): boolean {
  const at = values.flatMap((value, k) => (value === null ? [] : [k]))
  const gaps = at.slice(1, -1).map((k, j) => k - at[j]!)
  return gaps.every((gap) => gap === gaps[0])
}
