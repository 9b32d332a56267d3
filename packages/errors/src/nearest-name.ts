import { distance } from 'fastest-levenshtein'

/**
 * The known name closest to `name`, for "did you mean …" hints. Upper case and `_` are read as lower case and `-`.
 * A candidate is close when it needs at most max(2, a third of the length of `name`) edits (Levenshtein distance); the
 * first wins a tie. Failing that, the first name that continues `name` with a new word (`label` → `label-flip`).
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = normalise(name)
  let best: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const edits = distance(plain, normalise(candidate))
    if (edits < fewest) {
      best = candidate
      fewest = edits
    }
  }
  return best ?? known.find((candidate) => normalise(candidate).startsWith(`${plain}-`))
}

function normalise(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
