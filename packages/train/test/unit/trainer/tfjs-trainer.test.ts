import { beforeAll, describe, expect, it } from 'vitest'
import { CACHE } from '../../../../../test-support/cache.js'
import { full, sized } from '../../../../../test-support/tier.js'
import { type DataSource, inputArray } from '../../../src/data/dataset.js'
import { loadEmbeddedMnist } from '../../../src/data/embedded-mnist.js'
import type { TrainingBackend } from '../../../src/engine/tfjs/backend.js'
import { createBackend } from '../../../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../../../src/engine/tfjs/tfjs-engine.js'
import type { BuiltInModel } from '../../../src/task/built-in-models.js'
import { imageTask } from '../../../src/task/image-task.js'
import { createTrainerFactory, type TrainerFactory } from '../../../src/trainer/engine-trainer.js'
import type { TrainerSpec, TrainRequest } from '../../../src/trainer/trainer.js'
import { imageSpec } from '../../support/image-spec.js'

let data: DataSource
let factory: TrainerFactory
let backend: TrainingBackend
beforeAll(async () => {
  data = await loadEmbeddedMnist(CACHE)
  backend = await createBackend('wasm')
  factory = createTrainerFactory(createTfjsEngine(backend))
})

const request = (over: Partial<TrainRequest> = {}): TrainRequest => ({
  round: 0,
  steps: 1,
  batchSize: 32,
  learningRate: 0.1,
  momentum: 0.9,
  ...over,
})

function digits(model: BuiltInModel, over: Partial<TrainerSpec> = {}): TrainerSpec {
  const indices = Uint32Array.from({ length: data.train.count }, (_, k) => k)
  return {
    task: imageTask(model, data.train).task,
    train: { ...data.train, indices },
    test: data.test,
    nodeId: 0,
    seed: 1,
    ...over,
  }
}

/** Tiny images that the cnn just accepts. */
function tiny(model: BuiltInModel): TrainerSpec {
  const images = Uint8Array.from({ length: 20 * 100 }, (_, k) => (k * k * 7) % 256)
  const labels = Uint8Array.from({ length: 20 }, (_, k) => k % 3)
  return imageSpec(model, [10, 10, 1], 3, images, labels)
}

const parameters = (trainer: { parameterCount: number; getParameters(out: Float32Array): Float32Array }) =>
  trainer.getParameters(new Float32Array(trainer.parameterCount))

describe('learning', () => {
  it.each([['softmax', 400, 0.85], ['mlp', 300, 0.87], ...(full ? [['cnn', 90, 0.8]] : [])] as [
    BuiltInModel,
    number,
    number,
  ][])('%s learns digits within %d steps', async (model, steps, accuracy) => {
    const trainer = factory.open(digits(model))
    const before = await trainer.evaluate({ limit: 500 })
    expect(before.primary).toBeLessThan(0.4)
    const { loss, samples } = await trainer.train(request({ steps, learningRate: 0.05 }))
    expect(samples).toBe(steps * 32)
    expect(loss).toBeGreaterThan(0)
    const after = await trainer.evaluate()
    expect(after.primary).toBeGreaterThan(accuracy)
    expect(after.loss).toBeLessThan(before.loss)
    expect(after.samples).toBe(2000)
    expect(after.perClass?.map((score) => score.total)).toEqual(new Array(10).fill(200))
    const correct = after.perClass?.reduce((sum, score) => sum + score.correct, 0)
    expect((correct ?? 0) / 2000).toBe(after.primary)
  })
})

describe('logit adjustment', () => {
  it('a node whose data is mostly zeros learns the other digits too', async () => {
    const labels = data.train.targets
    const every = Uint32Array.from({ length: labels.length }, (_, k) => k)
    const indices = every.filter((k) => labels[k] === 0 || k % 100 === 0)
    const train = { ...data.train, indices }
    const accuracyWith = async (logitAdjustment: number) => {
      const trainer = factory.open(digits('softmax', { train }))
      await trainer.train(request({ steps: 60, logitAdjustment }))
      return (await trainer.evaluate()).primary
    }
    expect(await accuracyWith(1)).toBeGreaterThan((await accuracyWith(0)) + 0.05)
  })

  it('changes nothing but roundings where every class is equally frequent', async () => {
    const run = async (logitAdjustment: number) => {
      const given = tiny('softmax')
      const train = { ...given.train, indices: Uint32Array.from({ length: 18 }, (_, k) => k) }
      const trainer = factory.open({ ...given, train })
      await trainer.train(request({ steps: 5, batchSize: 6, logitAdjustment }))
      return parameters(trainer)
    }
    const plain = await run(0)
    expect((await run(2)).every((value, k) => Math.abs(value - plain[k]) < 1e-6)).toBe(true)
  })
})

