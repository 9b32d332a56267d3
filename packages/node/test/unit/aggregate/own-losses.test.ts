import { createRule } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { recordedLosses, runWithLosses } from '../../../src/aggregate/own-losses.js'
import { type ArrivedModel, aggregateRound, replayRound } from '../../../src/aggregate/pipeline.js'
import { emptyMemory } from '../../../src/aggregate/rule-memory.js'

const vectors = [0, 1, 2, 3].map((k) => Float32Array.of(k, k * k))

describe('runWithLosses', () => {
  it('computes each loss once and gives the rule all of them at last', async () => {
    const computed: number[] = []
    let seen: number[] = []
    const { losses } = await runWithLosses(
      (evaluator) => {
        // Asks about the second half only when it knows the first, and about the first vector twice.
        seen = [vectors[0], vectors[1], vectors[0]].map((vector) => evaluator.loss(vector))
        if (!seen.some(Number.isNaN)) seen.push(evaluator.loss(vectors[2]))
        return undefined as never
      },
      async (parameters) => {
        computed.push(parameters[0])
        return parameters[0] === 1 ? Number.NaN : 10 + parameters[0]
      },
    )
    expect(computed).toEqual([0, 1])
    expect(losses).toEqual([10, null, 10])
    expect(seen).toEqual([10, Number.NaN, 10])
  })

  it('continues while the rule asks for more, and keeps models that the rule may overwrite', async () => {
    const scratch = new Float32Array(2)
    const { losses } = await runWithLosses(
      (evaluator) => {
        for (const vector of vectors) {
          scratch.set(vector)
          if (Number.isNaN(evaluator.loss(scratch))) break
        }
        scratch.fill(-1)
        return undefined as never
      },
      async (parameters) => parameters[1],
    )
    expect(losses).toEqual([0, 1, 4, 9])
  })

  it('gives up on a rule whose questions never settle', async () => {
    let count = 0
    await expect(
      runWithLosses(
        (evaluator) => {
          count += 1
          evaluator.loss(Float32Array.of(count))
          return undefined as never
        },
        async () => 1,
      ),
    ).rejects.toThrow('asked for new losses')
  })

  it('passes on what goes wrong with a loss', async () => {
    await expect(
      runWithLosses(
        (evaluator) => evaluator.loss(vectors[0]) as never,
        async () => Promise.reject(new Error('worker gone')),
      ),
    ).rejects.toThrow('worker gone')
  })
})

describe('rules that judge by losses', () => {
  const models = [
    [1, 1],
    [1.1, 0.9],
    [9, -9],
    [0.9, 1.2],
    [1.05, 1],
  ]
  const neighbours = models.map(
    (parameters, k): ArrivedModel => ({
      status: 'ready',
      peer: `p${k}`,
      parameters: Float32Array.from(parameters),
      announcement: Uint8Array.of(k),
      arrival: k,
      latenessMs: 0,
      opinions: null,
    }),
  )
  const loss = (parameters: Float32Array) => Math.hypot(parameters[0] - 1, parameters[1] - 1)

  it.each([
    ['ubar', { rho: 0.6 }, []],
    ['sentinel', {}, []],
    ['ubar', { rho: 0.6 }, [{ name: 'nnm', params: { f: 1 } }]],
  ])(
    '%s %j runs, and gives the same bits and verdicts from the recorded losses',
    async (name, params, pre) => {
      const rule = createRule(name, params, { pre, evaluator: true })
      const input = (out: Float32Array) => ({
        rule,
        own: Float32Array.of(1.2, 0.8),
        previous: Float32Array.of(0, 0),
        neighbours,
        round: 2,
        rounds: 9,
        mixing: undefined,
        memory: emptyMemory,
        layers: [2],
        neighboursOf: () => [],
        out,
      })
      const first = new Float32Array(2)
      const played = await aggregateRound(input(first), async (parameters) => loss(parameters))
      expect(played.losses.length).toBeGreaterThan(1)
      expect(played.losses.every((value) => value !== null)).toBe(true)
      expect(played.records[2].accepted && pre.length === 0).toBe(false)
      const again = new Float32Array(2)
      const tape = recordedLosses(played.losses)
      const replayed = replayRound(input(again), tape)
      expect(again).toEqual(first)
      expect(replayed.records).toEqual(played.records)
      expect(tape.unused).toBe(0)
      // Other losses give other verdicts: the recording is what decides.
      const other = replayRound(
        input(new Float32Array(2)),
        recordedLosses(played.losses.map((_, k) => (k === 0 ? 0 : 100 - k))),
      )
      expect(other.records).not.toEqual(played.records)
    },
  )
})
