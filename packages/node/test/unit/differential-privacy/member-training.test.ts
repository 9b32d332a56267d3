import type { Manifest, Run } from '@tempered/protocol'
import type { Trainer } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import {
  createMemberTraining,
  createProcessTraining,
} from '../../../src/differential-privacy/member-training.js'
import { createNoiseSeed } from '../../../src/differential-privacy/noise-seed.js'
import { createPrivateUpdates } from '../../../src/differential-privacy/private-updates.js'
import { identityFromSeed } from '../../../src/identity-file.js'
import { makeRun, seeds } from '../../support/run-fixture.js'

type TrainRequest = Parameters<Trainer['train']>[0]

const COUNT = 4_000
const identity = identityFromSeed(seeds[0]!)
const evaluation = { every: 1, samples: 1 }
const onUpdates = { on: 'update', clip: 3, noiseMultiplier: 0.5, delta: 1e-5 } as const
const runOf = (differentialPrivacy: Manifest['differentialPrivacy'], name = 'fixture'): Run =>
  makeRun({ differentialPrivacy, name })
const start = Float32Array.from({ length: COUNT }, (_, k) => Math.fround(Math.sin(k)))
const lengthOf = (x: Float32Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))
const minus = (x: Float32Array, y: Float32Array): Float32Array => x.map((value, k) => value - y[k]!)

/** Moves every parameter by a step. */
function stubTrainer(step = 1) {
  const requests: TrainRequest[] = []
  let flat = new Float32Array(COUNT)
  const trainer: Trainer = {
    parameterCount: COUNT,
    setParameters: (given) => {
      flat = given.slice()
    },
    getParameters: (out) => {
      out.set(flat)
      return out
    },
    async train(request) {
      requests.push(request)
      flat = flat.map((value) => value + step)
      return { loss: 0.5, samples: 1 }
    },
    evaluate: async () => ({ loss: 0, metrics: {}, primary: 0, samples: 1 }),
    dispose: () => undefined,
  }
  return { trainer, requests }
}

interface Play {
  readonly run?: Run
  readonly round?: number
  readonly step?: number
  readonly from?: Float32Array
  readonly who?: typeof identity
}

/** The update as the node announces it. */
async function updateOf({
  run = runOf(onUpdates),
  round = 0,
  step = 1,
  from = start,
  who = identity,
}: Play = {}) {
  const { trainer } = stubTrainer(step)
  const training = createMemberTraining(trainer, { run, identity: who, evaluation, samples: 10 })
  const parameters = from.slice()
  await training.train(round, parameters)
  return minus(parameters, from)
}

