import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { LabError } from '../errors.js'

/** A child that only parses modules needs far less. */
const PARSE_LIMIT_MS = 20_000

/**
 * Imports an ES module of the user's own. `sha256`, of the file, changes the URL when the file has changed, so that Node
 * does not return a cached module. Throws E_MODULE with the file, and the line of wrong syntax and of what its code throws.
 */
export async function importModule(file: string, sha256: string): Promise<Readonly<Record<string, unknown>>> {
  const url = `${pathToFileURL(file).href}?sha256=${sha256}`
  try {
    return await import(url)
  } catch (cause) {
    const place = isBeforeRunning(cause) ? await syntaxErrorPlace(file) : undefined
    const text = place === undefined ? thrownText(file, cause) : `${messageOf(cause)} (${place})`
    throw moduleError(file, `cannot be imported: ${text}`, cause)
  }
}

/** Whether a module, or one that it imports, could not be parsed: then none of their code has run. */
function isBeforeRunning(error: unknown): boolean {
  return error instanceof SyntaxError && !(error.stack ?? '').includes('file://')
}

/**
 * Where the syntax of a module is wrong, e.g. `line 3`, or `line 3 of widths.mjs` for one that it imports. Node keeps the
 * place for itself until such an error ends a process, so another process imports the module. Undefined if it says nothing.
 */
export async function syntaxErrorPlace(file: string): Promise<string | undefined> {
  const code = `await import(${JSON.stringify(pathToFileURL(file).href)})`
  const stderr = await new Promise<string>((resolve) => {
    const args = ['--input-type=module', '--eval', code]
    execFile(process.execPath, args, { timeout: PARSE_LIMIT_MS }, (_, _stdout, text) => resolve(text))
  })
  const [, url, line] = /^(file:\/\/.*):(\d+)$/m.exec(stderr) ?? []
  if (url === undefined) return undefined
  const place = fileURLToPath(url)
  return place === file ? `line ${line}` : `line ${line} of ${basename(place)}`
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}

/** What code of a module threw, with its place in the module where the stack shows it. */
export function thrownText(file: string, thrown: unknown): string {
  const message = messageOf(thrown)
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  const name = basename(file).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const [, line] = new RegExp(`${name}\\?sha256=[0-9a-f]+:(\\d+)`).exec(stack) ?? []
  return line === undefined ? message : `${message} (line ${line})`
}

export function moduleError(file: string, problem: string, cause?: unknown): LabError {
  return new LabError('E_MODULE', `${file}: ${problem}`, { file }, cause)
}
