/** A Markdown table; the first column is text, the others are numbers. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownText).join(' | ')} |`
  return [line(head), `|${head.map((_, k) => (k === 0 ? '---' : '---:')).join('|')}|`, ...rows.map(line)]
}

/** A file verbatim under a heading; the fence is longer than any inside it. */
export function yamlSection(heading: string, text: string): string[] {
  const fences = text.match(/`+/g)?.map(({ length }) => length) ?? []
  const fence = '`'.repeat(Math.max(3, ...fences.map((length) => length + 1)))
  return [`## ${heading}`, '', `${fence}yaml`, text.trimEnd(), fence, '']
}

/** Escapes text, so that it cannot become markup or HTML or end a table cell. */
export function markdownText(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, (character) => `\\${character}`).replace(/[\r\n]+/g, ' ')
}
