/** Lines that lie exactly under others, so that they cannot be seen. */

/** Dashes of a line that lies over another one, which shows in the gaps. */
export const OVER_ANOTHER = [8, 8]

/** For each line the index of the first one before it with the same values; null where there is none, or no value. */
export function sameLines(lines: readonly (readonly (number | null)[])[]): (number | null)[] {
  const first = new Map<string, number>()
  return lines.map((values, k) => {
    if (values.every((value) => value === null)) return null
    const key = JSON.stringify(values)
    const same = first.get(key)
    if (same === undefined) first.set(key, k)
    return same ?? null
  })
}

/** `recall (same as precision)`: the name of a line in the legend. */
export function namesWithSame(
  names: readonly string[],
  lines: readonly (readonly (number | null)[])[],
): string[] {
  return sameLines(lines).map((same, k) =>
    same === null ? names[k]! : `${names[k]} (same as ${names[same]})`,
  )
}
