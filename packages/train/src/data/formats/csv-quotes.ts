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
  const reader = new QuoteReader(delimiter, most)
  for await (const text of chunks) {
    for (const char of text) {
      const kind = reader.read(char)
      if (kind !== undefined) return reader.fault(kind)
    }
  }
  return reader.isOpen ? reader.fault('open') : undefined
}

class QuoteReader {
  private readonly delimiter: string
  private readonly most: number
  private state: 'start' | 'plain' | 'quoted' | 'closing' = 'start'
  private line = 1
  private opened = 1
  private length = 0
  private isAfterCr = false

  constructor(delimiter: string, most: number) {
    this.delimiter = delimiter
    this.most = most
  }

  get isOpen(): boolean {
    return this.state === 'quoted'
  }

  fault(kind: QuoteFault['kind']): QuoteFault {
    return { kind, line: this.line, opened: kind === 'inside' ? this.line : this.opened }
  }

  /** The fault that a character is. */
  read(char: string): QuoteFault['kind'] | undefined {
    const isEnd = char === '\n' || char === '\r'
    if (isEnd && !(char === '\n' && this.isAfterCr)) this.line++
    this.isAfterCr = char === '\r'
    if (this.state === 'quoted') return this.inQuotes(char)
    if (isEnd || char === this.delimiter) {
      this.state = 'start'
      return undefined
    }
    return char === '"' ? this.quote() : this.text()
  }

  private inQuotes(char: string): 'open' | undefined {
    if (char === '"') this.state = 'closing'
    return ++this.length > this.most ? 'open' : undefined
  }

  private quote(): 'inside' | undefined {
    if (this.state === 'plain') return 'inside'
    // After a closing quote it is a quote in the value.
    if (this.state === 'start') {
      this.opened = this.line
      this.length = 0
    }
    this.state = 'quoted'
    return undefined
  }

  private text(): 'after' | undefined {
    if (this.state === 'closing') return 'after'
    this.state = 'plain'
    return undefined
  }
}
