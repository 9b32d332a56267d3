import { readFile, stat } from 'node:fs/promises'
import { errorMessage, nearestName, shortText } from '@tempered/errors'
import { issueText, likelyIssues, valueAt } from '@tempered/protocol'
import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLMap,
  type Node as YamlNode,
} from 'yaml'
import type { z } from 'zod'
import { LabError } from '../errors.js'
import { binaryKind, dataKind, documentText } from './document-bytes.js'
import { knownKeys, mappingForms } from './known-keys.js'
import type { Problem } from './problem.js'
import { shortener } from './short-messages.js'
import { yamlErrorText } from './yaml-error-text.js'

const READING: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EISDIR: 'this is a folder; name a file',
}

/** The most problems that one error lists. */
const MOST_PROBLEMS = 50

/** Checks what a schema cannot: whether a value makes sense. `raw` is the content of the file, before defaults. */
export type Check<T> = (value: T, raw: unknown) => readonly Problem[]

export interface DocumentOptions<S extends z.ZodType> {
  /** Runs once the value satisfies the schema. Unknown keys do not prevent it from checking the rest. */
  readonly check?: Check<z.infer<S>>
  /** Root keys that do not affect the others: mistakes below them do not prevent `check` from running. */
  readonly independent?: readonly string[]
}

export interface FileOptions<S extends z.ZodType> extends DocumentOptions<S> {
  /** Transforms the content of the file before the schema checks it. */
  prepare?(raw: unknown): Promise<{ readonly value: unknown; readonly problems: readonly Problem[] }>
}

/**
 * Reads a YAML or JSON file (JSON is YAML) and checks it against a schema and, if it satisfies the schema, with
 * `check`. Every problem is one line `file:line:column: what`, and an unknown key is reported with the nearest known
 * one. Throws E_FILE or E_CONFIG.
 */
export async function loadDocument<S extends z.ZodType>(
  path: string,
  schema: S,
  options: FileOptions<S> = {},
): Promise<z.infer<S>> {
  let bytes: Uint8Array
  try {
    await refusePipe(path)
    bytes = await readFile(path)
  } catch (error) {
    if (error instanceof LabError) throw error
    const what = READING[(error as NodeJS.ErrnoException).code ?? ''] ?? errorMessage(error)
    throw new LabError('E_FILE', `${path}: ${what}`, { path }, error)
  }
  const binary = binaryKind(path, bytes)
  if (binary !== undefined) throw dataInstead(path, binary)
  try {
    const document = readText(path, documentText(path, bytes))
    const prepared = await options.prepare?.(document.raw)
    return prepared === undefined
      ? checkDocument(document, schema, options)
      : checkDocument({ ...document, raw: prepared.value }, schema, options, prepared.problems)
  } catch (error) {
    // What is wrong with data as a document is of no use, and its values are nobody's business.
    const data = error instanceof LabError && error.code === 'E_CONFIG' ? dataKind(path, bytes) : undefined
    throw data === undefined ? error : dataInstead(path, data)
  }
}

/** A pipe that nobody writes to would be waited for without end; those of a shell's `<(…)` are written to. */
async function refusePipe(path: string): Promise<void> {
  if (/^\/(dev\/(fd\/|stdin)|proc\/self\/fd\/)/.test(path) || !(await stat(path)).isFIFO()) return
  throw new LabError('E_FILE', `${path}: this is a pipe; name a file`, { path })
}

function dataInstead(path: string, kind: string): LabError {
  const advice = 'a command names its data with --data, a scenario or node.yaml under data.source'
  return new LabError(
    'E_CONFIG',
    `${path}: this is ${kind}: data, where a YAML or JSON document belongs; ${advice}`,
    { path },
  )
}

/** Like {@link loadDocument}, for text; messages refer to it as `path`. */
export function parseText<S extends z.ZodType>(
  path: string,
  text: string,
  schema: S,
  options: DocumentOptions<S> = {},
): z.infer<S> {
  return checkDocument(readText(path, text), schema, options)
}

