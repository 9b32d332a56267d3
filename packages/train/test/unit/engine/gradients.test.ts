import { createRng } from '@tempered/robust-agg/rng'
import { beforeAll, describe, expect, it } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { createBackend } from '../../../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../../../src/engine/tfjs/tfjs-engine.js'
import type { BuiltInModel } from '../../../src/task/built-in-models.js'
import type { Model } from '../../../src/task/operation.js'
import { initialTaskParameters, openTask } from '../../../src/task/task.js'
import { createTrainerFactory, type TrainerFactory } from '../../../src/trainer/engine-trainer.js'
import { imageSpec } from '../../support/image-spec.js'
import { tfjsNodeProblem } from '../../support/tfjs-node.js'
import { referenceLoss } from './reference-network.js'

const SAMPLES = 7
const cases: [BuiltInModel, [number, number, number], number][] = [
  ['softmax', [3, 4, 1], 4],
  ['mlp', [3, 4, 2], 5],
  ['cnn', [11, 12, 2], 3],
]

const BACKENDS = ['wasm', 'cpu', 'node'] as const
const nodeProblem = tfjsNodeProblem()

let factories: Record<(typeof BACKENDS)[number], TrainerFactory>
beforeAll(async () => {
  const factory = async (name: (typeof BACKENDS)[number]) =>
    createTrainerFactory(createTfjsEngine(await createBackend(name)))
  const [wasm, cpu] = [await factory('wasm'), await factory('cpu')]
  factories = { wasm, cpu, node: nodeProblem === undefined ? await factory('node') : cpu }
})

function problem(name: BuiltInModel, inputShape: (typeof cases)[number][1], classes: number) {
  const rng = createRng('gradients', name)
  const length = inputShape[0] * inputShape[1] * inputShape[2]
  const images = Uint8Array.from({ length: SAMPLES * length }, () => rng.integer(256))
  const labels = Uint8Array.from({ length: SAMPLES }, (_, k) => k % classes)
  const spec = imageSpec(name, inputShape, classes, images, labels, { seed: 3 })
  const task = openTask(spec.task)
  const model = task.model as Model
  const start = initialTaskParameters(task, 3)
  // Biases that are not zero, so that a wrong bias gradient or layout shows.
  for (const slot of model.tensors) {
    if (slot.role !== 'bias') continue
    for (let k = 0; k < slot.length; k++) start[slot.offset + k] = 0.1 * rng.normal()
  }
  return { model, spec, start, images, labels }
}

/** One step of plain gradient descent with rate 1 over all samples: the gradient is what was subtracted. */
async function gradient(factory: TrainerFactory, { spec, start }: ReturnType<typeof problem>) {
  const trainer = factory.open(spec)
  trainer.setParameters(start)
  const request = { round: 0, steps: 1, batchSize: 100, learningRate: 1, momentum: 0 }
  const { loss, samples } = await trainer.train(request)
  expect(samples).toBe(SAMPLES)
  const after = trainer.getParameters(new Float32Array(start.length))
  trainer.dispose()
  return { loss, values: Float64Array.from(start, (value, k) => value - after[k]) }
}

