import { describe, expect, it } from 'vitest'
import { resolveTask } from '../../../src/task/task.js'
import { type TaskFile, taskFileSchema } from '../../../src/task/task-schema.js'

const withTable = (column: object, model: unknown = 'softmax') =>
  resolveTask(
    taskFileSchema.parse({
      task: 't',
      input: { type: 'table', columns: [{ name: 'a', type: 'number' }, column] },
      output: { type: 'class', classes: 2 },
      model,
    }) as TaskFile,
  )

const predicting = (output: object) =>
  resolveTask(
    taskFileSchema.parse({
      task: 't',
      input: { type: 'table', columns: [{ name: 'a', type: 'number' }] },
      output,
      model: 'softmax',
    }) as TaskFile,
  )

describe('a task is refused', () => {
  it.each([
    { type: 'class', column: 'a', classes: 2 },
    { type: 'labels', columns: ['b', 'a'] },
    { type: 'number', columns: [{ name: 'a' }] },
  ])('when what it predicts is an input: %j', (output) => {
    expect(() => predicting(output)).toThrow(
      'task, field output: column "a" is an input too, so the model would only copy it',
    )
  })

  it('when a name is there twice', () => {
    expect(() => predicting({ type: 'class', classes: ['low', 'high', 'low'] })).toThrow(
      'task, field output.classes: "low" is there twice; keep one of them',
    )
    expect(() => withTable({ name: 'c', type: 'category', values: ['x', 'x'] })).toThrow(
      'field input.columns.1.values: "x" is there twice',
    )
  })

  it('when it predicts a column twice', () => {
    expect(() => predicting({ type: 'labels', columns: ['b', 'b'] })).toThrow('column "b" is named twice')
    expect(predicting({ type: 'labels', columns: ['b', 'c'] }).outputs).toBe(2)
  })

  it('when a missing category becomes a value that the column does not list', () => {
    const ward = (impute: string) => ({
      name: 'ward',
      type: 'category',
      values: ['medicine', 'surgery'],
      other: 'zero',
      missing: { impute },
    })
    expect(() => withTable(ward('paediatrics'))).toThrow(
      'task, field input.columns.1.missing.impute: "paediatrics" is not one of the column\'s values',
    )
    expect(() => withTable(ward('medecine'))).toThrow('did you mean "medicine"?')
    expect(withTable(ward('surgery')).inputShape).toEqual([3])
  })

  it('when a layer is called by the position of one without a name', () => {
    const layers = [
      { layer: 'dense', units: 3, name: '1' },
      { layer: 'dense', units: 2 },
    ]
    expect(() => withTable({ name: 'b', type: 'number' }, { layers })).toThrow(
      'the name "1" is used twice: a layer without a name is called by its position',
    )
  })
})
