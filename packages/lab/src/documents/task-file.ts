import { dirname, resolve } from 'node:path'
import { type OpenTask, resolveTask, type TaskFile, TrainError, taskFileSchema } from '@tempered/train'
import { LabError } from '../errors.js'
import { loadKind } from './file-kind.js'
import { documentError, loadDocument, parseText } from './load-document.js'

/** What a scenario or a lab says about its task, its data and what else is relative to its file. */
export interface DataKeys {
  readonly task?: string | TaskFile | undefined
  readonly data: { readonly source: string; readonly test?: string | number | undefined }
  readonly trainers?: readonly { readonly cwd?: string | undefined }[] | undefined
}

/** Reads a task file (YAML). Throws E_FILE, or E_CONFIG with every mistake. */
export async function loadTask(file: string): Promise<TaskFile> {
  return loadKind('task', file, () => loadDocument(file, taskFileSchema))
}

/** Reads and resolves a task file. Throws E_FILE, or E_CONFIG with every mistake as file:line:column. */
export async function openTaskFile(file: string): Promise<OpenTask> {
  const task = await loadTask(file)
  try {
    return resolveTask(task)
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    throw await documentError(file, [taskProblem(error)])
  }
}

/** Resolves the text of a task file; messages refer to it as `file`. Throws E_CONFIG. */
export function openTaskText(file: string, text: string): OpenTask {
  try {
    return resolveTask(parseText(file, text, taskFileSchema))
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    const { message } = taskProblem(error)
    throw new LabError('E_CONFIG', `${file}: ${message}`, { path: file }, error)
  }
}

/** The place in the file that an error names: `task, field loss: …` or `layers[3].shortcut[0] (dense): …`. */
function taskProblem({ message }: TrainError) {
  const [, field, about] = /^task, field ([^:]+): (.*)$/s.exec(message) ?? []
  if (field !== undefined && about !== undefined) return { path: field.split('.'), message: about }
  const [, layer] = /^(layers[^ :]*)/.exec(message) ?? []
  const steps = (layer ?? '').match(/[a-z]+|\d+/g) ?? []
  return { path: ['model', ...steps.map((step) => (/^\d/.test(step) ? Number(step) : step))], message }
}

/**
 * The same with the task read, and with paths of data and the folders of trainers made absolute; all are relative to
 * `file`. Throws as `loadTask`.
 */
export async function resolveDataKeys<T extends DataKeys>(file: string, keys: T): Promise<T> {
  const from = (path: string): string => resolve(dirname(file), path)
  const { source, test } = keys.data
  const data = {
    ...keys.data,
    source: source === 'mnist' ? source : from(source),
    ...(typeof test === 'string' ? { test: from(test) } : {}),
  }
  const task = typeof keys.task === 'string' ? await loadTask(from(keys.task)) : keys.task
  const trainers = keys.trainers?.map((trainer) => ({ ...trainer, cwd: from(trainer.cwd ?? '.') }))
  return {
    ...keys,
    data,
    ...(task === undefined ? {} : { task }),
    ...(trainers === undefined ? {} : { trainers }),
  }
}

/** The task of a scenario that was read. Throws E_CONFIG while it is still the name of a file. */
export function givenTask({ task }: Pick<DataKeys, 'task'>): TaskFile | undefined {
  if (typeof task !== 'string') return task
  throw new LabError(
    'E_CONFIG',
    `task: ${task} was not read; load the file with loadScenario, or give the task itself`,
  )
}
