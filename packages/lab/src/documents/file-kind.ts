import { readFile } from 'node:fs/promises'
import { isMap, parseDocument } from 'yaml'
import { LabError } from '../errors.js'

type FileKind = 'scenario' | 'lab' | 'consensus' | 'node' | 'manifest' | 'task'

/** Keys at the root of a file that only this kind has, and the command that takes it. */
const KINDS: Readonly<Record<FileKind, { readonly keys: readonly string[]; readonly command: string }>> = {
  manifest: { keys: ['members', 'limits'], command: 'manifest show' },
  scenario: {
    keys: ['rule', 'adversaries', 'faults', 'assertions', 'training'],
    command: 'scenario run',
  },
  lab: { keys: ['axes', 'scenario'], command: 'lab matrix' },
  consensus: { keys: ['after', 'start'], command: 'lab consensus' },
  node: { keys: ['key', 'listen', 'bootstrap', 'manifest'], command: 'node start --config' },
  task: { keys: ['input', 'output', 'optimiser'], command: 'task check' },
}

/** Which kind of file a text is, by the keys at its root; `scenario` when none of them decides. */
export function kindOfText(text: string): FileKind {
  const keys = rootKeys(text)
  return ALL.find((kind) => hasKeys(keys, kind)) ?? 'scenario'
}

const ALL = Object.keys(KINDS) as FileKind[]

function rootKeys(text: string): string[] {
  const root = parseDocument(text).contents
  return isMap(root) ? root.items.map(({ key }) => String(key)) : []
}

function hasKeys(keys: readonly string[], kind: FileKind): boolean {
  return KINDS[kind].keys.some((key) => keys.includes(key))
}

/**
 * Loads a file of one kind. When its unknown keys are those of another kind, the error says so; if it has no key of its
 * own kind, only that, since the other mistakes then say nothing.
 */
export async function loadKind<T>(kind: FileKind, file: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'E_CONFIG') throw error
    const { message } = error
    const other = ALL.find(
      (name) => name !== kind && KINDS[name].keys.some((key) => message.includes(`unknown key "${key}"`)),
    )
    if (other === undefined) throw error
    const text = await readFile(file, 'utf8').catch(() => undefined)
    const isMixed = text === undefined || hasKeys(rootKeys(text), kind)
    const hint = `a ${other} file: ./tempered ${KINDS[other].command} ${file}`
    const whole = isMixed ? `${message}\nthis looks like ${hint}` : `${file}: not a ${kind} file but ${hint}`
    throw new LabError('E_CONFIG', whole, error.details, error)
  }
}
