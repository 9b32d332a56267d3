/** The closest known name to a misspelt one, for error messages. */

import { nearestName as nearestOf } from '@tempered/errors'

/** `nearestName` of @tempered/errors, with null where nothing is close: what error details carry. */
export function nearestName(name: string, known: readonly string[]): string | null {
  return nearestOf(name, known) ?? null
}

/** The end of an "unknown …" message: the name that was probably meant, and all known names. */
export function hint(nearest: string | null, known: readonly string[]): string {
  const guess = nearest === null ? '' : ` Did you mean '${nearest}'?`
  return `${guess} Known: ${known.length === 0 ? 'none' : known.join(', ')}.`
}