/** The content of a file, with positions. */
interface ReadDocument {
  readonly path: string
  readonly raw: unknown
  readonly root: Document.Parsed['contents']
  /** Whether there is nothing in it but comments. */
  readonly isEmpty: boolean
  /** `file:line:column` of an offset. */
  at(offset: number): string
}

function readText(path: string, text: string): ReadDocument {
  const lines = new LineCounter()
  const document = parsed(path, text, lines)
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const broken = document.errors[0]
  if (broken !== undefined) {
    const isCut = path.endsWith('.json') && !/[}\]]\s*$/.test(text)
    const what = isCut
      ? 'the file is cut off: it ends inside a list or mapping; copy it again'
      : yamlErrorText(broken)
    throw new LabError('E_CONFIG', `${at(isCut ? text.length : broken.pos[0])}: ${what}`, { path })
  }
  // An empty file is a document without keys: all have their defaults, or are reported as missing.
  const raw = valuesOf(document, path, at)
  return { path, raw: raw ?? {}, root: document.contents, at, isEmpty: raw === null || raw === undefined }
}

/** Warnings would go to the terminal past everything that shows messages. */
function parsed(path: string, text: string, lineCounter: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' })
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new LabError('E_CONFIG', `${path}: lists or mappings are nested too deeply`, { path }, cause)
  }
}

/** @param earlier problems that were found before the check against the schema */
function checkDocument<S extends z.ZodType>(
  { path, raw, root, at, isEmpty }: ReadDocument,
  schema: S,
  { check, independent = [] }: DocumentOptions<S>,
  earlier: readonly Problem[] = [],
): z.infer<S> {
  const result = schema.safeParse(raw)
  const issues = result.success ? [] : likelyIssues(result.error.issues, raw)
  if (!result.success && isEmpty) {
    const missing = issues.map(({ path: [key] }) => String(key ?? '')).filter((key) => key !== '')
    throw new LabError(
      'E_CONFIG',
      `${path}: is empty; it needs at least ${[...new Set(missing)].join(', ')}`,
      { path },
    )
  }
  const found: Located[] = result.success ? [] : issues.flatMap((issue) => describe(issue, raw, root, schema))
  const known = result.success ? result : schema.safeParse(withoutWrong(raw, issues, independent))
  const senseless = known.success && check !== undefined ? check(known.data, raw) : []
  for (const { path: where, message } of [...earlier, ...senseless])
    found.push({ offset: offsetOf(root, where), message: placed(where, message) })
  if (found.length === 0 && result.success) return result.data
  found.sort((a, b) => a.offset - b.offset)
  const cut = shortener(raw)
  const messages = [...new Set(found.map(({ offset, message }) => `${at(offset)}: ${cut(message)}`))]
  const more = messages.splice(MOST_PROBLEMS).length
  if (more > 0) messages.push(`${path}: and ${more} more`)
  throw new LabError('E_CONFIG', messages.join('\n'), { path })
}

/**
 * The value of the document with aliases resolved. Throws E_CONFIG for an alias without an anchor, and when aliases
 * expand to too many nodes.
 */
function valuesOf(document: Document.Parsed, path: string, at: (offset: number) => string): unknown {
  visit(document, {
    Alias(_key, alias, above) {
      const target = alias.resolve(document)
      if (target !== undefined && above.includes(target))
        throw new LabError(
          'E_CONFIG',
          `${at(alias.range?.[0] ?? 0)}: *${shortText(alias.source)} stands inside what it repeats, without end`,
          { path },
        )
      if (target !== undefined) return
      const message = `there is no anchor &${shortText(alias.source)} before *${shortText(alias.source)}; text that begins with * needs quotes`
      throw new LabError('E_CONFIG', `${at(alias.range?.[0] ?? 0)}: ${message}`, { path })
    },
  })
  try {
    return document.toJS()
  } catch (cause) {
    const what = (cause as Error).message
    const text = /alias count/i.test(what) ? `its aliases expand to too many nodes (${what})` : what
    throw new LabError('E_CONFIG', `${path}: ${text}`, { path }, cause)
  }
}

