import { dirname, resolve } from 'node:path'
import { type TaskFile, taskFileSchema } from '@tempered/train'
import { LabError } from '../errors.js'
import { loadDocument } from './load-document.js'

/** What a scenario or a lab says about its task and its data. */
export interface DataKeys {
  readonly task?: string | TaskFile | undefined
  readonly data: { readonly source: string; readonly test?: string | number | undefined }
}

/** Reads a task file (YAML). Files that it names are relative to it. Throws E_FILE, or E_CONFIG with every mistake. */
export async function loadTask(file: string): Promise<TaskFile> {
  const task = await loadDocument(file, taskFileSchema)
  const { model } = task
  const from = (path: string): string => resolve(dirname(file), path)
  if (typeof model !== 'object') return task
  if ('tfjs' in model) return { ...task, model: { ...model, tfjs: from(model.tfjs) } }
  if ('module' in model) return { ...task, model: { ...model, module: from(model.module) } }
  return task
}

/** The same with the task read and data paths made absolute; both are relative to `file`. Throws as `loadTask`. */
export async function resolveDataKeys<T extends DataKeys>(file: string, keys: T): Promise<T> {
  const from = (path: string): string => resolve(dirname(file), path)
  const { source, test } = keys.data
  const data = {
    ...keys.data,
    source: source === 'mnist' ? source : from(source),
    ...(typeof test === 'string' ? { test: from(test) } : {}),
  }
  const task = typeof keys.task === 'string' ? await loadTask(from(keys.task)) : keys.task
  return { ...keys, data, ...(task === undefined ? {} : { task }) }
}

/** The task of a scenario that was read. Throws E_CONFIG while it is still the name of a file. */
export function givenTask({ task }: Pick<DataKeys, 'task'>): TaskFile | undefined {
  if (typeof task !== 'string') return task
  throw new LabError(
    'E_CONFIG',
    `task: ${task} was not read; load the file with loadScenario, or give the task itself`,
  )
}
