import { posix } from 'node:path'

/**
 * Puts compiled ES modules into one classic script, so that a page needs no server to load them. Made for the client
 * in `client/`, which `tsc` compiles: named imports from `./x.js` and exported function, const and class declarations
 * are all it takes; anything else is an error rather than a page that does not work.
 */
export function linkModules(entry: string, source: (path: string) => string): string {
  const names = new Map<string, string>()
  const parts: string[] = []
  const visiting = new Set<string>()

  const link = (path: string): string => {
    const linked = names.get(path)
    if (linked !== undefined) return linked
    if (visiting.has(path)) throw new Error(`${path}: imports itself, by way of ${[...visiting].join(', ')}`)
    visiting.add(path)
    const exported: string[] = []
    const body = source(path)
      .replace(/^\/\/# sourceMappingURL=.*$/gm, '')
      .replace(/^import \{([^}]*)\} from '(\.[^']*)';?$/gm, (_, list: string, from: string) => {
        if (/\bas\b/.test(list)) throw new Error(`${path}: imports under another name are not linked`)
        return `const {${list}} = ${link(posix.join(posix.dirname(path), from))};`
      })
      .replace(/^export (async function|function|const|class) (\w+)/gm, (_, kind: string, name: string) => {
        exported.push(name)
        return `${kind} ${name}`
      })
      .replace(/^export \{\};?$/gm, '')
    const left = /^(import|export)\b.*$/m.exec(body)
    if (left !== null) throw new Error(`${path}: cannot be linked: ${left[0]}`)
    visiting.delete(path)
    const name = `module${names.size}`
    names.set(path, name)
    parts.push(`const ${name} = (() => {\n${body}\nreturn { ${exported.join(', ')} };\n})();`)
    return name
  }
  link(entry)
  return `(() => {\n'use strict';\n${parts.join('\n')}\n})();\n`
}
