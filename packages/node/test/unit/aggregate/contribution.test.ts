import { createRule } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { compareRound, leaveOneOut, roundBefore } from '../../../src/aggregate/contribution.js'
import {
  type AbsentModel,
  type ArrivedModel,
  aggregateRound,
  type PipelineInput,
} from '../../../src/aggregate/pipeline.js'
import { emptyMemory, encodeMemory } from '../../../src/aggregate/rule-memory.js'
import { announce, makeEntry, makeRun, modelCid, signers } from '../../support/run-fixture.js'

const D = 600
/** A sequence that any language computes alike; the models are those of robust-agg/test/vectors/contribution.test.ts. */
const wave = (seed: number): Float64Array =>
  Float64Array.from(
    { length: D },
    (_, k) => ((k * (2 * seed + 3) + 7 * seed * seed + k * k * seed) % 101) / 101 - 0.5,
  )
const start = Float32Array.from(wave(1))
const beside = (scale: number, seed: number): Float32Array => {
  const direction = wave(seed)
  return start.map((value, k) => value + scale * direction[k]!)
}

const run = makeRun({ contribution: { every: 1 } })
const [me, ...others] = signers.slice(0, 4)
const said = (member: number, round: number, model: number) =>
  announce(signers[member]!, round, { model: modelCid(model) }).bytes

const ready = (
  member: number,
  parameters: Float32Array,
  { arrival = member, model = 100 + member } = {},
): ArrivedModel => ({
  status: 'ready',
  peer: signers[member]!.peerId,
  parameters,
  announcement: said(member, 1, model),
  arrival,
  latenessMs: 0,
  opinions: null,
})
const absent = (member: number): AbsentModel => ({
  status: 'absent',
  peer: signers[member]!.peerId,
  reason: 'deadline',
  announcement: null,
})

function input(neighbours: PipelineInput['neighbours'], rule = createRule('average')): PipelineInput {
  return {
    rule,
    own: beside(0.1, 2),
    previous: start,
    neighbours,
    round: 1,
    rounds: 10,
    mixing: undefined,
    memory: rule.usesMemory ? emptyMemory : undefined,
    layers: [D],
    neighboursOf: () => [],
    out: new Float32Array(D),
  }
}

describe('leaveOneOut', () => {
  const target = wave(9)
  const lossOf = async (w: Float32Array): Promise<number> =>
    w.reduce((sum, value, k) => sum + (value - target[k]!) ** 2, 0) / D

  it('is the difference of losses that NumPy finds for the mean', async () => {
    const models = [beside(0.12, 3), beside(0.08, 4), beside(0.5, 5), beside(0.1, 6)]
    const round = input(models.map((model, k) => ready(k + 1, model)))
    await aggregateRound(round, lossOf)
    const gains = await leaveOneOut(round, lossOf)
    // NumPy 2.4: mean((mean of the others − t)²) − mean((mean − t)²), aggregates rounded to float32.
    const due = [0.0005087930228183102, -0.0007155604330122967, 0.0038662089459786664, -0.0008368906112928565]
    for (const [k, gain] of gains.entries()) expect(gain).toBeCloseTo(due[k]!, 8)
    expect(gains).toHaveLength(4)
  })

  it('is null for absent models, 0 for refused ones without a loss, and null where a loss is not finite', async () => {
    const far = start.map((value) => value + 1e6)
    const rule = createRule('balance', { gamma: 1, kappa: 0 })
    const round = input([absent(1), ready(2, far), ready(3, beside(0.1, 4))], rule)
    await aggregateRound(round, lossOf)
    let asked = 0
    const gains = await leaveOneOut(round, async (w) => {
      asked += 1
      return lossOf(w)
    })
    expect(gains).toEqual([null, 0, expect.any(Number)])
    expect(gains[2]).not.toBe(0)
    expect(asked).toBe(2)
    expect(await leaveOneOut(round, async () => Number.NaN)).toEqual([null, 0, null])
  })

  it('leaves the aggregate, the memory and the models as they were, under a rule that remembers and asks', async () => {
    for (const [name, params] of [
      ['foolsgold', {}],
      ['ubar', { rho: 0.5 }],
    ] as const) {
      const rule = createRule(name, params, { evaluator: true })
      const round = input(
        [ready(1, beside(0.12, 3)), ready(2, beside(0.08, 4)), ready(3, beside(0.5, 5))],
        rule,
      )
      const result = await aggregateRound(round, lossOf)
      const before = structuredClone([round.out, round.own, round.neighbours])
      const remembered = result.memory && encodeMemory(result.memory)
      await leaveOneOut(round, lossOf)
      expect([round.out, round.own, round.neighbours]).toEqual(before)
      expect(result.memory && encodeMemory(result.memory)).toEqual(remembered)
      expect(round.memory && encodeMemory(round.memory)).toEqual(round.memory && encodeMemory(emptyMemory))
    }
  })
})