describe('repetition', () => {
  it.each(['softmax', 'mlp', 'cnn'] as const)(
    '%s: the same round gives the same bits, another round others',
    async (model) => {
      const run = async (round: number) => {
        const trainer = factory.open(tiny(model))
        const { loss } = await trainer.train(request({ round, steps: 10, batchSize: 8 }))
        return { loss, flat: parameters(trainer) }
      }
      const first = await run(4)
      expect(await run(4)).toEqual(first)
      expect((await run(5)).flat).not.toEqual(first.flat)
    },
  )

  it('carries nothing but the parameters from round to round', async () => {
    const running = factory.open(tiny('mlp'))
    await running.train(request({ round: 0, steps: 6, batchSize: 8 }))
    const middle = parameters(running)
    await running.evaluate()
    await running.train(request({ round: 1, steps: 6, batchSize: 8 }))
    const restarted = factory.open(tiny('mlp'))
    restarted.setParameters(middle)
    await restarted.train(request({ round: 1, steps: 6, batchSize: 8 }))
    expect(parameters(restarted)).toEqual(parameters(running))
  })

  it('trainers at work at the same time do not disturb each other', async () => {
    const solo = factory.open(tiny('mlp'))
    await solo.train(request({ steps: 5, batchSize: 8 }))
    const trainers = (['mlp', 'cnn', 'mlp', 'softmax'] as const).map((model) => factory.open(tiny(model)))
    await Promise.all(trainers.map((trainer) => trainer.train(request({ steps: 5, batchSize: 8 }))))
    expect(parameters(trainers[0])).toEqual(parameters(solo))
    expect(parameters(trainers[2])).toEqual(parameters(solo))
  })

  it('weight decay and momentum change the result', async () => {
    const run = async (over: Partial<TrainRequest>) => {
      const trainer = factory.open(tiny('softmax'))
      await trainer.train(request({ steps: 3, batchSize: 8, ...over }))
      return parameters(trainer)
    }
    const plain = await run({})
    expect(await run({ weightDecay: 0.1 })).not.toEqual(plain)
    expect(await run({ momentum: 0 })).not.toEqual(plain)
    expect(await run({ weightDecay: 0 })).toEqual(plain)
  })
})

describe('evaluation', () => {
  it('does not depend on the batch size, and honours the limit', async () => {
    const trainer = factory.open(digits('softmax'))
    await trainer.train(request({ steps: 20 }))
    const whole = await trainer.evaluate({ limit: 333 })
    const parts = await trainer.evaluate({ limit: 333, batchSize: 50 })
    expect(parts.perClass).toEqual(whole.perClass)
    expect(parts.loss).toBeCloseTo(whole.loss, 6)
    expect(whole.samples).toBe(333)
    expect((await trainer.evaluate({ limit: 99_999 })).samples).toBe(2000)
  })
})

describe('memory', () => {
  const rounds = sized(100, 1000)
  it.each(['softmax', 'mlp', 'cnn'] as const)(
    `%s: no tensor is left after ${rounds} rounds`,
    async (model) => {
      const { tf } = backend
      const trainer = factory.open(tiny(model))
      const before = tf.memory()
      for (let round = 0; round < rounds; round++) {
        await trainer.train(request({ round, steps: 2, batchSize: 2, learningRate: 0.001 }))
        if (round % 100 === 0) await trainer.evaluate()
      }
      const after = tf.memory()
      expect([after.numTensors, after.numBytes]).toEqual([before.numTensors, before.numBytes])
    },
  )
})

describe('refusals', () => {
  it('leaves parameters and memory as they were when it is stopped', async () => {
    const trainer = factory.open(tiny('mlp'))
    const before = parameters(trainer)
    const tensors = backend.tf.memory().numTensors
    let looks = 0
    const signal = {
      get aborted() {
        return ++looks > 3
      },
    }
    await expect(trainer.train(request({ steps: 100 }), signal)).rejects.toMatchObject({
      code: 'E_TRAIN_ABORTED',
    })
    expect(looks).toBe(4)
    expect(parameters(trainer)).toEqual(before)
    expect(backend.tf.memory().numTensors).toBe(tensors)
  })

  it.each([
    { steps: 0 },
    { steps: 1.5 },
    { batchSize: 0 },
    { learningRate: Number.NaN },
    { learningRate: -1 },
    { momentum: 1 },
    { weightDecay: -1 },
    { logitAdjustment: -1 },
    { logitAdjustment: Number.POSITIVE_INFINITY },
    { round: -1 },
  ])('refuses %j', async (over) => {
    const trainer = factory.open(tiny('softmax'))
    await expect(trainer.train(request(over))).rejects.toMatchObject({ code: 'E_TRAIN_REQUEST' })
  })

  it('refuses parameters of another length, and calls after dispose', async () => {
    const trainer = factory.open(tiny('softmax'))
    const wrong = expect.objectContaining({ code: 'E_PARAMETER_COUNT' })
    expect(() => trainer.setParameters(new Float32Array(1))).toThrow(wrong)
    expect(() => trainer.getParameters(new Float32Array(trainer.parameterCount + 1))).toThrow(wrong)
    trainer.dispose()
    await expect(trainer.train(request())).rejects.toMatchObject({ code: 'E_TRAINER_DISPOSED' })
    await expect(trainer.evaluate()).rejects.toMatchObject({ code: 'E_TRAINER_DISPOSED' })
  })

  it('refuses data that does not fit', () => {
    const spec = tiny('softmax')
    const open = (train: Partial<TrainerSpec['train']>) => () =>
      factory.open({ ...spec, train: { ...spec.train, ...train } })
    const data = expect.objectContaining({ code: 'E_TRAIN_DATA' })
    expect(open({ indices: Uint32Array.from([20]) })).toThrow(data)
    expect(open({ inputs: inputArray(spec.train).subarray(1) })).toThrow(data)
    expect(open({ targets: new Uint8Array(20).fill(3) })).toThrow(
      expect.objectContaining({ code: 'E_LABEL_RANGE' }),
    )
  })
})
