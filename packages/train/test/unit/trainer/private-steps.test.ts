import { createRng } from '@tempered/robust-agg/rng'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Engine, Optimiser, Program } from '../../../src/engine/engine.js'
import { createBackend } from '../../../src/engine/tfjs/backend.js'
import { createTfjsEngine } from '../../../src/engine/tfjs/tfjs-engine.js'
import { createWasmEngine } from '../../../src/engine/wasm/wasm-engine.js'
import type { LayerInput } from '../../../src/task/layer-schema.js'
import type { Shape } from '../../../src/task/operation.js'
import type { BatchFiller } from '../../../src/trainer/batch-filling.js'
import { createTrainerFactory } from '../../../src/trainer/engine-trainer.js'
import {
  createPrivateSteps,
  type PrivateStepsInit,
  samplingRate,
} from '../../../src/trainer/private-steps.js'
import type { TrainRequest } from '../../../src/trainer/trainer.js'
import { createProblem, fill } from '../../support/engine-problem.js'
import { imageSpec } from '../../support/image-spec.js'

const engines: Record<'simd' | 'tfjs', Engine> = {} as never
beforeAll(async () => {
  engines.simd = createWasmEngine()
  engines.tfjs = createTfjsEngine(await createBackend('wasm'))
})
const NAMES = ['simd', 'tfjs'] as const
const seed = new Uint8Array(32).fill(7)
const length = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0))

describe.each(NAMES)('a step along a given gradient, on %s', (name) => {
  const adam = { kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 } as const
  const optimisers: Optimiser[] = [
    { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 },
    { ...adam, decoupled: false },
    { ...adam, decoupled: true },
  ]
  const models: [Shape, LayerInput[]][] = [
    [
      [5],
      [
        { layer: 'dense', units: 37, activation: 'tanh' },
        { layer: 'dense', units: 3 },
      ],
    ],
    [
      [6, 5, 2],
      [{ layer: 'conv2d', filters: 5, kernel: 3 }, { layer: 'flatten' }, { layer: 'dense', units: 3 }],
    ],
    [
      [4, 3],
      [
        { layer: 'gru', units: 5 },
        { layer: 'dense', units: 3 },
      ],
    ],
  ]
  it.each(optimisers)('is the step of the batch when nobody has changed it: %o', async (optimiser) => {
    for (const [input, layers] of models) {
      const problem = createProblem({ input, layers, batch: 4 })
      const { model, loss, batch } = problem
      const options = { optimiser, learningRate: 0.05, seed: 1 }
      const run = (move: (program: Program) => void): Promise<Float32Array> =>
        engines[name].run(() => {
          const program = engines[name].compile(model, loss)
          fill(program, problem)
          for (let step = 0; step < 3; step++) {
            program.inputs(batch).set(problem.inputs)
            program.targets(batch).set(problem.targets)
            move(program)
          }
          const after = new Float32Array(model.parameterCount)
          program.store(after)
          return after
        })
      const gradient = new Float32Array(model.parameterCount)
      const found = await run((program) => {
        program.gradient(batch, options, gradient)
        program.descend(gradient, options)
      })
      const expected = await run((program) => program.step(batch, options))
      for (let k = 0; k < found.length; k++) expect(found[k]).toBeCloseTo(expected[k], 5)
      expect(found).not.toEqual(problem.parameters)
    }
  })
})

/** Ten small images, of which one is far brighter, so that gradients have very different lengths. */
function images(over: { readonly bright?: boolean } = {}) {
  const rng = createRng('images', 1)
  const inputs = Uint8Array.from({ length: 10 * 12 }, (_, k) =>
    k < 12 ? (over.bright === false ? 0 : 255) : rng.integer(60),
  )
  return imageSpec(
    'softmax',
    [4, 3, 1],
    3,
    inputs,
    Uint8Array.from({ length: 10 }, (_, k) => k % 3),
  )
}
const request = (noise: TrainRequest['noise'], over: Partial<TrainRequest> = {}): TrainRequest => ({
  round: 0,
  steps: 1,
  batchSize: 10,
  learningRate: 1,
  momentum: 0,
  ...(noise === undefined ? {} : { noise }),
  ...over,
})

async function trained(engine: Engine, spec: ReturnType<typeof images>, asked: TrainRequest) {
  const trainer = createTrainerFactory(engine).open(spec)
  const start = trainer.getParameters(new Float32Array(trainer.parameterCount))
  const result = await trainer.train(asked)
  return { start, after: trainer.getParameters(new Float32Array(trainer.parameterCount)), result }
}

