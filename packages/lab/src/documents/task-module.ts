import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorMessage, nearestName } from '@tempered/errors'
import { issueText, likelyIssues, valueAt } from '@tempered/protocol'
import { type OpenTask, type TaskFile, type TaskModule, taskFileSchema } from '@tempered/train'
import { importModule, moduleError, thrownText } from './import-module.js'
import { knownKeys } from './known-keys.js'
import { withForms } from './load-document.js'

/** Whether a path is that of an ES module. */
export function isModuleFile(path: string): boolean {
  return /\.m?js$/.test(path)
}

export interface LoadedTaskModule {
  readonly task: TaskFile
  readonly initial: TaskModule['initial']
}

/**
 * Loads an ES module whose default export is a task (`defineTask`). The manifest holds the document that comes out, so
 * that members need not have the module, and it may import others. Throws E_MODULE with the file, and the line of wrong
 * syntax and of what its code throws.
 */
export async function loadTaskModule(path: string): Promise<LoadedTaskModule> {
  const file = resolve(path)
  const bytes = await readFile(file).catch((cause) => {
    throw moduleError(file, errorMessage(cause), cause)
  })
  const imported = await importModule(file, createHash('sha256').update(bytes).digest('hex'))
  const { default: exported } = imported
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported)) {
    const found = exported === undefined ? 'has no default export' : `exports ${kindOf(exported)}`
    throw moduleError(file, `${found}; write export default defineTask({ … }) (docs/tasks.md)`)
  }
  const { initial, ...document } = exported as Readonly<Record<string, unknown>>
  if (initial !== undefined && !(initial instanceof Float32Array) && typeof initial !== 'function')
    throw moduleError(
      file,
      `\`initial\` must be a Float32Array or a function that returns one, not ${kindOf(initial)}`,
    )
  return { task: checkDocument(file, document), initial: initial as TaskModule['initial'] }
}

/** The parameters with which the task of a module begins. Throws E_MODULE. */
export async function moduleInitial(path: string, open: OpenTask): Promise<Float32Array> {
  const file = resolve(path)
  const { initial } = await loadTaskModule(file)
  if (initial === undefined) throw moduleError(file, 'gives no `initial` parameters')
  let parameters: unknown = initial
  if (typeof initial === 'function') {
    try {
      parameters = await initial(open)
    } catch (cause) {
      throw moduleError(file, `\`initial\` threw ${thrownText(file, cause)}`, cause)
    }
  }
  if (!(parameters instanceof Float32Array))
    throw moduleError(file, `\`initial\` returned ${kindOf(parameters)}; return a Float32Array`)
  if (parameters.length !== open.parameterCount) {
    const counts = `${parameters.length} parameters, but the model has ${open.parameterCount}`
    throw moduleError(file, `\`initial\` has ${counts}; their order is that of task.layout`)
  }
  const bad = parameters.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) throw moduleError(file, `\`initial\` holds ${parameters[bad]} at element ${bad}`)
  return parameters.slice()
}

function checkDocument(file: string, document: Readonly<Record<string, unknown>>): TaskFile {
  const parsed = taskFileSchema.safeParse(document)
  if (parsed.success) return parsed.data
  const lines = likelyIssues(parsed.error.issues, document).map((issue) => {
    const where = issue.path.map(String).join('.')
    return `${where === '' ? '' : `${where}: `}${textOf(issue, document)}`
  })
  throw moduleError(file, [...new Set(lines)].join('; '))
}

function textOf(issue: Parameters<typeof issueText>[0], document: unknown): string {
  const text = issueText(issue, valueAt(document, issue.path))
  if (issue.code !== 'unrecognized_keys') return withForms(text, issue, taskFileSchema, document)
  if (issue.path.length === 0 && issue.keys.includes('kind'))
    return `${text}; a rule, attack, topology or measure is given with --module`
  const known = knownKeys(taskFileSchema, issue.path, valueAt(document, issue.path))
  const nearest = nearestName(issue.keys[0] ?? '', known)
  return nearest === undefined ? text : `${text}; did you mean "${nearest}"?`
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return (
    { function: 'a function', object: 'an object', string: 'a text', undefined: 'nothing' }[
      typeof value as string
    ] ?? `a ${typeof value}`
  )
}
