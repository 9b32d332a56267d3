/** Optimal ALIE and IPM against fine grids of strengths of both signs. */

import { expect, test } from 'vitest'
import { sized } from '../../../../../test-support/tier.js'
import { createAttack, createProbe } from '../../../src/attacks/index.js'
import { createRule } from '../../../src/index.js'
import { createRng } from '../../../src/rng.js'
import { distance } from '../../support.js'

const ROUNDS = sized(4, 20)
const STEPS = 24
const FINE = Array.from({ length: 97 }, (_, k) => 2 ** (k / 8 - 4)).flatMap((strength) => [
  strength,
  -strength,
])

/** Honest models, the victim's first; in half of the rounds two of them are three times as far out. */
function honestModels(name: string, seed: number): { honest: Float32Array[]; attackers: number } {
  const rng = createRng('optimal', name, seed)
  const count = 4 + rng.integer(8)
  const d = [2, 8, 40][rng.integer(3)]
  const centre = rng.integer(2)
  const spread = [0.1, 1][rng.integer(2)]
  const outliers = 2 * rng.integer(2)
  const honest = Array.from({ length: count }, (_, i) =>
    Float32Array.from({ length: d }, () => centre + (i < outliers ? 3 : 1) * spread * rng.normal()),
  )
  return { honest, attackers: 1 + rng.integer(Math.max(1, Math.floor((count - 1) / 2))) }
}

function attackOn(rule: ReturnType<typeof createRule>, honest: readonly Float32Array[], attackers: number) {
  const [own, ...neighbours] = honest
  const d = own.length
  const mean = Float64Array.from({ length: d }, (_, k) =>
    honest.reduce((sum, x) => sum + x[k] / honest.length, 0),
  )
  const deviation = mean.map((value, k) =>
    Math.sqrt(honest.reduce((sum, x) => sum + (x[k] - value) ** 2, 0) / honest.length),
  )
  const previous = new Float32Array(d)
  const probe = createProbe({ rule, round: { own, neighbours, round: 0, rounds: 1, previous }, attackers })
  let probes = 0
  const counted = (submission: Float32Array): Float32Array => {
    probes++
    return probe(submission)
  }
  const harm = (submission: Float32Array): number => distance(probe(submission), mean)
  const found = (name: string): number => {
    const attack = createAttack(name, { steps: STEPS })
    if (attack.kind !== 'model') throw new Error(name)
    probes = 0
    const rng = createRng('attack')
    const crafted = attack.craft({ own, start: previous, honest, round: 0, rounds: 1, rng, probe: counted })
    expect(probes).toBeLessThanOrEqual(4 * STEPS + 2)
    return harm(crafted)
  }
  const fine = (along: Float64Array): number =>
    Math.max(...FINE.map((s) => harm(Float32Array.from(mean, (value, k) => value - s * along[k]))))
  return { alie: [found('optimal-alie'), fine(deviation)], ipm: [found('optimal-ipm'), fine(mean)] }
}

const rules: [name: string, params: (attackers: number, n: number) => Record<string, number>][] = [
  ['average', () => ({})],
  ['median', () => ({})],
  ['trimmed-mean', (f) => ({ f })],
  ['meamed', (f) => ({ f })],
  ['krum', (f, n) => ({ f: Math.min(f, Math.floor((n - 3) / 2)) })],
  ['multi-krum', (f, n) => ({ f: Math.min(f, Math.floor((n - 3) / 2)) })],
  ['bulyan', (f, n) => ({ f: Math.min(f, Math.floor((n - 3) / 4)) })],
  ['mda', (f) => ({ f })],
  ['nna', (f) => ({ f })],
  ['caf', (f) => ({ f })],
  ['nna-weighted', () => ({ b: 0.25 })],
  ['clipped-gossip', () => ({ b: 0.25 })],
  ['cs-plus', () => ({ b: 0.15 })],
  ['balance', () => ({})],
  ['geometric-median', () => ({})],
]

test('at least 0.9 of the harm of a fine grid, and never less than 0.8, in at most 4·steps + 2 probes', () => {
  const ratios = rules.flatMap(([name, params]) =>
    Array.from({ length: ROUNDS }, (_, seed) => {
      const { honest, attackers } = honestModels(name, seed)
      const rule = createRule(name, params(attackers, honest.length + attackers))
      const { alie, ipm } = attackOn(rule, honest, attackers)
      return [alie, ipm].map(([found, fine]) => [fine > 0 ? found / fine : 1, name, seed] as const)
    }).flat(),
  )
  const low = ratios.filter(([ratio]) => ratio < 0.9)
  expect(low.length, JSON.stringify(low)).toBeLessThanOrEqual(0.02 * ratios.length)
  expect(low.filter(([ratio]) => ratio < 0.8)).toEqual([])
})

test('models mirrored at their mean suffer the same: the sign is searched too', () => {
  for (let seed = 0; seed < 6; seed++) {
    const { honest } = honestModels('mirror', seed)
    const mean = honest[0].map((_, k) => honest.reduce((sum, x) => sum + x[k] / honest.length, 0))
    const mirrored = honest.map((x) => x.map((value, k) => 2 * mean[k] - value))
    const [harm, mirroredHarm] = [honest, mirrored].map(
      (models) => attackOn(createRule('nna', { f: 2 }), models, 2).alie[0],
    )
    expect(harm / mirroredHarm, `seed ${seed}`).toBeCloseTo(1, 2)
  }
})
