import { isMap, parseDocument } from 'yaml'
import { LabError } from '../errors.js'

type FileKind = 'scenario' | 'lab' | 'consensus'

/** Keys at the root of a file that only this kind has, and the command that takes it. */
const KINDS: Readonly<Record<FileKind, { readonly keys: readonly string[]; readonly command: string }>> = {
  scenario: {
    keys: ['rule', 'adversaries', 'faults', 'assertions', 'training'],
    command: 'scenario validate',
  },
  lab: { keys: ['axes', 'scenario'], command: 'lab matrix' },
  consensus: { keys: ['after', 'start'], command: 'lab consensus' },
}

/** Which kind of file a text is, by the keys at its root; `scenario` when none of them decides. */
export function kindOfText(text: string): FileKind {
  const root = parseDocument(text).contents
  const keys = isMap(root) ? root.items.map(({ key }) => String(key)) : []
  const isThere = (kind: FileKind): boolean => KINDS[kind].keys.some((key) => keys.includes(key))
  return (Object.keys(KINDS) as FileKind[]).find(isThere) ?? 'scenario'
}

/** Loads a file of one kind; when its unknown keys are those of another kind, the error says so. */
export async function loadKind<T>(kind: FileKind, file: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof LabError) || error.code !== 'E_CONFIG') throw error
    const { message } = error
    const other = (Object.keys(KINDS) as FileKind[]).find(
      (name) => name !== kind && KINDS[name].keys.some((key) => message.includes(`unknown key "${key}"`)),
    )
    if (other === undefined) throw error
    const hint = `this looks like a ${other} file: ./tempered ${KINDS[other].command} ${file}`
    throw new LabError('E_CONFIG', `${message}\n${hint}`, error.details, error)
  }
}
