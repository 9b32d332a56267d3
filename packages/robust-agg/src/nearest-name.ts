/** The closest known name to a misspelt one, for error messages. */

/**
 * Edits that turn `a` into `b`: insert, delete, replace, or swap two neighbouring characters, each at cost 1
 * (optimal string alignment). Cost O(|a|·|b|); names longer than 64 characters are cut.
 */
export function editDistance(a: string, b: string): number {
  const from = a.slice(0, 64)
  const to = b.slice(0, 64)
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replace = last[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      let best = Math.min(replace, last[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, beforeLast[j - 2] + 1)
      }
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[to.length]
}

/**
 * The known name with the fewest edits from `name`, upper case and `_` read as lower case and `-`; the first one on a
 * tie; if even the best needs more than max(1, a third of its length) edits, the first name that begins with it and
 * continues with a new word; otherwise null.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const plain = name.toLowerCase().replaceAll('_', '-')
  let best: string | null = null
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const edits = editDistance(plain, candidate.toLowerCase())
    const allowed = Math.max(1, Math.floor(candidate.length / 3))
    if (edits <= allowed && edits < fewest) {
      best = candidate
      fewest = edits
    }
  }
  return best ?? known.find((candidate) => candidate.toLowerCase().startsWith(`${plain}-`)) ?? null
}

/** The end of an "unknown …" message: the name that was probably meant, and all known names. */
export function hint(nearest: string | null, known: readonly string[]): string {
  const guess = nearest === null ? '' : ` Did you mean '${nearest}'?`
  return `${guess} Known: ${known.length === 0 ? 'none' : known.join(', ')}.`
}
