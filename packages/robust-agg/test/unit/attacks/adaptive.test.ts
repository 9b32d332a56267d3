/** The search for the worst submission, and its committed findings. UPDATE_FIXTURES=1 writes these anew. */

import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type AdaptiveFixture,
  type AttackView,
  createAttack,
  createProbe,
  findWorstSubmission,
  fixtureInput,
} from '../../../src/attacks/index.js'
import { createRule, type Parameters, type PreAggregatorSpec } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { cloud, distance, norm } from '../../support.js'

const D = 20
const honest = Array.from({ length: 6 }, (_, j) => cloud(`honest ${j}`, D))
const mean = Float64Array.from({ length: D }, (_, k) => honest.reduce((sum, x) => sum + x[k], 0) / 6)

function craft(name: string): Float32Array {
  const attack = createAttack(name)
  if (attack.kind !== 'model') throw new Error(name)
  const view: AttackView = {
    own: cloud('attacker', D),
    start: cloud('start', D, 0.9),
    honest,
    round: 1,
    rounds: 10,
    rng: createRng('attack'),
  }
  return attack.craft(view)
}

describe('adaptive search', () => {
  const [mine, ...others] = honest
  const search = (name: string, params = {}, attackers = 2) =>
    findWorstSubmission({
      rule: createRule(name, params),
      own: mine,
      honest: others,
      attackers,
      round: 1,
      rounds: 10,
    })

  test('breaks the average, stays within BALANCE’s bound, and its fixture replays', () => {
    const average = search('average')
    expect(average.harm).toBeGreaterThan(100 * average.harmWithout)
    const balance = search('balance')
    const bound = 0.5 * 0.3 * Math.exp(-0.1) * norm(mine) + distance(mine, mean)
    expect(balance.harm).toBeLessThanOrEqual(bound * (1 + 1e-6))
    expect(balance.harm).toBeGreaterThan(balance.harmWithout)
    const replayed = JSON.parse(JSON.stringify(balance))
    const { vector } = createRule(replayed.rule, replayed.params).aggregate(fixtureInput(replayed))
    expect(distance(vector, mean)).toBeCloseTo(balance.harm, 5)
    expect(search('balance')).toEqual(balance)
  })

  test('is an attack as well, which finds the same harm against the victim that it sees', () => {
    const attack = createAttack('adaptive')
    if (attack.kind !== 'model') throw new Error(attack.name)
    for (const name of ['median', 'balance']) {
      const rule = createRule(name)
      const round = { own: mine, neighbours: others, round: 1, rounds: 10 }
      const probe = createProbe({ rule, round, attackers: 2 })
      const submission = attack.craft({
        own: cloud('attacker', D),
        start: mine,
        honest,
        victim: { model: mine, honestWeights: honest.map(() => 1 / 7), attackerWeight: 1 / 7 },
        probe,
        round: 1,
        rounds: 10,
        rng: createRng('attack'),
      })
      const found = search(name)
      // Random directions come from another seed, so a little may be between them.
      expect(distance(probe(submission), mean)).toBeGreaterThan(0.95 * found.harm)
    }
  })

  test('is at least as bad as the named attacks against the same rule', () => {
    for (const [name, params] of [
      ['trimmed-mean', { f: 2 }],
      ['nna', { f: 2 }],
      ['geometric-median', {}],
    ] as const) {
      const worst = search(name, params)
      const run = (x: Float32Array) =>
        createRule(name, params).aggregate({ own: mine, neighbours: [...others, x, x], round: 1, rounds: 10 })
          .vector
      for (const attack of ['alie', 'ipm', 'min-max']) {
        expect(worst.harm).toBeGreaterThanOrEqual(0.6 * distance(run(craft(attack)), mean))
      }
    }
  })
})