describe('noise on updates', () => {
  it('shortens the update to the clip and adds noise of the multiplier times the clip', async () => {
    // Almost without noise the length is that of the clip; the trained update was √4000 = 63 long.
    const quiet = await updateOf({ run: runOf({ ...onUpdates, noiseMultiplier: 1e-3 }) })
    expect(Math.abs(lengthOf(quiet) - 3)).toBeLessThan(0.05)
    const update = await updateOf()
    const clipped = 3 / Math.sqrt(COUNT)
    const noise = update.map((value) => value - clipped)
    const mean = noise.reduce((sum, value) => sum + value, 0) / COUNT
    const variance = noise.reduce((sum, value) => sum + value * value, 0) / COUNT
    expect(Math.abs(mean)).toBeLessThan((5 * 1.5) / Math.sqrt(COUNT))
    expect(Math.abs(variance / 1.5 ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / COUNT))
  })

  it('leaves a short update as long as it is', async () => {
    const quiet = await updateOf({ run: runOf({ ...onUpdates, noiseMultiplier: 1e-3 }), step: 0.01 })
    // 0.01·√4000 = 0.63, and noise of 0.003·√4000 = 0.19.
    expect(lengthOf(quiet)).toBeGreaterThan(0.6)
    expect(lengthOf(quiet)).toBeLessThan(0.72)
  })

  it('is the same when a round is computed again, and another one when anything differs', async () => {
    const one = await updateOf()
    expect(await updateOf()).toEqual(one)
    const noise = (update: Float32Array, step = 1) => {
      const clipped = Math.min(step, 3 / Math.sqrt(COUNT))
      return update.map((value) => value - clipped)
    }
    const others = await Promise.all([
      updateOf({ round: 1 }),
      updateOf({ run: runOf(onUpdates, 'another') }),
      updateOf({ who: identityFromSeed(seeds[1]!) }),
      updateOf({ from: start.map((value) => value + 1) }),
      // The same round from the same model, with other data: the difference would otherwise be bare.
      updateOf({ step: 0.9 }),
    ])
    for (const other of others) {
      const [a, b] = [noise(one), noise(other)]
      const product = a.reduce((sum, value, k) => sum + value * b[k]!, 0)
      expect(Math.abs(product / (lengthOf(a) * lengthOf(b)))).toBeLessThan(5 / Math.sqrt(COUNT))
    }
  })

  it('is a share of the whole where several nodes share it', async () => {
    const { trainer } = stubTrainer(0)
    const plain = createMemberTraining(trainer, { run: runOf(undefined), identity, evaluation, samples: 10 })
    const seedOf = createNoiseSeed(runOf(onUpdates), identity)
    const noiseOf = async (sharedAmong: number) => {
      const parameters = start.slice()
      await createPrivateUpdates(plain, { ...onUpdates, sharedAmong }, seedOf).train(0, parameters)
      return lengthOf(minus(parameters, start))
    }
    expect((await noiseOf(4)) / (await noiseOf(1))).toBeCloseTo(1 / 2, 3)
    expect((await noiseOf(9)) / (await noiseOf(1))).toBeCloseTo(1 / 3, 3)
  })

  it('shows nobody the update before it is clipped', async () => {
    const { trainer } = stubTrainer()
    const training = createMemberTraining(trainer, {
      run: runOf(onUpdates),
      identity,
      evaluation,
      samples: 10,
    })
    const parameters = start.slice()
    const trained = training.train(0, parameters)
    await trained
    const bare = start.map((value) => value + 1)
    const left = parameters.filter((value, k) => value === bare[k])
    expect(left.length).toBeLessThan(COUNT / 100)
    expect(training.samplingRate).toBe(1)
  })
})

describe('noise on samples', () => {
  const onSamples = { ...onUpdates, on: 'sample' } as const
  const ask = async (samples: number, play: Play = {}) => {
    const { trainer, requests } = stubTrainer()
    const { run = runOf(onSamples), round = 0, from = start, who = identity } = play
    const training = createMemberTraining(trainer, { run, identity: who, evaluation, samples })
    await training.train(round, from.slice())
    return { request: requests[0]!, training }
  }

  it('is asked of the trainer, with a seed of the round and the start', async () => {
    const { request, training } = await ask(4)
    expect(request.noise).toMatchObject({ clip: 3, noiseMultiplier: 0.5 })
    expect(request.noise!.seed).toHaveLength(32)
    expect(training.samplingRate).toBe(1 / 4)
    const seedOf = async (play: Play) => Buffer.from((await ask(4, play)).request.noise!.seed).toString('hex')
    const found = await Promise.all([
      seedOf({}),
      seedOf({ round: 1 }),
      seedOf({ from: start.map((value) => -value) }),
      seedOf({ who: identityFromSeed(seeds[1]!) }),
      seedOf({ run: runOf(onSamples, 'another') }),
    ])
    expect(new Set(found).size).toBe(found.length)
    expect(await seedOf({})).toBe(found[0])
  })

  it('has a sampling rate of 0 without samples, and of 1 with no more than a batch', async () => {
    expect((await ask(0)).training.samplingRate).toBe(0)
    expect((await ask(1)).training.samplingRate).toBe(1)
  })

  it('cannot be had from a trainer process, which says so and points at updates', () => {
    const { trainer } = stubTrainer()
    const init = { identity, evaluation }
    expect(() => createProcessTraining(trainer, { ...init, run: runOf(onSamples) })).toThrow(
      expect.objectContaining({
        code: 'E_PRIVACY_UNSUPPORTED',
        message: expect.stringMatching(/on: update/),
      }),
    )
    expect(createProcessTraining(trainer, { ...init, run: runOf(onUpdates) }).samplingRate).toBe(1)
  })
})

describe('a run without differential privacy', () => {
  it('trains as before', async () => {
    const { trainer, requests } = stubTrainer()
    const training = createMemberTraining(trainer, {
      run: runOf(undefined),
      identity,
      evaluation,
      samples: 4,
    })
    const parameters = start.slice()
    await training.train(0, parameters)
    expect(parameters).toEqual(start.map((value) => value + 1))
    expect(requests[0]).not.toHaveProperty('noise')
    expect(training).not.toHaveProperty('samplingRate')
  })
})
