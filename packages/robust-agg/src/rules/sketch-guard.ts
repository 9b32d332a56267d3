/**
 * SketchGuard: BALANCE's test on short sketches first, and on the models themselves only for those that pass.
 *
 *   accept j iff ‖s_i − s_j‖ ≤ r·‖s_i‖ and (with `verify`) ‖w_i − w_j‖ ≤ r·‖w_i‖,   r = γ·exp(−κ·t/T)
 *   w_i ← α·w_i + (1 − α)·mean of the accepted;   nothing accepted: w_i is unchanged, bit for bit
 *
 * Symbols: s = countSketch(w, k, seed + t), see count-sketch.ts; γ, κ, α, t, T as in BALANCE.
 * Breakdown precondition: none in the number of attackers; with `verify` and without `nearest` BALANCE's bound on the
 * step holds.
 * Cost: n sketches, O(n·d), distances of length k; in a network O(k·n + d·|accepted|) bytes instead of O(d·n).
 * Source: Rangwala, Azzedin, Sinnott, Buyya, "SketchGuard", arXiv 2510.07922.
 * Deviations: here all models are available, so the rule shows what the protocol decides, not what it saves. `verify`
 * (on by default) is an addition: an attacker that knows the seed can hide any distance from a sketch, but not from
 * this check.
 * The code of murmura, from the authors' laboratory (Cloudslab/murmura, murmura/aggregation/sketchguard.py),
 * differs: γ = 2; the radius is 1.5 times as long after three rounds in which less than 0.3 of the neighbours were
 * accepted on average; the hash stays the same over the run; and when nobody is accepted, the neighbour with the nearest
 * sketch is. So an attacker whose lies empty the set gets in, at any distance. `nearest` = 1 does this too, for
 * comparison; the longer radius is not offered.
 */

import { countSketch } from '../count-sketch.js'
import { detExp } from '../det-math.js'
import { linearCombination } from '../kernels/dispatch.js'
import { parameter } from '../parameters.js'
import type { VerdictReason } from '../types.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder } from './krum-scores.js'

function sketchNorm(a: Float64Array, b: Float64Array | null): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) {
    const value = b === null ? a[k] : a[k] - b[k]
    sum += value * value
  }
  return Math.sqrt(sum)
}

export const sketchGuard: RuleDefinition = {
  info: {
    name: 'sketch-guard',
    formula: 'accept j iff ‖s_i − s_j‖ ≤ γ·exp(−κ·t/T)·‖s_i‖ for Count-Sketches s; then as `balance`',
    params: [
      parameter({
        name: 'gamma',
        default: 0.3,
        min: 0,
        max: 1e6,
        meaning: 'ball radius relative to the norm',
      }),
      parameter({
        name: 'kappa',
        default: 1,
        min: 0,
        max: 100,
        meaning: 'how fast the ball shrinks over the run',
      }),
      parameter({ name: 'alpha', default: 0.5, min: 0, max: 1, meaning: "weight of the node's own model" }),
      parameter({
        name: 'size',
        default: 1000,
        min: 1,
        max: 2 ** 24,
        integer: true,
        meaning: 'length k of a sketch',
      }),
      parameter({
        name: 'seed',
        default: 0,
        min: 0,
        max: 2 ** 31,
        integer: true,
        meaning: 'seed of the sketches; the round is added to it',
      }),
      parameter({
        name: 'verify',
        default: 1,
        min: 0,
        max: 1,
        integer: true,
        meaning: '1: test the full models of those that pass; 0: trust the sketches, as published',
      }),
      parameter({
        name: 'nearest',
        min: 0,
        max: 1,
        integer: true,
        meaning:
          '1: accept the nearest sketch when no neighbour is accepted, without any bound on the step, as murmura does; default: 0',
      }),
    ],
    needs: "only the node's own model",
    breakdown: 'no bound on the number of attackers; the step is at most (1 − α)·γ·exp(−κ·t/T)·‖w_i‖',
    cost: 'O(n·d)',
    source: 'Rangwala et al., arXiv 2510.07922',
    linear: true,
    usesWeights: false,
    example: { gamma: 0.3, kappa: 1, alpha: 0.5, size: 16 },
  },
  screen: 'distance',
  build: ({ gamma, kappa, alpha, size, seed, verify, nearest }) => ({
    tolerated: () => null,
    combine: ({ own, ownNorm, vectors, distances, round, rounds, out }) => {
      const ratio = gamma * detExp((-kappa * round) / rounds)
      const mine = countSketch(own, size, seed + round)
      const threshold = ratio * sketchNorm(mine, null)
      const scores = vectors.map((x) => sketchNorm(mine, countSketch(x, size, seed + round)))
      const accepted = vectors.flatMap((_, j) =>
        scores[j] <= threshold && (verify === 0 || distances[j] <= ratio * ownNorm) ? [j] : [],
      )
      if (accepted.length === 0 && nearest === 1 && vectors.length > 0)
        accepted.push(ascendingOrder(scores)[0])
      const share = (1 - alpha) / accepted.length
      const weights = new Float64Array(vectors.length)
      for (const j of accepted) weights[j] = share
      const reasons = vectors.map(
        (_, j): VerdictReason => (accepted.includes(j) ? 'accepted' : 'distance-above-threshold'),
      )
      if (accepted.length === 0) {
        if (out !== own) out.set(own)
        return { ownWeight: 1, weights, scores, threshold, reasons }
      }
      linearCombination([alpha, ...accepted.map(() => share)], [own, ...accepted.map((j) => vectors[j])], out)
      return { ownWeight: alpha, weights, scores, threshold, reasons }
    },
  }),
}
