/**
 * ALIE and IPM with the most harmful strength of either sign, found by a search.
 *
 *   optimal-alie: μ − z·σ,  optimal-ipm: μ − τ·μ;   z, τ maximise ‖aggregate − μ‖
 *
 * Symbols: μ, σ as in ALIE; the aggregate is the victim's result according to `view.probe`. τ = 1 + ε is IPM's −ε·μ.
 * Search: `steps` strengths of each sign in a geometric grid, from 1/16 (for IPM min(1, ‖σ‖/‖μ‖)/16, so that it begins
 * among the honest models too) to 256, and 1; then, up to 2·`steps` times, the most promising interval between two
 * neighbouring strengths is halved. While a rule accepts the submission, harm grows about in proportion to its strength,
 * so an interval [a, b] with harm h_a and h_b promises max(h_a·b/a, h_b); where the rule begins to refuse it, harm drops,
 * so there may be several peaks. The search ends early when no interval promises 0.5 % more than was found.
 * Cost: at most 4·`steps` + 2 probes and O(|H|·d) each.
 * Not exhaustive: in 672 random rounds against 21 rules it took 80 probes on average, and one round (FoolsGold, 0.70)
 * had less than 0.9 of the harm of the best of 514 strengths.
 * Source: the line search over attack factors of ByzFL's experiments (byzfl/attacks/attack_optimizers.py,
 * LineMaximize), with its factors for both attacks (ALIE's here with the paper's sign, and IPM as (1 − τ)·μ).
 * Deviations: ByzFL tries one sign and climbs from 0 to a first peak. Without a probe: z = 1.5, ε = 0.1.
 */

import { detExp, detLog } from '../det-math.js'
import { parameter } from '../parameters.js'
import { dot, squaredDistance } from './float64-vectors.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import type { AttackView, ModelAttackDefinition } from './types.js'

/** The largest strength, and the smallest in units of the honest deviation. */
const MOST = 256
const LEAST = 1 / 16
/** The smallest ratio ‖σ‖/‖μ‖ that extends the strengths of IPM downwards. */
const LEAST_RATIO = 1 / 1024
const ENOUGH = 1.005

const steps = parameter({
  name: 'steps',
  default: 24,
  min: 1,
  max: 1000,
  integer: true,
  meaning:
    'strengths of each sign that are tried before the refinement; at most four times as many probes in all',
})

/** A strength of one sign, and ‖aggregate − μ‖ with it. */
interface Trial {
  readonly strength: number
  readonly harm: number
}

type Interval = readonly [near: Trial, far: Trial]

function promiseOf([near, far]: Interval): number {
  return Math.max(near.harm * (far.strength / near.strength), far.harm)
}

/**
 * Ascending: 1, with which IPM sends the zero vector, which some rules treat unlike all near it; and for `count` above 1
 * that many strengths from `least` to 256, each the same multiple of the one before.
 */
function strengthGrid(count: number, least: number): number[] {
  const range = detLog(MOST / least)
  const grid = Array.from({ length: count }, (_, k) => least * detExp((range * k) / (count - 1)))
  return count === 1 ? [1] : [...grid, 1].sort((a, b) => a - b)
}

/**
 * The submission that does most harm, the first found among equals; undefined without a probe.
 *
 * @param least - the smallest strength, above 0
 * @param craft - the submission of a strength
 */
function strongest(
  { probe }: AttackView,
  mean: Float64Array,
  count: number,
  least: number,
  craft: (strength: number) => Float32Array,
): Float32Array | undefined {
  if (probe === undefined) return undefined
  let best: { submission: Float32Array; harm: number } | undefined
  const attempt = (strength: number): Trial => {
    const submission = craft(strength)
    const harm = Math.sqrt(squaredDistance(mean, probe(submission)))
    if (best === undefined || harm > best.harm) best = { submission, harm }
    return { strength, harm }
  }
  const intervals = [1, -1].flatMap((sign): Interval[] => {
    const trials = strengthGrid(count, least).map((strength) => attempt(sign * strength))
    return trials.slice(1).map((far, k) => [trials[k], far])
  })
  for (let k = 0; k < 2 * count && intervals.length > 0; k++) {
    const promises = intervals.map(promiseOf)
    const most = promises.indexOf(Math.max(...promises))
    if (!(promises[most] > ENOUGH * (best?.harm ?? 0))) break
    const [near, far] = intervals[most]
    const middle = attempt((near.strength + far.strength) / 2)
    intervals.splice(most, 1, [near, middle], [middle, far])
  }
  return best?.submission
}

export const optimalAlie: ModelAttackDefinition = {
  info: {
    name: 'optimal-alie',
    kind: 'model',
    knowledge: 'all',
    formula: 'μ − z·σ, z of either sign by a search for the most harm',
    params: [steps],
    needs: ['probe'],
    uses: [],
    withoutHonest: 'own',
    source: 'ByzFL, optimal ALIE',
  },
  build:
    ({ steps: count }) =>
    (view) => {
      const mean = honestMean(view.honest, view.own)
      const deviation = honestDeviation(view.honest, mean)
      const craft = (z: number) => Float32Array.from(mean, (value, k) => value - z * deviation[k])
      return strongest(view, mean, count, LEAST, craft) ?? craft(1.5)
    },
}

export const optimalIpm: ModelAttackDefinition = {
  info: {
    name: 'optimal-ipm',
    kind: 'model',
    knowledge: 'all',
    formula: 'μ − τ·μ, τ of either sign by a search for the most harm',
    params: [steps],
    needs: ['probe'],
    uses: [],
    withoutHonest: '(1 − τ)·own',
    source: 'ByzFL, optimal IPM',
  },
  build:
    ({ steps: count }) =>
    (view) => {
      const mean = honestMean(view.honest, view.own)
      const deviation = honestDeviation(view.honest, mean)
      const ratio = Math.sqrt(dot(deviation, deviation) / dot(mean, mean))
      const least = LEAST * (ratio > LEAST_RATIO ? Math.min(1, ratio) : LEAST_RATIO)
      const craft = (tau: number) => Float32Array.from(mean, (value) => value - tau * value)
      return strongest(view, mean, count, least, craft) ?? Float32Array.from(mean, (value) => -0.1 * value)
    },
}
