import type { OpenTask } from './task.js'
import type { TaskFileInput } from './task-schema.js'

/** What the default export of a task module is: a task as a file has it, computed by code. */
export interface TaskModule extends TaskFileInput {
  /**
   * The parameters with which the run begins, flat and row-major in the order of `task.layout`, all finite; or a
   * function that returns them for the task resolved. Default: drawn from the run's seed.
   */
  readonly initial?: Float32Array | ((open: OpenTask) => Float32Array | Promise<Float32Array>)
}

/**
 * Gives the task of a module its type. What it describes is checked when the module is opened.
 *
 * @example
 * // my-task.mjs
 * import { defineTask } from '@tempered/train'
 * const widths = [64, 32, 16]
 * export default defineTask({
 *   task: 'narrowing',
 *   input: { type: 'tensor', shape: [20] },
 *   output: { type: 'class', classes: 3 },
 *   model: { layers: [...widths, 3].map((units) => ({ layer: 'dense', units })) },
 * })
 */
export function defineTask(task: TaskModule): TaskModule {
  return task
}
