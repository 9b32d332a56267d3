import { shortText } from '@tempered/errors'

/**
 * Cuts in a message whatever is a long text or key of a document: messages come from many places, and a file that was
 * given by mistake may hold what nobody else should read.
 */
export function shortener(raw: unknown): (message: string) => string {
  const long = new Set<string>()
  collect(raw, long)
  // The longest first: one may hold another.
  const texts = [...long].sort((a, b) => b.length - a.length)
  return (message) =>
    texts.reduce(
      (text, value) =>
        text
          .replaceAll(JSON.stringify(value).slice(1, -1), shortText(value))
          .replaceAll(value, shortText(value)),
      message,
    )
}

function collect(value: unknown, long: Set<string>): void {
  if (typeof value === 'string') {
    if (shortText(value) !== value) long.add(value)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      collect(key, long)
      collect(inner, long)
    }
  }
}
