import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrainerSpec, TrainRequest } from '../../../dist/trainer/trainer.js'
import { createTrainerService, type TrainerService } from '../../../dist/trainer/trainer-service.js'
import { createBackend } from '../../../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../../../src/engine/tfjs/tfjs-engine.js'
import type { BuiltInModel } from '../../../src/task/built-in-models.js'
import { imageTask } from '../../../src/task/image-task.js'
import { initialTaskParameters, openTask } from '../../../src/task/task.js'
import { createTrainerFactory } from '../../../src/trainer/engine-trainer.js'
import { imageSpec } from '../../support/image-spec.js'
import { tfjsNodeProblem } from '../../support/tfjs-node.js'

const request = (over: Partial<TrainRequest> = {}): TrainRequest => ({
  round: 0,
  steps: 5,
  batchSize: 8,
  learningRate: 0.05,
  momentum: 0.9,
  ...over,
})

function spec(model: BuiltInModel = 'mlp', nodeId: string | number = 0): TrainerSpec {
  const images = Uint8Array.from({ length: 40 * 100 }, (_, k) => (k * k * 7) % 256)
  const labels = Uint8Array.from({ length: 40 }, (_, k) => k % 3)
  return imageSpec(model, [10, 10, 1], 3, images, labels, { nodeId })
}

const parameters = (trainer: { parameterCount: number; getParameters(out: Float32Array): Float32Array }) =>
  trainer.getParameters(new Float32Array(trainer.parameterCount))

describe('createTrainerService', () => {
  let service: TrainerService
  beforeAll(async () => {
    service = await createTrainerService({ backend: 'wasm' })
  })
  afterAll(() => service.close())

  it('reports its backend', () => {
    expect(service.backend).toEqual({ name: 'wasm', notice: 'training on wasm: chosen' })
  })

  it('starts from the initial parameters and gives the same bits as a trainer in this thread', async () => {
    const local = createTrainerFactory(createTfjsEngine(await createBackend('wasm'))).open(spec())
    const remote = await service.open(spec())
    expect(parameters(remote)).toEqual(initialTaskParameters(openTask(spec().task), 1))
    expect(await remote.train(request())).toEqual(await local.train(request()))
    expect(parameters(remote)).toEqual(parameters(local))
    expect(await remote.evaluate()).toEqual(await local.evaluate())
    remote.dispose()
  })

  it('serves requests first in, first out, each with the parameters of its turn', async () => {
    const trainers = await Promise.all([service.open(spec('mlp', 0)), service.open(spec('cnn', 1))])
    const order: string[] = []
    const note = (name: string) => () => {
      order.push(name)
    }
    await Promise.all([
      trainers[0].train(request({ steps: 30 })).then(note('train 0')),
      trainers[1].train(request()).then(note('train 1')),
      trainers[0].evaluate().then(note('evaluate 0')),
      trainers[1].train(request({ round: 1 })).then(note('train 1 again')),
    ])
    expect(order).toEqual(['train 0', 'train 1', 'evaluate 0', 'train 1 again'])
  })

  it('trains on the labels that it is given', async () => {
    const honest = await service.open(spec())
    const given = spec()
    const flipped = await service.open({
      ...given,
      train: { ...given.train, targets: given.train.targets.map((label) => 2 - label) },
    })
    await Promise.all([honest.train(request()), flipped.train(request())])
    expect(parameters(flipped)).not.toEqual(parameters(honest))
  })

  it('keeps parameters from being touched while a request is pending', async () => {
    const trainer = await service.open(spec())
    const flat = parameters(trainer)
    const busy = expect.objectContaining({ code: 'E_TRAINER_BUSY' })
    const training = trainer.train(request())
    expect(() => trainer.setParameters(flat)).toThrow(busy)
    expect(() => parameters(trainer)).toThrow(busy)
    await training
    trainer.setParameters(flat)
    expect(parameters(trainer)).toEqual(flat)
  })

  it('stops a waiting and a running request, and leaves the parameters alone', async () => {
    const [first, second] = await Promise.all([service.open(spec()), service.open(spec())])
    const before = parameters(first)
    const running = new AbortController()
    const waiting = new AbortController()
    const order: string[] = []
    const long = first.train(request({ steps: 100_000_000 }), running.signal).catch((error) => {
      order.push('running')
      return error
    })
    const queued = second.train(request(), waiting.signal).catch((error) => {
      order.push('waiting')
      return error
    })
    waiting.abort()
    expect(await queued).toMatchObject({ code: 'E_TRAIN_ABORTED' })
    running.abort()
    expect(await long).toMatchObject({ code: 'E_TRAIN_ABORTED' })
    expect(order).toEqual(['waiting', 'running'])
    expect(parameters(first)).toEqual(before)
    expect(await first.train(request())).toMatchObject({ samples: 40 })
    const late = AbortSignal.abort()
    await expect(first.train(request(), late)).rejects.toMatchObject({ code: 'E_TRAIN_ABORTED' })
  })

  it('refuses invalid requests, with a code, and continues', async () => {
    const given = spec()
    await expect(
      service.open({ ...given, task: imageTask('mlp', { shape: [10, 10, 1], classes: 2 }).task }),
    ).rejects.toMatchObject({ code: 'E_LABEL_RANGE' })
    const trainer = await service.open(given)
    await expect(trainer.train(request({ steps: 0 }))).rejects.toMatchObject({ code: 'E_TRAIN_REQUEST' })
    expect(() => trainer.setParameters(new Float32Array(2))).toThrow(
      expect.objectContaining({ code: 'E_PARAMETER_COUNT' }),
    )
    trainer.dispose()
    trainer.dispose()
    await expect(trainer.train(request())).rejects.toMatchObject({ code: 'E_TRAINER_DISPOSED' })
  })
})

