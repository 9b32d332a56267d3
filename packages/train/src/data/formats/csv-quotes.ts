/** Where the quotes of a table go wrong. Only read when they do: the parser itself counts neither lines nor their start. */

/** The first fault of quotes in a text. Lines count from 1; CRLF, LF and CR each end one. */
export interface QuoteFault {
  /** A quote within a value, text after a closing quote, or no closing quote at all. */
  readonly kind: 'inside' | 'after' | 'open'
  /** Line of the fault; of an open quote the last one that was read. */
  readonly line: number
  /** Line on which the value's quote opens. */
  readonly opened: number
}

/** @param most - characters after which a quote counts as never closed */
export async function findQuoteFault(
  chunks: AsyncIterable<string>,
  delimiter: string,
  most: number,
): Promise<QuoteFault | undefined> {
  let state: 'start' | 'plain' | 'quoted' | 'closing' = 'start'
  let [line, opened, length] = [1, 1, 0]
  let isAfterCr = false
  for await (const text of chunks) {
    for (const char of text) {
      const isEnd = char === '\n' || char === '\r'
      if (isEnd && !(char === '\n' && isAfterCr)) line++
      isAfterCr = char === '\r'
      if (state === 'quoted') {
        if (char === '"') state = 'closing'
        else if (++length > most) return { kind: 'open', line, opened }
      } else if (isEnd || char === delimiter) state = 'start'
      else if (char === '"') {
        if (state === 'plain') return { kind: 'inside', line, opened: line }
        if (state === 'start') [opened, length] = [line, 0]
        state = 'quoted'
      } else if (state === 'closing') return { kind: 'after', line, opened }
      else state = 'plain'
    }
  }
  return state === 'quoted' ? { kind: 'open', line, opened } : undefined
}
