import { describe, expect, it } from 'vitest'
import { BUILT_IN_MODELS, type BuiltInModel } from '../../../src/task/built-in-models.js'
import { imageTask } from '../../../src/task/image-task.js'
import type { Model } from '../../../src/task/operation.js'
import { initialTaskParameters, resolveTask } from '../../../src/task/task.js'
import { taskFileSchema } from '../../../src/task/task-schema.js'

const mnist = { shape: [28, 28, 1], classes: 10 } as const

/** A task that fits the model. */
function taskOf(name: BuiltInModel) {
  if (name === 'lstm-text')
    return resolveTask(
      taskFileSchema.parse({
        task: 'text',
        input: { type: 'text', length: 12, unit: 'byte' },
        output: { type: 'class', classes: ['no', 'yes'] },
        model: name,
      }),
    )
  return imageTask(name, name === 'resnet8' ? { shape: [32, 32, 3], classes: 10 } : mnist)
}

describe('built-in models', () => {
  it.each([
    ['softmax', 7850],
    ['mlp', 109_386],
    ['cnn', 139_960],
    ['resnet8', 77_850],
    // 257·32 + 4·64·(32 + 64 + 1) + 2·65
    ['lstm-text', 33_186],
  ] as [BuiltInModel, number][])('%s has %d parameters', (name, count) => {
    expect(taskOf(name).parameterCount).toBe(count)
  })

  it('lays the tensors of the cnn out one behind the other, kernel before bias', () => {
    const { model } = imageTask('cnn', mnist)
    expect((model as Model).tensors.map(({ name, shape, offset }) => [name, shape, offset])).toEqual([
      ['0.kernel', [3, 3, 1, 30], 0],
      ['0.bias', [30], 270],
      ['2.kernel', [3, 3, 30, 50], 300],
      ['2.bias', [50], 13_800],
      ['4.kernel', [100, 1250], 13_850],
      ['4.bias', [100], 138_850],
      ['5.kernel', [10, 100], 138_950],
      ['5.bias', [10], 139_950],
    ])
  })

  it('takes colour images and other numbers of classes, more than 256 too', () => {
    expect(imageTask('softmax', { shape: [32, 32, 3], classes: 470 }).parameterCount).toBe(3072 * 470 + 470)
    expect(imageTask('cnn', { shape: [10, 10, 3], classes: 2 }).model?.operations[3]?.output).toEqual([
      1, 1, 50,
    ])
  })

  it('says where a model does not fit the data', () => {
    const refused = (message: string) =>
      expect.objectContaining({ code: 'E_MODEL_SHAPE', message: expect.stringContaining(message) })
    expect(() => imageTask('cnn', { shape: [9, 28, 1], classes: 10 })).toThrow(
      refused('layers[3] (max-pool2d)'),
    )
    expect(() => imageTask('mlp', { ...mnist, classes: 1 })).toThrow(
      expect.objectContaining({ code: 'E_TASK' }),
    )
  })
})

describe('initialTaskParameters', () => {
  it.each([...BUILT_IN_MODELS])(
    '%s: kernels within the Glorot limit and spread over it, biases zero',
    (name) => {
      const task = taskOf(name)
      const flat = initialTaskParameters(task, 5)
      for (const slot of (task.model as Model).tensors) {
        const values = flat.subarray(slot.offset, slot.offset + slot.length)
        if (slot.limit === 0) {
          expect(values.every((value) => value === slot.value)).toBe(true)
          continue
        }
        expect(values.every((value) => Math.abs(value) <= slot.limit)).toBe(true)
        const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
        expect(variance / (slot.limit ** 2 / 3)).toBeGreaterThan(0.7)
        expect(variance / (slot.limit ** 2 / 3)).toBeLessThan(1.3)
      }
    },
  )

  it('depends on the seed alone', () => {
    const task = imageTask('softmax', mnist)
    expect(initialTaskParameters(task, 1)).toEqual(initialTaskParameters(task, 1))
    expect(initialTaskParameters(task, 1)).not.toEqual(initialTaskParameters(task, 2))
  })
})
