/** The most characters that a message shows of a value. */
const MOST_SHOWN = 60

/** A text as a message shows it: its first 60 characters. What a user wrote may be private, and long. */
export function shortText(text: string): string {
  if (text.length <= MOST_SHOWN) return text
  // A character of two code units stays whole.
  const end = /[\uD800-\uDBFF]/.test(text[MOST_SHOWN - 1] as string) ? MOST_SHOWN - 1 : MOST_SHOWN
  return `${text.slice(0, end)}…`
}

/** The same in quotes, with line ends and quotes escaped. */
export function quoted(text: string): string {
  return JSON.stringify(shortText(text))
}

/** A message of another library, with whatever it quotes cut like {@link shortText}. */
export function withShortQuotes(message: string): string {
  return message.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, text: string) => `"${shortText(text)}"`)
}

const MOST_FOREIGN = 300

/** What another library says of an input: at most 300 characters, as it may quote all that a peer has sent. */
export function foreignText(message: string): string {
  const text = withShortQuotes(message)
  return text.length > MOST_FOREIGN ? `${text.slice(0, MOST_FOREIGN)}…` : text
}
