/** HTML that may be inserted into a page unescaped. */
export interface Markup {
  readonly markup: string
}

type Part = Markup | string | number | null | undefined | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for elements and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

/** Template tag: escapes every value that is not markup; null and undefined become nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: strings.reduce((text, string, k) => text + render(parts[k - 1]) + string) }
}

/** Trusted markup from elsewhere, such as our own style sheet. Never for text from a run. */
export function trusted(markup: string): Markup {
  return { markup }
}

function render(part: Part): string {
  if (part === null || part === undefined) return ''
  if (typeof part === 'string') return escapeHtml(part)
  if (typeof part === 'number') return String(part)
  if (isList(part)) return part.map(render).join('')
  return part.markup
}

function isList(part: Markup | readonly Part[]): part is readonly Part[] {
  return Array.isArray(part)
}

/**
 * A value as JSON inside a script element of type application/json. `<` is written as \u003c, so that no text in it can
 * end the element or begin a comment; U+2028 and U+2029 are escaped for parsers that read it as JavaScript.
 */
export function jsonForScript(value: unknown): Markup {
  const json = JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029')
  return { markup: json }
}