describe('the end of a service', () => {
  it('rejects pending requests when it is closed, and all later ones', async () => {
    const service = await createTrainerService({ backend: 'cpu' })
    const trainer = await service.open(spec())
    const pending = [trainer.train(request({ steps: 100_000_000 })), trainer.evaluate()].map((promise) =>
      promise.catch((error: unknown) => error),
    )
    await service.close()
    await service.close()
    for (const error of await Promise.all(pending)) expect(error).toMatchObject({ code: 'E_SERVICE_CLOSED' })
    await expect(service.open(spec())).rejects.toMatchObject({ code: 'E_SERVICE_CLOSED' })
    trainer.dispose()
  })

  it('rejects pending requests when the worker crashes, and all later ones', async () => {
    const workerEntry = new URL('./crashing-worker.mjs', import.meta.url)
    const service = await createTrainerService({ workerEntry })
    const trainer = await service.open(spec())
    const pending = [trainer.train(request()), trainer.evaluate()].map((promise) =>
      promise.catch((error: unknown) => error),
    )
    for (const error of await Promise.all(pending)) expect(error).toMatchObject({ code: 'E_WORKER_CRASHED' })
    await expect(trainer.evaluate()).rejects.toMatchObject({ code: 'E_WORKER_CRASHED' })
    await service.close()
  })

  it('fails to start with a typed error', async () => {
    const nowhere = new URL('./no-such-worker.mjs', import.meta.url)
    await expect(createTrainerService({ workerEntry: nowhere })).rejects.toMatchObject({
      code: 'E_WORKER_CRASHED',
    })
    await expect(createTrainerService({ backend: 'gpu' as 'cpu' })).rejects.toMatchObject({
      code: 'E_BACKEND_UNAVAILABLE',
    })
  })

  it('trains with tfjs-node in its thread, and starts it again', async ({ skip }) => {
    const problem = tfjsNodeProblem()
    skip(problem !== undefined, problem)
    const trained = async (backend: 'node' | 'cpu') => {
      const service = await createTrainerService({ backend })
      const trainer = await service.open(spec('cnn'))
      const { loss } = await trainer.train(request())
      const flat = parameters(trainer)
      await service.close()
      return { loss, flat, name: service.backend.name }
    }
    const [node, again, cpu] = [await trained('node'), await trained('node'), await trained('cpu')]
    expect(node.name).toBe('node')
    expect(again).toEqual(node)
    expect(node.loss).toBeCloseTo(cpu.loss, 5)
    node.flat.forEach((value, k) => {
      expect(Math.abs(value - cpu.flat[k]), `parameter ${k}`).toBeLessThan(1e-5)
    })
  })

  it('does not keep an idle process alive, and prints nothing', async () => {
    const entry = new URL('../../../dist/trainer/trainer-service.js', import.meta.url)
    expect(existsSync(entry)).toBe(true)
    const script = `import { createTrainerService } from '${entry}'; await createTrainerService({ backend: 'auto' })`
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
    ])
    expect([stdout, stderr]).toEqual(['', ''])
  })
})
