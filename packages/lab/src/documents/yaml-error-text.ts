import type { YAMLParseError } from 'yaml'

type Code = YAMLParseError['code']

/** What to do about mistakes that people make; the library names them in the words of the YAML grammar. */
const TEXTS: Readonly<Partial<Record<Code, string>>> = {
  TAB_AS_INDENT: 'a tab stands at the beginning of the line; indent with spaces',
  DUPLICATE_KEY: 'this key was there before; leave one of them',
  BAD_INDENT: 'a bracket that was opened before is not closed, or the line is not indented as those above',
  BLOCK_AS_IMPLICIT_KEY:
    'two keys in one entry: either the next line is indented too far, or a value with a colon in it needs quotes',
  MULTILINE_IMPLICIT_KEY: 'a key is expected here, on one line and with a colon after it',
  BAD_SCALAR_START: 'text that begins with such a character needs quotes',
}

/** A syntax error of a YAML or JSON file, for people: what to mend, and in brackets what the parser said. */
export function yamlErrorText({ code, message }: Pick<YAMLParseError, 'code' | 'message'>): string {
  const text = TEXTS[code] ?? (message.startsWith('Missing closing') ? 'a quote is not closed' : undefined)
  return text === undefined ? message : `${text} (${message})`
}
