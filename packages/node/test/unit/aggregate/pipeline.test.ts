import type { Rule } from '@tempered/robust-agg'
import { describe, expect, it } from 'vitest'
import { type AbsentModel, type ArrivedModel, aggregateRound } from '../../../src/aggregate/pipeline.js'
import { emptyMemory } from '../../../src/aggregate/rule-memory.js'

const ready = (peer: string, arrival: number, ...parameters: number[]): ArrivedModel => ({
  status: 'ready',
  peer,
  parameters: Float32Array.from(parameters),
  announcement: new TextEncoder().encode(peer),
  arrival,
  latenessMs: 10 * arrival,
  opinions: null,
})
const absent = (peer: string, reason: string, announcement: Uint8Array | null = null): AbsentModel => ({
  status: 'absent',
  peer,
  reason,
  announcement,
})
type View = Parameters<Rule['aggregate']>[0]

/** Runs a rule that gives the n-th model it sees the verdict n, and keeps what it was shown. */
async function play(
  neighbours: readonly (ArrivedModel | AbsentModel)[],
  verdict: (k: number) => {
    accepted: boolean
    weight: number
    score: number | null
    threshold: number | null
    reason: string
  } = (k) => ({ accepted: k % 2 === 0, weight: 0.1 * k, score: k, threshold: 10 + k, reason: `r${k}` }),
  mixing?: ReadonlyMap<string, number>,
) {
  let view: View | undefined
  const rule = {
    aggregate(seen: View, out: Float32Array) {
      view = seen
      out.fill(42)
      return { ownWeight: 0.5, verdicts: seen.neighbours.map((_, k) => verdict(k)) }
    },
  } as unknown as Rule
  const out = new Float32Array(2)
  const result = await aggregateRound(
    {
      rule,
      own: Float32Array.of(1, 2),
      previous: Float32Array.of(0, 0),
      neighbours,
      round: 3,
      rounds: 9,
      mixing,
      memory: emptyMemory,
      layers: [2],
      neighboursOf: () => [],
      out,
    },
    async () => 0,
  )
  return { result, out, view: view! }
}

describe('aggregateRound', () => {
  it('shows the rule the models that arrived, in member order, with round, own and previous parameters', async () => {
    const { view, out, result } = await play([ready('a', 1, 5, 6), absent('b', 'down'), ready('c', 0, 7, 8)])
    expect(view.neighbours.map((model) => [...model])).toEqual([
      [5, 6],
      [7, 8],
    ])
    expect([...view.own]).toEqual([1, 2])
    expect([view.round, view.rounds]).toEqual([3, 9])
    expect(view.weights).toBeUndefined()
    expect([...out]).toEqual([42, 42])
    expect(result.ownWeight).toBe(0.5)
  })

  it('counts neighbours as exposed that were convicted or announced an invalid model, but not silent ones', async () => {
    const silent = ['down', 'deadline', 'passed', 'E_TIMEOUT', 'E_STREAM', 'E_HASH_MISMATCH', 'left-out']
    const { view: none } = await play(silent.map((reason, k) => absent(`peer ${k}`, reason)))
    expect(none.exposed).toBe(0)
    const guilty = ['quarantined', 'E_NOT_FINITE', 'E_MODEL_LENGTH', 'E_MODEL_HEADER']
    const { view } = await play([ready('a', 0, 5, 6), ...guilty.map((reason, k) => absent(`b${k}`, reason))])
    expect(view.exposed).toBe(4)
  })

  it('records every neighbour in member order, each verdict with its own neighbour', async () => {
    const late = Uint8Array.of(9)
    const { result } = await play([
      ready('a', 1, 5, 6),
      absent('b', 'deadline', late),
      ready('c', 0, 7, 8),
      absent('d', 'down'),
    ])
    expect(result.records).toEqual([
      {
        peer: 'a',
        announcement: new TextEncoder().encode('a'),
        accepted: true,
        weight: 0,
        score: 0,
        threshold: 10,
        reason: 'r0',
        arrival: 1,
        latenessMs: 10,
      },
      {
        peer: 'b',
        announcement: late,
        accepted: false,
        weight: 0,
        score: null,
        threshold: null,
        reason: 'deadline',
        arrival: null,
        latenessMs: null,
      },
      {
        peer: 'c',
        announcement: new TextEncoder().encode('c'),
        accepted: false,
        weight: 0.1,
        score: 1,
        threshold: 11,
        reason: 'r1',
        arrival: 0,
        latenessMs: 0,
      },
      {
        peer: 'd',
        announcement: null,
        accepted: false,
        weight: 0,
        score: null,
        threshold: null,
        reason: 'down',
        arrival: null,
        latenessMs: null,
      },
    ])
  })

  it('gives each model its own mixing weight when some are absent', async () => {
    const mixing = new Map([
      ['a', 0.1],
      ['b', 0.2],
      ['c', 0.3],
    ])
    const { view } = await play(
      [absent('a', 'down'), ready('b', 0, 1, 1), ready('c', 1, 2, 2)],
      undefined,
      mixing,
    )
    expect(view.weights).toEqual([0.2, 0.3])
  })

  it('records no number that the ledger cannot hold', async () => {
    const { result } = await play([ready('a', 0, 1, 1)], () => ({
      accepted: false,
      weight: Number.NaN,
      score: Number.POSITIVE_INFINITY,
      threshold: Number.NaN,
      reason: 'far',
    }))
    expect(result.records[0]).toMatchObject({ weight: 0, score: null, threshold: null })
  })

  it('works without any neighbour', async () => {
    const { result, view } = await play([])
    expect(result.records).toEqual([])
    expect(view.neighbours).toEqual([])
  })
})
