import { dirname, resolve } from 'node:path'
import { type OpenTask, resolveTask, type TaskFile, TrainError, taskFileSchema } from '@tempered/train'
import { readTaskModel } from '@tempered/train/import'
import { LabError } from '../errors.js'
import { loadKind } from './file-kind.js'
import { documentError, loadDocument, parseText } from './load-document.js'
import { isModuleFile, loadTaskModule } from './task-module.js'

/** What a scenario or a lab says about its task, its data and what else is relative to its file. */
export interface DataKeys {
  readonly task?: string | TaskFile | undefined
  readonly initial?: string | undefined
  readonly data: { readonly source: string; readonly test?: string | number | undefined }
  readonly trainers?: readonly { readonly cwd?: string | undefined }[] | undefined
}

/** A task that was read: its model written as layers where it was a file of its own. */
export interface ReadTask {
  readonly task: TaskFile
  /** The file that gives the parameters to begin with; undefined when the run's seed draws them. */
  readonly initial: string | undefined
}

/** Reads a task file (YAML or ES module). Throws E_FILE, E_MODULE, or E_CONFIG with every mistake. */
export async function loadTask(file: string): Promise<ReadTask> {
  if (isModuleFile(file)) return loadFromModule(file)
  const task = await loadKind('task', file, () => loadDocument(file, taskFileSchema))
  return readModelOf(task, file, ['model', 'layersModel'])
}

/** Reads and resolves a task file. Throws E_FILE, E_MODULE, or E_CONFIG with every mistake as file:line:column. */
export async function openTaskFile(
  file: string,
): Promise<{ readonly open: OpenTask } & Omit<ReadTask, 'task'>> {
  const { task, initial } = await loadTask(file)
  try {
    return { open: resolveTask(task), initial }
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    if (isModuleFile(file)) throw moduleProblem(file, error)
    throw await documentError(file, [taskProblem(error)])
  }
}

/** Reads the model.json that a task of `file` names. Throws E_CONFIG at the place of its name. */
async function readModelOf(task: TaskFile, file: string, path: readonly string[]): Promise<ReadTask> {
  try {
    return await readTaskModel(task, dirname(resolve(file)))
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    throw await documentError(file, [{ path, message: error.message }])
  }
}

async function loadFromModule(file: string): Promise<ReadTask> {
  const { task, initial } = await loadTaskModule(file)
  try {
    const read = await readTaskModel(task, dirname(resolve(file)))
    return initial === undefined ? read : { ...read, initial: resolve(file) }
  } catch (error) {
    if (!(error instanceof TrainError)) throw error
    throw moduleProblem(file, error)
  }
}

function moduleProblem(file: string, error: TrainError): LabError {
  return new LabError('E_MODULE', `${resolve(file)}: ${error.message}`, { file }, error)
}

/** Resolves the text of a task file that may not be written yet; messages refer to it as `file`. Throws E_CONFIG. */
export async function openTaskText(file: string, text: string): Promise<OpenTask> {
  try {
    const { task } = await readTaskModel(parseText(file, text, taskFileSchema), dirname(resolve(file)))
    return resolveTask(task)
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
  const [, layer, rest] = /^(layers[^ :]*)(?:: | )?(.*)$/s.exec(message) ?? []
  const steps = (layer ?? '').match(/[a-z]+|\d+/g) ?? []
  return {
    path: ['model', ...steps.map((step) => (/^\d/.test(step) ? Number(step) : step))],
    message: rest?.replace(/^\(([^)]*)\): /, '$1: ') ?? message,
  }
}

/**
 * The same with the task read, and with paths and the folders of trainers made absolute; all are relative to `file`. A
 * task whose model is a file with weights also gives the model to begin with. Throws as `loadTask`.
 */
export async function resolveDataKeys<T extends DataKeys>(file: string, keys: T): Promise<T> {
  const from = (path: string): string => resolve(dirname(file), path)
  const { source, test } = keys.data
  const data = {
    ...keys.data,
    source: source === 'mnist' ? source : from(source),
    ...(typeof test === 'string' ? { test: from(test) } : {}),
  }
  const read = await taskOf(file, keys.task)
  const initial = keys.initial === undefined ? read?.initial : from(keys.initial)
  const trainers = keys.trainers?.map((trainer) => ({ ...trainer, cwd: from(trainer.cwd ?? '.') }))
  return {
    ...keys,
    data,
    ...(read === undefined ? {} : { task: read.task }),
    ...(initial === undefined ? {} : { initial }),
    ...(trainers === undefined ? {} : { trainers }),
  }
}

async function taskOf(file: string, task: DataKeys['task']): Promise<ReadTask | undefined> {
  if (task === undefined) return undefined
  if (typeof task !== 'string') return readModelOf(task, file, ['task', 'model', 'layersModel'])
  return loadTask(resolve(dirname(file), task))
}

/** The task of a scenario that was read. Throws E_CONFIG while it is still the name of a file. */
export function givenTask({ task }: Pick<DataKeys, 'task'>): TaskFile | undefined {
  if (typeof task !== 'string') return task
  throw new LabError(
    'E_CONFIG',
    `task: ${task} was not read; load the file with loadScenario, or give the task itself`,
  )
}