describe('roundBefore', () => {
  const parentOf = (round: number) =>
    makeEntry(round, run.id, {
      run: run.id,
      announcement: said(0, round, 200),
      neighbours: [
        {
          ...makeEntry(0, run.id).body.neighbours[0]!,
          peer: signers[1]!.peerId,
          announcement: said(1, round, 201),
        },
        {
          ...makeEntry(0, run.id).body.neighbours[0]!,
          peer: signers[2]!.peerId,
          announcement: said(2, round, 202),
          arrival: null,
        },
      ],
      start: modelCid(300),
    })

  it('has the models that the author had, and what was announced to it', () => {
    const { models, announced } = roundBefore(run, 1, parentOf(0))!
    expect(models).toEqual([
      { cid: modelCid(200).toString(), member: 0 },
      { cid: modelCid(201).toString(), member: 1 },
      { cid: modelCid(300).toString(), member: null },
    ])
    expect([...announced.values()]).toEqual([0, 1, 2])
  })

  it('is empty in the first round and after a gap, and undefined in rounds without scores', () => {
    expect(roundBefore(run, 0, undefined)).toMatchObject({ models: [] })
    expect(roundBefore(run, 2, parentOf(0))).toMatchObject({ models: [] })
    expect(roundBefore(makeRun({ contribution: { every: 2 } }), 0, undefined)).toBeUndefined()
    expect(roundBefore(makeRun(), 0, undefined)).toBeUndefined()
    expect(roundBefore(makeRun({ contribution: { every: 1 }, localSteps: 0 }), 0, undefined)).toBeUndefined()
  })
})

describe('compareRound', () => {
  /** Steps that have a direction in common. */
  const common = wave(11)
  const trained = (scale: number, seed: number): Float32Array =>
    beside(scale, seed).map((value, k) => value + 0.1 * common[k]!)
  const compare = (
    neighbours: PipelineInput['neighbours'],
    last: NonNullable<ReturnType<typeof roundBefore>> = { models: [], announced: new Map() },
    before: readonly Float32Array[] = [],
  ) =>
    compareRound({
      run,
      author: me!.peerId,
      announcement: said(0, 1, 100),
      input: { ...input(neighbours), own: trained(0.1, 2) },
      last,
      before,
    })
  const reasons = ({ own, neighbours }: ReturnType<typeof compare>) =>
    [own, ...neighbours].map((one) => one && [one.freeRide, one.copyOf])

  it('names whose model a copy is: the one that came later is the copy, unless it is that of the node itself', () => {
    const copied = trained(0.12, 3)
    const near = copied.map((value, k) => value + (k % 2) * 1e-4)
    const early = compare([
      ready(1, copied, { arrival: 2 }),
      ready(2, near, { arrival: 0 }),
      ready(3, trained(0.1, 6)),
    ])
    expect(reasons(early)).toEqual([
      [null, null],
      ['later-copy', 2],
      [null, 1],
      [null, null],
    ])
    const own = compare([ready(1, trained(0.1, 2)), absent(2), ready(3, trained(0.1, 6))])
    expect(reasons(own)).toEqual([[null, 1], ['copy', 0], null, [null, null]])
  })

  it('finds the start, and models of the last round by hash, or nearly those of others', () => {
    const theirs = trained(0.3, 7)
    const last = {
      models: [
        { cid: 'own', member: 0 },
        { cid: 'theirs', member: 2 },
        { cid: 'start', member: null },
      ],
      announced: new Map([[modelCid(150).toString(), 2]]),
    }
    const before = [trained(0.3, 8), theirs, trained(-0.2, 10)]
    const nearly = theirs.map((value, k) => value + (k % 2) * 1e-4)
    const found = compare(
      [ready(1, start.slice()), ready(2, nearly), ready(3, trained(0.1, 6), { model: 150 })],
      last,
      before,
    )
    // Member 2 nearly repeats itself, which proves nothing; member 3 announces what member 2 announced before.
    expect(reasons(found)).toEqual([
      [null, null],
      ['unchanged', null],
      [null, null],
      ['resent', 2],
    ])
    expect(reasons(compare([ready(1, nearly), absent(2), absent(3)], last, before))[1]).toEqual(['resent', 2])
  })

  it('says the same about the node itself', () => {
    const announced = new Map([[modelCid(100).toString(), 3]])
    const found = compare([ready(1, trained(0.12, 3)), ready(2, trained(0.08, 4)), absent(3)], {
      models: [],
      announced,
    })
    expect(reasons(found)).toEqual([['resent', 3], [null, null], [null, null], null])
    expect(others).toHaveLength(3)
  })
})