describe.each(NAMES)('clipping, on %s', (name) => {
  it('shortens the gradient of each sample, not that of the batch', async () => {
    const clip = 1
    const spec = images()
    const { start, after } = await trained(engines[name], spec, request({ clip, noiseMultiplier: 0, seed }))
    // The same from ten nodes that have one sample each and train plainly.
    const sum = new Float64Array(start.length)
    const lengths: number[] = []
    for (let k = 0; k < 10; k++) {
      const alone = { ...spec, train: { ...spec.train, indices: Uint32Array.of(k) } }
      const one = await trained(engines[name], alone, request(undefined, { batchSize: 1 }))
      const gradient = Float64Array.from(start, (value, i) => value - one.after[i])
      lengths.push(length(gradient))
      const share = Math.min(1, clip / length(gradient))
      for (let i = 0; i < sum.length; i++) sum[i] += share * gradient[i]
    }
    expect(Math.min(...lengths)).toBeLessThan(clip)
    expect(Math.max(...lengths)).toBeGreaterThan(2 * clip)
    for (let i = 0; i < sum.length; i++) expect(after[i]).toBeCloseTo(start[i] - sum[i] / 10, 5)
  })

  it('lets no sample move the model by more than the clip over the batch', async () => {
    const clip = 0.05
    const asked = request({ clip, noiseMultiplier: 0, seed })
    const [bright, dark] = await Promise.all([
      trained(engines[name], images(), asked),
      trained(engines[name], images({ bright: false }), asked),
    ])
    const moved = length(bright.after.map((value, k) => value - dark.after[k]))
    // One sample replaced is one removed and one added.
    expect(moved).toBeLessThanOrEqual((2 * clip) / 10 + 1e-6)
    const [plainBright, plainDark] = await Promise.all([
      trained(engines[name], images(), request(undefined)),
      trained(engines[name], images({ bright: false }), request(undefined)),
    ])
    expect(length(plainBright.after.map((value, k) => value - plainDark.after[k]))).toBeGreaterThan(0.05)
  })
})

const PARAMETERS = 2_000
/** A program whose gradients are zero, which keeps what it is asked to do. */
function recorder(count: number, over: Partial<PrivateStepsInit> = {}) {
  const drawn: number[][] = [[]]
  const moves: Float32Array[] = []
  const program = {
    model: { parameterCount: PARAMETERS },
    gradient: (_batch: number, _options: unknown, out: Float32Array) => {
      out.fill(0)
      return 1
    },
    descend: (gradient: Float32Array) => {
      moves.push(gradient.slice())
      drawn.push([])
    },
  } as unknown as Program
  const filler = {
    fill: (_program: Program, _samples: unknown, [sample]: Uint32Array, batch: number) => {
      expect(batch).toBe(1)
      drawn.at(-1)!.push(sample)
    },
  } as unknown as BatchFiller
  const indices = Uint32Array.from({ length: count }, (_, k) => 3 * k)
  const steps = createPrivateSteps(program, filler, {
    clip: 2,
    noiseMultiplier: 1.5,
    seed,
    batchSize: 20,
    train: { indices } as PrivateStepsInit['train'],
    ...over,
  })
  const options = {
    optimiser: { kind: 'sgd', momentum: 0, weightDecay: 0 },
    learningRate: 1,
    seed: 0,
  } as const
  return { drawn, moves, step: () => steps.step(options) }
}