/** `file:line:column` of a value in a file that was loaded before; where it is left to its default, that of its parent. */
export async function documentPlace(path: string, where: Path): Promise<string> {
  const lines = new LineCounter()
  const document = parseDocument(await readFile(path, 'utf8'), { lineCounter: lines, prettyErrors: false })
  const { line, col } = lines.linePos(offsetOf(document.contents, where))
  return `${path}:${line}:${col}`
}

/** Creates the error for mistakes that were found after a file was loaded, with the position of each in the file. */
export async function documentError(path: string, problems: readonly Problem[]): Promise<LabError> {
  const lines = new LineCounter()
  const document = parseDocument(await readFile(path, 'utf8'), { lineCounter: lines, prettyErrors: false })
  const cut = shortener(document.toJS())
  const messages = problems.map(({ path: where, message }) => {
    const { line, col } = lines.linePos(offsetOf(document.contents, where))
    return `${path}:${line}:${col}: ${cut(placed(where, message))}`
  })
  return new LabError('E_CONFIG', messages.join('\n'), { path })
}

interface Located {
  readonly offset: number
  readonly message: string
}

function placed(path: Path, message: string): string {
  const where = path.map(String).join('.')
  return where === '' ? message : `${where}: ${message}`
}

/** The value without unknown keys and without independent keys that are wrong, so that the rest can be checked. */
function withoutWrong(
  raw: unknown,
  issues: readonly z.core.$ZodIssue[],
  independent: readonly string[],
): unknown {
  const copy = structuredClone(raw)
  const remove = (owner: unknown, keys: readonly string[]): void => {
    if (typeof owner !== 'object' || owner === null) return
    for (const key of keys) delete (owner as Record<string, unknown>)[key]
  }
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') remove(valueAt(copy, issue.path), issue.keys)
    else
      remove(
        copy,
        independent.filter((key) => key === issue.path[0]),
      )
  }
  return copy
}

type Path = readonly PropertyKey[]

function describe(
  issue: z.core.$ZodIssue,
  raw: unknown,
  root: YamlNode | null,
  schema: z.ZodType,
): Located[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key, k) => {
      // Of thousands only their number matters.
      if (k >= MOST_PROBLEMS) return { offset: Number.POSITIVE_INFINITY, message: key }
      const known = knownKeys(schema, path, valueAt(raw, path))
      // Known in another form of this mapping.
      if (known.includes(key))
        return {
          offset: offsetOf(root, path, key),
          message: `"${[...path, key].map(String).join('.')}" does not go with the other keys here; keep one way to write it`,
        }
      const nearest = nearestName(key, known)
      const few = known.length > 0 && known.length < 8 ? `; known here: ${known.join(', ')}` : ''
      const inside =
        path.length === 0 ? known.find((one) => knownKeys(schema, [one], raw).includes(key)) : undefined
      const elsewhere = inside === undefined ? few : `; did you mean "${inside}.${key}"?`
      const hint = nearest === undefined ? elsewhere : `; did you mean "${nearest}"?`
      return {
        offset: offsetOf(root, path, key),
        message: `unknown key "${[...path, key].map(String).join('.')}"${hint}`,
      }
    })
  }
  const text = withForms(issueText(issue, valueAt(raw, path)), issue, schema, raw)
  return [{ offset: offsetOf(root, path), message: placed(path, text) }]
}

/** A message about a name with the mappings that may stand in its place, where no name is near. */
export function withForms(text: string, issue: z.core.$ZodIssue, schema: z.ZodType, raw: unknown): string {
  if (issue.code !== 'invalid_value' || text.includes('did you mean')) return text
  const forms = mappingForms(schema, issue.path, raw)
  return forms.length === 0 ? text : `${text}; or write ${forms.join(' or ')}`
}

/** Offset of the value at `path` (of the key `key` in it, when given), or of the deepest part that exists. */
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
