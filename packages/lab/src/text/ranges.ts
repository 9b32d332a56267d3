/** Whole numbers in ascending order, as `0–3, 5, 8–9`. */
export function ranges(ascending: readonly number[]): string {
  const parts: [number, number][] = []
  for (const value of ascending) {
    const last = parts.at(-1)
    if (last !== undefined && last[1] === value - 1) last[1] = value
    else parts.push([value, value])
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}