describe('batches', () => {
  it('have each sample with the same chance, apart from all others', () => {
    const [samples, steps] = [100, 2_000]
    const rate = samplingRate(20, samples)
    expect(rate).toBe(0.2)
    const { drawn, step } = recorder(samples, { noiseMultiplier: 0 })
    for (let k = 0; k < steps; k++) expect(step().samples).toBe(drawn[k].length)
    const counts = new Map<number, number>()
    for (const batch of drawn) for (const sample of batch) counts.set(sample, (counts.get(sample) ?? 0) + 1)
    // Five standard deviations of a binomial number each.
    const far = 5 * Math.sqrt(steps * rate * (1 - rate))
    for (let k = 0; k < samples; k++) {
      const count = counts.get(3 * k) ?? 0
      expect(Math.abs(count - steps * rate), `sample ${k}`).toBeLessThan(far)
    }
    // Sizes spread as those of Poisson sampling: batches of one size would have a variance of zero.
    const sizes = drawn.slice(0, steps).map((batch) => batch.length)
    const mean = sizes.reduce((sum, size) => sum + size, 0) / steps
    const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / steps
    expect(mean).toBeGreaterThan(19.4)
    expect(mean).toBeLessThan(20.6)
    expect(variance).toBeGreaterThan(13)
    expect(variance).toBeLessThan(19)
    // Two samples together as often as chance has it.
    const both = drawn.filter((batch) => batch.includes(0) && batch.includes(3)).length
    expect(Math.abs(both - steps * rate ** 2)).toBeLessThan(5 * Math.sqrt(steps * rate ** 2))
  })

  it('are all samples of a node that has no more than a batch', () => {
    expect(samplingRate(20, 7)).toBe(1)
    expect(samplingRate(20, 0)).toBe(0)
    const { drawn, step } = recorder(7)
    step()
    expect(drawn[0]).toEqual([0, 3, 6, 9, 12, 15, 18])
  })
})

describe('noise', () => {
  it('has the deviation of the clip and the multiplier over the batch, and another value in every step', () => {
    const { moves, step } = recorder(100)
    for (let k = 0; k < 20; k++) step()
    const all = moves.flatMap((move) => [...move])
    const deviation = (2 * 1.5) / 20
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length
    const variance = all.reduce((sum, value) => sum + value * value, 0) / all.length
    expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(all.length))
    expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / all.length))
    expect(new Set(moves.map((move) => move[0])).size).toBe(20)
  })

  it('is there in a step without samples too', () => {
    const { drawn, moves, step } = recorder(1_000, { batchSize: 0.001 })
    for (let k = 0; k < 5; k++) step()
    expect(drawn.flat()).toEqual([])
    for (const move of moves) expect(length(move)).toBeGreaterThan(0)
  })

  it('and the samples follow from the seed alone, each in its own way', () => {
    const play = (over: Partial<PrivateStepsInit> = {}) => {
      const one = recorder(100, over)
      for (let k = 0; k < 3; k++) one.step()
      return { drawn: one.drawn, moves: one.moves }
    }
    expect(play()).toEqual(play())
    const other = play({ seed: new Uint8Array(32).fill(8) })
    expect(other.drawn).not.toEqual(play().drawn)
    expect(other.moves[0]).not.toEqual(play().moves[0])
    // Who is drawn does not depend on how much noise there is.
    expect(play({ noiseMultiplier: 0 }).drawn).toEqual(play().drawn)
  })
})

describe('a request', () => {
  it.each<[Partial<NonNullable<TrainRequest['noise']>>, RegExp]>([
    [{ clip: 0 }, /noise\.clip must be above 0, got 0/],
    [{ clip: Number.NaN }, /noise\.clip/],
    [{ noiseMultiplier: -1 }, /noise\.noiseMultiplier must be 0 or more, got -1/],
    [{ seed: new Uint8Array(5) }, /noise\.seed must be of 32 bytes, got 5/],
  ])('with %j is refused', async (change, message) => {
    const noise = { clip: 1, noiseMultiplier: 1, seed, ...change }
    await expect(trained(engines.simd, images(), request(noise))).rejects.toThrow(message)
  })

  it('may not shift the logits by the counts of labels, which no noise hides', async () => {
    const asked = request({ clip: 1, noiseMultiplier: 1, seed }, { logitAdjustment: 1 })
    await expect(trained(engines.simd, images(), asked)).rejects.toThrow(
      /logitAdjustment must be 0 with noise/,
    )
  })

  it('gives the same model each time, another one in another round, and counts samples', async () => {
    const asked = request({ clip: 1, noiseMultiplier: 1, seed }, { steps: 4, batchSize: 5 })
    const [one, again] = [
      await trained(engines.simd, images(), asked),
      await trained(engines.simd, images(), asked),
    ]
    expect(again.after).toEqual(one.after)
    expect(one.result.samples).toBeGreaterThan(4)
    expect(one.result.samples).toBeLessThan(40)
    const other = request(
      { clip: 1, noiseMultiplier: 1, seed: new Uint8Array(32) },
      { steps: 4, batchSize: 5 },
    )
    expect((await trained(engines.simd, images(), other)).after).not.toEqual(one.after)
  })
})
