import { readFile } from 'node:fs/promises'
import { distance } from 'fastest-levenshtein'
import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap, type Node as YamlNode } from 'yaml'
import type { z } from 'zod'
import { CliError } from '../errors.js'

/**
 * Reads a YAML or JSON file (JSON is YAML) and checks it against a schema. Every problem is one line
 * `file:line:column: what`, and an unknown key comes with the nearest known one. Throws E_FILE or E_CONFIG.
 */
export async function loadDocument<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new CliError('E_FILE', `${path}: ${(error as NodeJS.ErrnoException).message}`, { path }, error)
  }
  return parseText(path, text, schema)
}

export function parseText<S extends z.ZodType>(path: string, text: string, schema: S): z.infer<S> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const broken = document.errors[0]
  if (broken !== undefined)
    throw new CliError('E_CONFIG', `${at(broken.pos[0])}: ${broken.message}`, { path })

  // An empty file is a document without keys: everything has its default or is missed by name.
  const result = schema.safeParse(document.toJS() ?? {})
  if (result.success) return result.data
  const problems = result.error.issues.flatMap((issue) => describe(issue, [], document.contents, schema, at))
  throw new CliError('E_CONFIG', problems.join('\n'), { path })
}

type Path = readonly PropertyKey[]

function describe(
  issue: z.core.$ZodIssue,
  prefix: Path,
  root: YamlNode | null,
  schema: z.ZodType,
  at: (offset: number) => string,
): string[] {
  const path = [...prefix, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const nearest = nearestName(key, knownKeys(schema, path))
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`
      return `${at(offsetOf(root, path, key))}: unknown key "${[...path, key].map(String).join('.')}"${hint}`
    })
  }
  const where = path.map(String).join('.')
  return [`${at(offsetOf(root, path))}: ${where === '' ? '' : `${where}: `}${issue.message}`]
}

/** Offset of the value at `path` (of the key `key` in it, when given), or of the deepest part that is there. */
function offsetOf(root: YamlNode | null, path: Path, key?: string): number {
  let node: YamlNode | null = root
  let offset = root?.range?.[0] ?? 0
  for (const part of path) {
    const pair = isMap(node) ? findPair(node, String(part)) : undefined
    const next =
      pair !== undefined
        ? pair.value
        : (node as { get?: (key: unknown, keep: boolean) => unknown } | null)?.get?.(part, true)
    if (next === undefined || next === null) break
    node = next as YamlNode
    offset = node.range?.[0] ?? offset
  }
  if (key !== undefined && isMap(node)) {
    const found = findPair(node, key)?.key
    if (isScalar(found)) return found.range?.[0] ?? offset
  }
  return offset
}

function findPair(map: YAMLMap, key: string) {
  return map.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
}

/** Keys that the schema knows at a path; empty where that cannot be told. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let current: unknown = schema
  for (const part of [...path, undefined]) {
    current = unwrap(current)
    const definition = (
      current as {
        _zod?: {
          def: { type: string; shape?: Record<string, unknown>; element?: unknown; options?: unknown[] }
        }
      }
    )?._zod?.def
    if (definition === undefined) return []
    if (part === undefined) {
      if (definition.type === 'union') {
        return (definition.options ?? []).flatMap((option) => knownKeys(option as z.ZodType, []))
      }
      return Object.keys(definition.shape ?? {})
    }
    if (definition.type === 'array') current = definition.element
    else if (definition.type === 'object') current = definition.shape?.[String(part)]
    else return []
  }
  return []
}

function unwrap(schema: unknown): unknown {
  let current = schema
  for (;;) {
    const inner = (current as { _zod?: { def: { innerType?: unknown; in?: unknown } } })?._zod?.def
    const next = inner?.innerType ?? inner?.in
    if (next === undefined) return current
    current = next
  }
}

/** The known name nearest to `name`, if it is near enough to be a slip. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase())
    if (d < bestDistance) {
      best = candidate
      bestDistance = d
    }
  }
  return best
}