describe.each(cases)('%s', (name, shape, classes) => {
  it.for(BACKENDS)('loss and gradients on %s agree with finite differences', async (backend, { skip }) => {
    skip(backend === 'node' && nodeProblem !== undefined, nodeProblem)
    const given = problem(name, shape, classes)
    const { model, start, images, labels } = given
    const { loss, values } = await gradient(factories[backend], given)
    const point = Float64Array.from(start)
    expect(Math.abs(loss - referenceLoss(model, point, images, labels))).toBeLessThan(1e-5)

    const rng = createRng('places', name)
    const h = 1e-6
    for (const slot of model.tensors) {
      for (let draw = 0; draw < sized(4, 12); draw++) {
        const place = slot.offset + rng.integer(slot.length)
        const held = point[place]
        point[place] = held + h
        const above = referenceLoss(model, point, images, labels)
        point[place] = held - h
        const below = referenceLoss(model, point, images, labels)
        point[place] = held
        const expected = (above - below) / (2 * h)
        expect(Math.abs(values[place] - expected), `${slot.name} at ${place - slot.offset}`).toBeLessThan(
          2e-6,
        )
      }
    }
    // Not all zero: the check above would otherwise pass on a dead network.
    for (const slot of model.tensors) {
      expect(
        values.subarray(slot.offset, slot.offset + slot.length).some((value) => Math.abs(value) > 1e-4),
      ).toBe(true)
    }
  })

  it('momentum and weight decay follow the documented formula', async () => {
    const given = problem(name, shape, classes)
    const [rate, momentum, weightDecay] = [0.05, 0.9, 0.1]
    let point = given.start
    let velocity = new Float64Array(point.length)
    for (let step = 0; step < 3; step++) {
      const { values } = await gradient(factories.wasm, { ...given, start: point })
      velocity = velocity.map((v, k) => momentum * v + values[k] + weightDecay * point[k])
      point = point.map((w, k) => w - rate * velocity[k])
    }
    const trainer = factories.wasm.open(given.spec)
    trainer.setParameters(given.start)
    await trainer.train({ round: 0, steps: 3, batchSize: 100, learningRate: rate, momentum, weightDecay })
    const after = trainer.getParameters(new Float32Array(point.length))
    expect(after.reduce((most, value, k) => Math.max(most, Math.abs(value - point[k])), 0)).toBeLessThan(2e-6)
  })

  it('logit adjustment descends the loss of z + τ·log π', async () => {
    const given = problem(name, shape, classes)
    const strength = 1.5
    // Only three of the samples, so that the classes differ in number and the last ones have none.
    const indices = Uint32Array.from([0, 1, classes])
    const skewed = { ...given, spec: { ...given.spec, train: { ...given.spec.train, indices } } }
    const trainer = factories.wasm.open(skewed.spec)
    const request = { round: 0, steps: 1, batchSize: 3, learningRate: 1, momentum: 0 }
    const step = async (start: Float32Array, logitAdjustment: number) => {
      trainer.setParameters(start)
      const { loss } = await trainer.train({ ...request, logitAdjustment })
      const after = trainer.getParameters(new Float32Array(start.length))
      return { loss, values: start.map((value, k) => value - after[k]) }
    }
    // Class 0 has two of the three samples, class 1 one. The last bias is added to the logits, as log π is.
    const shifted = given.start.slice()
    const { offset } = given.model.tensors.at(-1) as { offset: number }
    for (let c = 0; c < classes; c++) {
      const count = c === 0 ? 2 : c === 1 ? 1 : 0
      shifted[offset + c] += strength * Math.log((count + 1) / (3 + classes))
    }
    const adjusted = await step(given.start, strength)
    const expected = await step(shifted, 0)
    expect(Math.abs(adjusted.loss - expected.loss)).toBeLessThan(1e-5)
    adjusted.values.forEach((value, k) => {
      expect(Math.abs(value - expected.values[k]), `parameter ${k}`).toBeLessThan(2e-6)
    })
    expect(Math.abs(adjusted.loss - (await step(given.start, 0)).loss)).toBeGreaterThan(0.01)
  })

  it.for(['wasm', 'node'] as const)('%s and cpu train equally', async (backend, { skip }) => {
    skip(backend === 'node' && nodeProblem !== undefined, nodeProblem)
    const { spec, start } = problem(name, shape, classes)
    const request = { round: 1, steps: 8, batchSize: 4, learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 }
    const results = await Promise.all(
      [factories[backend], factories.cpu].map(async (factory) => {
        const trainer = factory.open(spec)
        trainer.setParameters(start)
        const { loss } = await trainer.train(request)
        return {
          loss,
          evaluation: await trainer.evaluate(),
          flat: trainer.getParameters(new Float32Array(start.length)),
        }
      }),
    )
    const [own, cpu] = results
    expect(Math.abs(own.loss - cpu.loss)).toBeLessThan(1e-5)
    expect(Math.abs(own.evaluation.loss - cpu.evaluation.loss)).toBeLessThan(1e-4)
    const worst = own.flat.reduce((most, value, k) => Math.max(most, Math.abs(value - cpu.flat[k])), 0)
    expect(worst).toBeLessThan(1e-5)
  })
})
