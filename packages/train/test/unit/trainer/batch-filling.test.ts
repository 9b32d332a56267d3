import { createRng } from '@tempered/robust-agg/rng'
import { describe, expect, it } from 'vitest'
import type { Samples } from '../../../src/data/dataset.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import { resolveTask } from '../../../src/task/task.js'
import { createBatchFiller } from '../../../src/trainer/batch-filling.js'

const COUNT = 12

const taskOf = (shape: [number, number, number], scaled: boolean) =>
  resolveTask({
    task: 'image-classification',
    input: {
      type: 'image',
      shape,
      ...(scaled
        ? {
            mean: Array.from({ length: shape[2] }, (_, c) => 0.1 + c / 7),
            deviation: Array(shape[2]).fill(0.3),
          }
        : {}),
    },
    output: { type: 'class', classes: 10 },
    model: 'softmax',
    optimiser: { kind: 'sgd' },
  })

describe.each([
  ['one channel, an odd width', [3, 5, 1], true],
  ['one channel, plain bytes', [4, 4, 1], false],
  ['three channels', [3, 3, 3], true],
  ['two channels', [1, 5, 2], true],
] as const)('bytes of %s', (_, shape, scaled) => {
  const open = taskOf([...shape], scaled)
  const width = shape[0] * shape[1] * shape[2]
  const rng = createRng('bytes', width)
  const bytes = Uint8Array.from({ length: COUNT * width }, () => rng.integer(256))
  const samples: Samples = {
    inputs: bytes,
    targets: new Uint8Array(COUNT),
    count: COUNT,
    shape: [...shape],
  }
  const expected = (order: Uint32Array): Float32Array =>
    Float32Array.from({ length: order.length * width }, (_, at) => {
      const byte = bytes[order[Math.floor(at / width)] * width + (at % width)]
      const channel = at % shape[2]
      const [mean, deviation] = scaled ? [0.1 + channel / 7, 0.3] : [0, 1]
      return (byte / 255 - mean) / deviation
    })
  const orders: [string, number[]][] = [
    ['in order', [0, 1, 2, 3]],
    ['in any order', [7, 2, 11, 0, 3]],
    ['with repetitions and runs', [5, 5, 6, 7, 7, 11]],
    ['one', [11]],
  ]

  it.each(orders)('are scaled to the bit, rows %s', (_, rows) => {
    const engine = createWasmEngine()
    const program = engine.compile(open.model!, 'cross-entropy')
    const filler = createBatchFiller(open.task)
    const order = Uint32Array.from(rows)
    filler.fill(program, samples, order, order.length)
    expect(program.inputs(order.length)).toEqual(expected(order))
    // Another program of the engine reserves memory; the next batch of this one is right all the same.
    engine.compile(open.model!, 'cross-entropy')
    const back = order.slice().reverse()
    filler.fill(program, samples, back, back.length)
    expect(program.inputs(back.length)).toEqual(expected(back))
  })

  it('are scaled alike without the engine', () => {
    const engine = createWasmEngine()
    const program = engine.compile(open.model!, 'cross-entropy')
    const plain = new Proxy(program, {
      get: (target, key) => {
        const value = Reflect.get(target, key)
        if (key === 'inputBytes') return undefined
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const order = Uint32Array.of(3, 9, 10, 1)
    createBatchFiller(open.task).fill(plain, samples, order, order.length)
    expect(program.inputs(order.length)).toEqual(expected(order))
  })
})