describe('the committed worst cases', () => {
  interface WorstCase {
    readonly honestSeed: number
    readonly found: AdaptiveFixture
  }
  const file = new URL('../../vectors/worst-submissions.json', import.meta.url)
  const cases: readonly [rule: string, params: Parameters, pre: readonly PreAggregatorSpec[]][] = [
    ['average', {}, []],
    ['balance', {}, []],
    ['clipped-gossip', { b: 0.25 }, []],
    ['cs-plus', { b: 0.2 }, []],
    ['nna', { f: 2 }, []],
    ['median', {}, []],
    ['trimmed-mean', { f: 2 }, []],
    ['krum', { f: 2 }, []],
    ['multi-krum', { f: 2 }, []],
    ['geometric-median', {}, []],
    ['centred-clipping', { tau: 0.2 }, []],
    ['mda', { f: 2 }, []],
    ['caf', { f: 2 }, []],
    ['krum', { f: 2 }, [{ name: 'nnm', params: { f: 2 } }]],
    ['trimmed-mean', { f: 2 }, [{ name: 'arc', params: { f: 2 } }]],
  ]
  /** Seven honest models of eight parameters, the victim's first; the training began a little behind them. */
  const models = (seed: number) => {
    const rng = createRng(seed, 'worst submissions')
    return Array.from({ length: 7 }, () => Float32Array.from({ length: 8 }, () => 1 + 0.1 * rng.normal()))
  }
  const fresh = (): WorstCase[] =>
    cases.map(([name, params, pre], honestSeed) => {
      const [own, ...others] = models(honestSeed)
      const rule = createRule(name, params, { pre })
      const context = { previous: new Float32Array(8).fill(0.9) }
      return {
        honestSeed,
        found: findWorstSubmission({
          rule,
          own,
          honest: others,
          attackers: 2,
          round: 1,
          rounds: 10,
          context,
        }),
      }
    })

  test('the search finds what the file says', () => {
    expect(JSON.parse(JSON.stringify(fresh()))).toEqual(JSON.parse(readFileSync(file, 'utf8')))
  })

  if (process.env.UPDATE_FIXTURES === '1') {
    const lines = fresh().map((entry) => JSON.stringify(entry))
    writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`)
  }
  const committed: WorstCase[] = JSON.parse(readFileSync(file, 'utf8'))
  test.each(committed)(
    '$found.pre $found.rule: the models are those of the seed, the harm is as written',
    (entry) => {
      const { honestSeed, found } = entry
      const [own, ...others] = models(honestSeed)
      expect([found.own, ...found.honest]).toEqual([own, ...others].map((x) => Array.from(x)))
      const centre = own.map((_, k) => [own, ...others].reduce((sum, x) => sum + x[k], 0) / 7)
      const rule = createRule(found.rule, found.params, { pre: found.pre })
      const input = fixtureInput(found)
      expect(distance(rule.aggregate(input).vector, centre)).toBeCloseTo(found.harm, 5)
      const alone = rule.aggregate({ ...input, neighbours: input.neighbours.slice(0, 6) })
      expect(distance(alone.vector, centre)).toBeCloseTo(found.harmWithout, 5)
      // The undefended control is carried off; a robust rule is kept near the honest models.
      const spread = Math.max(...[own, ...others].map((x) => distance(x, centre)))
      if (found.rule === 'average') expect(found.harm).toBeGreaterThan(100 * spread)
      else expect(found.harm).toBeLessThan(2 * spread)
      expect(found.harm).toBeGreaterThan(found.harmWithout)
    },
  )
})

test('a probe gives the aggregate with the submission at the end, weights and memory extended', () => {
  const [own, ...neighbours] = honest
  const round = { own, neighbours, round: 1, rounds: 10, weights: neighbours.map(() => 0.1) }
  const liar = own.map((value) => -value)
  const rule = createRule('average')
  const probe = createProbe({ rule, round, attackers: 2, attackerWeight: 0.05 })
  expect(probe(liar)).toEqual(
    rule.aggregate({
      ...round,
      neighbours: [...neighbours, liar, liar],
      weights: [...round.weights, 0.05, 0.05],
    }).vector,
  )
  expect(() => createProbe({ rule, round, attackers: 1 })(liar)).toThrow(/'weights'/)
  const sybils = createRule('foolsgold')
  const { memory } = sybils.aggregate({ own, neighbours, round: 0, rounds: 10 })
  const remembered = createProbe({
    rule: sybils,
    round: { own, neighbours, round: 1, rounds: 10, memory },
    attackers: 2,
  })
  expect(remembered(liar).every(Number.isFinite)).toBe(true)
})
