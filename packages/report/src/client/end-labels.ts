/** Positions for the labels at the ends of lines, so that none covers another. */

/**
 * Offsets in pixels (down is positive) that bring labels `gap` pixels apart. `shares` are the ends in [0, 1] on an axis
 * of `height` pixels; null where a line has no label. Labels keep their order and stay within the axis where possible.
 */
export function spreadLabels(shares: readonly (number | null)[], height: number, gap = 15): number[] {
  const placed = shares
    .map((share, k) => ({ k, wanted: share === null ? null : (1 - share) * height, y: 0 }))
    .filter((label) => label.wanted !== null)
    .sort((a, b) => a.wanted! - b.wanted!)
  let free = Number.NEGATIVE_INFINITY
  for (const label of placed) {
    label.y = Math.max(label.wanted!, free)
    free = label.y + gap
  }
  let limit = height
  for (const label of placed.reverse()) {
    label.y = Math.min(label.y, limit)
    limit = label.y - gap
  }
  const offsets = shares.map(() => 0)
  for (const label of placed) offsets[label.k] = Math.round(label.y - label.wanted!)
  return offsets
}
