/**
 * Mimic: all attackers copy the same honest node, so that its data count more than that of any other node.
 *
 *   x_k + ζ·s·N(0, I);  k given, or learned in the first rounds: k = argmax_i z·x_i, z the direction in which honest
 *   models differ most
 *   μ ← (t·μ + mean of the x_i)/(t + 1);  c = Σ_i (z·(x_i − μ))·(x_i − μ);  z ← unit((t·z + c/‖c‖)/(t + 1))
 *
 * Symbols: x_i the honest models; s = √(mean of ‖x_i − μ‖²/d) their spread now; ζ the noise, 0 for exact copies; t
 * the rounds seen before, at most `warmup`; after these k is fixed. z begins as a random direction, the same for all
 * attackers, and learns by Oja's rule, a power iteration spread over the rounds.
 * Cost: O(|H|·d) while it learns, then O(d); two vectors of length d.
 * Source: Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing", ICLR 2022,
 * arXiv 2006.09365, and the authors' published experiments for the step of z.
 * Deviations: on models, where the paper sends gradients; the noise, against defences that know exact copies, is
 * ours. An instance learns over the rounds of one run, in their order, from lists of honest models in the same order;
 * a round before the last one restarts it. Without an honest model in view, the own model is sent.
 */

import { parameter } from '../parameters.js'
import { createRng } from '../rng.js'
import { dot, unit } from './float64-vectors.js'
import { honestMean } from './honest-moments.js'
import type { AttackView, ModelAttackDefinition } from './types.js'

interface Learned {
  /** The last round it learned from. */
  readonly round: number
  /** Number of rounds it learned from. */
  readonly seen: number
  readonly mean: Float64Array
  readonly direction: Float64Array
  readonly target: number
}

/** c, the honest covariance times the direction, of length 1; null when the models do not differ along it. */
function powerStep(
  honest: readonly Float32Array[],
  mean: Float64Array,
  along: Float64Array,
): Float64Array | null {
  const step = new Float64Array(along.length)
  for (const x of honest) {
    const weight = dot(along, x) - dot(along, mean)
    for (let k = 0; k < step.length; k++) step[k] += weight * (x[k] - mean[k])
  }
  return unit(step)
}

function learn(view: AttackView, last: Learned | null): Learned {
  const { honest, own, round } = view
  const seen = last?.seen ?? 0
  const now = honestMean(honest, own)
  const mean = last === null ? now : last.mean.map((value, k) => (seen * value + now[k]) / (seen + 1))
  const rng = createRng(0, 'mimic')
  const before = last?.direction ?? Float64Array.from(own, () => rng.normal())
  const step = powerStep(honest, mean, before)
  const mixed =
    step === null || last === null ? step : before.map((value, k) => (seen * value + step[k]) / (seen + 1))
  const direction = (mixed && unit(mixed)) ?? before
  const along = honest.map((x) => dot(direction, x))
  return { round, seen: seen + 1, mean, direction, target: along.indexOf(Math.max(...along)) }
}

/** √ of the mean squared deviation of a coordinate from the honest mean. */
function spreadOf(honest: readonly Float32Array[], own: Float32Array): number {
  const mean = honestMean(honest, own)
  let sum = 0
  for (const x of honest) for (let k = 0; k < x.length; k++) sum += (x[k] - mean[k]) ** 2
  return Math.sqrt(sum / (honest.length * own.length))
}

function copyOf(x: Float32Array, noise: number, { honest, own, rng }: AttackView): Float32Array {
  if (noise === 0) return x.slice()
  const scale = noise * spreadOf(honest, own)
  return x.map((value) => value + scale * rng.normal())
}

export const mimic: ModelAttackDefinition = {
  info: {
    name: 'mimic',
    kind: 'model',
    knowledge: 'all',
    formula:
      'x_k of one honest node, optionally with noise, for a given k or argmax z·x_k along the direction z of largest variance',
    params: [
      parameter({
        name: 'index',
        min: 0,
        max: 65535,
        integer: true,
        meaning: 'which node, modulo |H|; default: learned',
      }),
      parameter({
        name: 'warmup',
        default: 10,
        min: 1,
        max: 1e6,
        integer: true,
        meaning: 'rounds in which it learns which node to copy',
      }),
      parameter({
        name: 'noise',
        default: 0,
        min: 0,
        max: 1e6,
        meaning: 'deviation of the noise on the copy, in units of the spread of the honest models',
      }),
    ],
    ridesFree: true,
    needs: [],
    uses: [],
    withoutHonest: 'own',
    source: 'Karimireddy et al., ICLR 2022, arXiv 2006.09365',
  },
  build: ({ index, warmup, noise }) => {
    let learned: Learned | null = null
    return (view) => {
      const { own, honest, round } = view
      if (honest.length === 0) return own.slice()
      if (index !== undefined) return copyOf(honest[index % honest.length], noise, view)
      if (learned === null || round < learned.round || learned.mean.length !== own.length) {
        learned = learn(view, null)
      } else if (round > learned.round && learned.seen < warmup) learned = learn(view, learned)
      return copyOf(honest[Math.max(0, learned.target) % honest.length], noise, view)
    }
  },
}
