import { type OpenTask, resolveTask } from '../../src/task/task.js'
import { type TaskFileInput, taskFileSchema } from '../../src/task/task-schema.js'

/** A task from its input and output, with a model that takes them. */
export function ownTask(
  input: TaskFileInput['input'],
  output: TaskFileInput['output'],
  more: Partial<TaskFileInput> = {},
): OpenTask {
  const text = input.type === 'text'
  const sequence = output.type === 'next-token'
  const model: TaskFileInput['model'] = !text
    ? 'softmax'
    : {
        layers: [
          { layer: 'embedding', vocabulary: 257, size: 4 },
          ...(sequence ? [] : [{ layer: 'global-average-pool' as const }]),
          { layer: 'dense', units: outputs(input, output) },
        ],
      }
  return resolveTask(taskFileSchema.parse({ task: 'own', input, output, model, ...more }))
}

function outputs(input: TaskFileInput['input'], output: TaskFileInput['output']): number {
  if (output.type === 'class')
    return typeof output.classes === 'number' ? output.classes : output.classes.length
  if (output.type !== 'next-token') return output.columns.length
  if (input.type !== 'text' || input.unit === 'byte') return 257
  return (input.vocabulary ?? []).length + 2
}
