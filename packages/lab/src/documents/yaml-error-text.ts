import { withShortQuotes } from '@tempered/errors'
import type { YAMLParseError } from 'yaml'

type Code = YAMLParseError['code']

/** Advice for common mistakes. The messages of the library use the terms of the YAML grammar. */
const TEXTS: Readonly<Partial<Record<Code, string>>> = {
  TAB_AS_INDENT: 'the line begins with a tab; indent with spaces',
  DUPLICATE_KEY: 'duplicate key; keep only one of them',
  BAD_INDENT: 'an opening bracket is not closed, or the line is not indented like those above',
  BLOCK_AS_IMPLICIT_KEY:
    'two keys in one entry: either the next line is indented too far, or a value with a colon in it needs quotes',
  MULTILINE_IMPLICIT_KEY: 'a key is expected here, on one line and with a colon after it',
  MULTIPLE_DOCS: 'a second document begins here; keep one in a file',
  BAD_SCALAR_START: 'text that begins with this character needs quotes',
}

/** The most characters of the parser's own message: some hold the text at fault without quotes. */
const MOST_PARSER_TEXT = 120

/** Text for a syntax error in a YAML or JSON file: how to fix it, then the message of the parser in brackets. */
export function yamlErrorText({ code, message: whole }: Pick<YAMLParseError, 'code' | 'message'>): string {
  const message = withShortQuotes(whole)
  if (message.startsWith('Maximum call stack size'))
    return 'lists or mappings lie too deep inside one another; is a bracket repeated by mistake?'
  // Its own message is about its functions.
  if (code === 'MULTIPLE_DOCS') return TEXTS[code] as string
  const text = TEXTS[code] ?? (message.startsWith('Missing closing') ? 'a quote is not closed' : undefined)
  const own = message.length > MOST_PARSER_TEXT ? `${message.slice(0, MOST_PARSER_TEXT)}…` : message
  return text === undefined ? own : `${text} (${own})`
}
