import { describe, expect, it } from 'vitest'
import { describeModel, initialParameters, MODEL_NAMES, type ModelName } from '../../../src/task/models.js'

const mnist = { height: 28, width: 28, channels: 1 }

describe('describeModel', () => {
  it.each([
    ['softmax', 7850],
    ['mlp', 109_386],
    ['cnn', 139_960],
  ] as [ModelName, number][])('%s has %d parameters for MNIST', (name, count) => {
    expect(describeModel(name, mnist, 10).parameterCount).toBe(count)
  })

  it('lays the tensors of the cnn out one behind the other, kernel before bias', () => {
    const slots = describeModel('cnn', mnist, 10).tensors.map(({ name, shape, offset }) => [
      name,
      shape,
      offset,
    ])
    expect(slots).toEqual([
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

  it('takes colour images and other numbers of classes', () => {
    expect(describeModel('softmax', { height: 32, width: 32, channels: 3 }, 47).parameterCount).toBe(
      3072 * 47 + 47,
    )
    expect(describeModel('cnn', { height: 10, width: 10, channels: 3 }, 2).layers[3]).toMatchObject({
      output: { height: 1, width: 1, channels: 50 },
    })
  })

  it('refuses what cannot be built', () => {
    const small = { height: 9, width: 28, channels: 1 }
    expect(() => describeModel('cnn', small, 10)).toThrow(expect.objectContaining({ code: 'E_MODEL_SHAPE' }))
    expect(() => describeModel('mlp', mnist, 1)).toThrow(expect.objectContaining({ code: 'E_MODEL_SHAPE' }))
    expect(() => describeModel('vgg' as ModelName, mnist, 10)).toThrow(
      expect.objectContaining({ code: 'E_MODEL_UNKNOWN' }),
    )
  })
})

describe('initialParameters', () => {
  it.each([...MODEL_NAMES])('%s: kernels within the Glorot limit and spread over it, biases zero', (name) => {
    const model = describeModel(name, mnist, 10)
    const flat = initialParameters(model, 5)
    for (const slot of model.tensors) {
      const values = flat.subarray(slot.offset, slot.offset + slot.length)
      if (slot.kind === 'bias') {
        expect(values.every((value) => value === 0)).toBe(true)
        continue
      }
      const limit = Math.sqrt(6 / (slot.fanIn + slot.fanOut))
      expect(values.every((value) => Math.abs(value) <= limit)).toBe(true)
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
      expect(variance / ((limit * limit) / 3)).toBeGreaterThan(0.75)
      expect(variance / ((limit * limit) / 3)).toBeLessThan(1.25)
    }
  })

  it('depends on the seed alone', () => {
    const model = describeModel('softmax', mnist, 10)
    expect(initialParameters(model, 1)).toEqual(initialParameters(model, 1))
    expect(initialParameters(model, 1)).not.toEqual(initialParameters(model, 2))
  })
})
