import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type AttackView, createAttack, type ModelAttack } from '../../src/attacks/index.js'
import { createRule } from '../../src/index.js'
import { createRng } from '../../src/rng.js'

interface Case {
  attack: 'dissensus' | 'constant'
  epsilon?: number
  values?: number[]
  rule: string
  b: number
  delta: number
  error: number[]
}

const table = JSON.parse(readFileSync(new URL('./chain-consensus.json', import.meta.url), 'utf8'))
/** Everything is shifted by this much, so that float32 keeps small deviations from it; all rules here allow it. */
const CENTRE = 100

/** The radius that knows who is honest: τ² = (1/δ)·Σ_honest W_ij·d_ij². */
function oracleRadius(distances: readonly number[], weights: readonly number[], delta: number): number {
  return Math.sqrt(distances.reduce((sum, distance, k) => sum + weights[k] * distance * distance, 0) / delta)
}

function dissensusVector(
  victim: number,
  others: readonly number[],
  weights: number[],
  delta: number,
  epsilon: number,
) {
  const attack = createAttack('dissensus', { epsilon }) as ModelAttack
  const model = Float32Array.of(victim)
  const view: AttackView = {
    own: model,
    start: model,
    honest: others.map((x) => Float32Array.of(x)),
    round: 0,
    rounds: 1,
    rng: createRng(0),
    victim: { model, honestWeights: weights, attackerWeight: delta },
  }
  return attack.craft(view)
}

function chainStep(x: readonly number[], c: Case): number[] {
  const { a } = table
  const links: ReadonlyArray<ReadonlyArray<readonly [number, number]>> = [
    [[1, a]],
    [
      [0, a],
      [2, c.b],
    ],
    [
      [1, c.b],
      [3, a],
    ],
    [[2, a]],
  ]
  return x.map((own, i) => {
    const others = links[i].map(([j]) => x[j])
    const weights = links[i].map(([, weight]) => weight)
    const attacked = i === 1 || i === 2
    const neighbours: Float32Array[] = others.map((value) => Float32Array.of(value))
    let tau = 1e30
    if (attacked) {
      tau = oracleRadius(
        others.map((value) => Math.abs(value - own)),
        weights,
        c.delta,
      )
      neighbours.push(
        c.attack === 'dissensus'
          ? dissensusVector(own, others, weights, c.delta, c.epsilon ?? 0)
          : Float32Array.of((c.values ?? [])[i - 1] - CENTRE),
      )
    }
    const rule =
      c.rule === 'clipped-gossip-oracle'
        ? createRule('clipped-gossip', { tau })
        : createRule(
            c.rule,
            c.rule === 'trimmed-mean' && attacked ? { f: 1 } : c.rule === 'trimmed-mean' ? { f: 0 } : {},
          )
    const mixing = attacked ? [...weights, c.delta] : weights
    return rule.aggregate({ own: Float32Array.of(own), neighbours, round: 0, rounds: 1, weights: mixing })
      .vector[0]
  })
}

test.each(table.cases as Case[])('chain, $attack, $rule, b $b, delta $delta', (c) => {
  let x: number[] = table.start.map((value: number) => value - CENTRE)
  const errors = new Map<number, number>()
  for (let round = 1; round <= 100; round++) {
    x = chainStep(x, c)
    errors.set(round, x.reduce((sum, value) => sum + value * value, 0) / x.length)
  }
  table.afterRounds.forEach((round: number, k: number) => {
    const expected = c.error[k]
    const allowed = table.relativeTolerance * expected + table.absoluteTolerance
    expect(
      Math.abs((errors.get(round) ?? Number.NaN) - expected),
      `after ${round}: ${errors.get(round)}`,
    ).toBeLessThanOrEqual(allowed)
  })
})
