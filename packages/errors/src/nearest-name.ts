import { distance } from 'fastest-levenshtein'

/**
 * The known name closest to `name`, for "did you mean …" hints. Upper case and `_` are read as lower case and `-`.
 * A candidate is close when at most a third of its letters, but at least two, must be edited (Levenshtein distance); of
 * names with fewer than four letters one. The first wins a tie. Failing that, the first name that continues `name` with
 * a new word (`label` → `label-flip`).
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = normalise(name)
  let best: string | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const edits = distance(plain, normalise(candidate))
    if (edits > mostEdits(candidate) || edits >= fewest) continue
    best = candidate
    fewest = edits
  }
  return best ?? known.find((candidate) => normalise(candidate).startsWith(`${plain}-`))
}

function mostEdits(candidate: string): number {
  return candidate.length < 4 ? 1 : Math.max(2, Math.floor(candidate.length / 3))
}

function normalise(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
