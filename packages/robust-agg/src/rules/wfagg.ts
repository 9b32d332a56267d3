/**
 * WFAgg: three filters vote on every neighbour; a neighbour that passes two takes part, weighted by its votes.
 *
 *   D: among the max(1, m − f − 1) nearest to the coordinate median of the neighbours' models
 *   C: among the max(1, m − f − 1) of largest cosine to that median
 *   T: its step since the last round, ‖w_j(t) − w_j(t−1)‖, and its turn, cos(w_j(t), w_j(t−1)), are each within
 *      mean ± 2·deviation of up to `window` earlier ones
 *   v_j = 0.4·D + 0.4·C + 0.2·T, 0 for fewer than two filters;   w_i ← α·w_i + (1 − α)·Σ v_j·w_j/Σ v_j
 *
 * Symbols: m neighbours; f the assumed number of Byzantine ones among them, default: ⌊(m − 1)/2⌋; α ∈ [0, 1]. T needs
 * two earlier steps in `RoundInput.memory`; until then D and C must both pass.
 * Breakdown precondition: m > 2f; checked before a run. In a round with fewer the node's own model is kept.
 * Cost: a coordinate median, distances and inner products with it, O(m·d) beside the median; m remembered vectors.
 * Source: Cajaraville-Aboy, Fernández-Vilas, Díaz-Redondo, Fernández-Veiga, "Byzantine-Robust Aggregation for
 * Securing Decentralized Federated Learning", arXiv 2409.17754; counts, votes and the least of two filters as in the
 * published code of WFAgg-D, -C, -T and -E.
 * Deviations: that code's T uses the last two rounds, smoothed exponentially, and a band of one deviation, which an
 * honest node rarely meets; the window and the two deviations are this package's. α is the share of the node's own
 * model (there that of the neighbours). Norms are not clipped before C, since a cosine ignores them.
 */

import { linearCombination, middleMean, squaredDistancesTo } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { SenderMemory } from '../types.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder } from './krum-scores.js'

const VOTES = { distance: 0.4, cosine: 0.4, time: 0.2 }

/** How a sender moved since the last round: the length of its step, and the cosine between its two models. */
type Movement = readonly [step: number, turn: number]

function movementOf(x: Float32Array, last: SenderMemory | null): Movement | null {
  const before = last?.vector ?? null
  if (before === null) return null
  const [step] = squaredDistancesTo(before, [x], new Float64Array(1))
  const [dot] = dotProducts(x, [before], null)
  const square = (v: Float32Array): number => dotProducts(v, [v], null)[0]
  return [Math.sqrt(step), cosine(dot, square(x), square(before))]
}

/** Is the value within mean ± 2·deviation of the earlier ones? */
function isUsual(value: number, earlier: readonly number[]): boolean {
  const mean = earlier.reduce((sum, other) => sum + other, 0) / earlier.length
  const variance = earlier.reduce((sum, other) => sum + (other - mean) * (other - mean), 0) / earlier.length
  return Math.abs(value - mean) <= 2 * Math.sqrt(variance)
}

/** @param values - step, turn, step, turn … of the earlier rounds */
function passesInTime(movement: Movement | null, values: readonly number[]): boolean {
  if (movement === null || values.length < 4) return false
  return movement.every((value, kind) =>
    isUsual(
      value,
      values.filter((_, k) => k % 2 === kind),
    ),
  )
}

function remember(x: Float32Array, last: SenderMemory | null, movement: Movement | null, window: number) {
  const values = movement === null ? [] : [...(last?.values ?? []), ...movement].slice(-2 * window)
  return { vector: x.slice(), values }
}

export const wfagg: RuleDefinition = {
  info: {
    name: 'wfagg',
    formula:
      'α·w_i + (1 − α)·Σ v_j·w_j/Σ v_j, v_j the votes of a distance, a cosine and a time filter, two at least',
    params: [
      byzantineCountParameter('⌊(m − 1)/2⌋ of the m neighbours'),
      parameter({ name: 'alpha', default: 0.5, min: 0, max: 1, meaning: "weight of the node's own model" }),
      parameter({
        name: 'window',
        default: 5,
        min: 2,
        max: 1000,
        integer: true,
        meaning: 'remembered steps per neighbour',
      }),
    ],
    needs: 'f of the m neighbours, m > 2f; memory between rounds for the time filter',
    breakdown: 'f neighbours',
    cost: 'as `median`, and m vectors',
    source: 'Cajaraville-Aboy et al., arXiv 2409.17754',
    linear: true,
    usesWeights: false,
    usesMemory: true,
    example: { f: 1, alpha: 0.5 },
  },
  screen: 'scan',
  build: ({ f: fixed, alpha, window }) => ({
    tolerated: (models) => toleratedCount(fixed, models - 1, 1),
    combine: ({ own, vectors, memories, out, exposed, refused }) => {
      const m = vectors.length
      const f = byzantineCount(fixed, { exposed, refused }, m, 1)
      if (f < 0) return 'too-few-models'
      const median = new Float32Array(own.length)
      middleMean(vectors, (m - 1) >> 1, median)
      const distances = squaredDistancesTo(median, vectors, new Float64Array(m)).map(Math.sqrt)
      const dots = dotProducts(median, [median, ...vectors], null)
      const turns = vectors.map((x, j) => -cosine(dots[j + 1], dotProducts(x, [x], null)[0], dots[0]))
      const count = Math.max(1, m - f - 1)
      const near = new Set(ascendingOrder(distances).slice(0, count))
      const aligned = new Set(ascendingOrder(turns).slice(0, count))
      const movements = vectors.map((x, j) => movementOf(x, memories[j]))
      const votes = vectors.map((_, j) => {
        const passed = [near.has(j), aligned.has(j), passesInTime(movements[j], memories[j]?.values ?? [])]
        if (passed.filter(Boolean).length < 2) return 0
        const [byDistance, byCosine, byTime] = passed
        return (byDistance ? VOTES.distance : 0) + (byCosine ? VOTES.cosine : 0) + (byTime ? VOTES.time : 0)
      })
      const total = votes.reduce((sum, vote) => sum + vote, 0)
      const weights = votes.map((vote) => (vote > 0 ? ((1 - alpha) * vote) / total : 0))
      const kept = votes.flatMap((vote, j) => (vote > 0 ? [j] : []))
      if (kept.length > 0) {
        linearCombination([alpha, ...kept.map((j) => weights[j])], [own, ...kept.map((j) => vectors[j])], out)
      } else if (out !== own) out.set(own)
      return {
        ownWeight: kept.length > 0 ? alpha : 1,
        weights,
        scores: distances,
        threshold: null,
        reasons: votes.map((vote) => (vote > 0 ? 'accepted' : 'not-selected')),
        memory: {
          own: { vector: null, values: [] },
          neighbours: vectors.map((x, j) => remember(x, memories[j], movements[j], window)),
        },
      }
    },
    neededModels: () => 2 * (fixed ?? 0) + 2,
  }),
}
