/**
 * WFAgg: three filters vote on every neighbour; whoever passes two takes part, with the weight of its votes.
 *
 *   D: among the m − f nearest to the coordinate median of the neighbours' models
 *   C: among the m − f of largest cosine to that median
 *   T: its step since last round, ‖w_j(t) − w_j(t−1)‖, within mean ± 2·deviation of its up to `window` last steps
 *   v_j = v_D + v_C + v_T over the filters passed, 0 for fewer than two;   w_i ← α·w_i + (1 − α)·Σ v_j·w_j/Σ v_j
 *
 * Symbols: m neighbours; f assumed Byzantine ones among them, left out: ⌊(m − 1)/2⌋; α ∈ [0, 1]. T needs two earlier
 * steps in `RoundInput.memory`; until then D and C must both pass.
 * Breakdown precondition: m > 2f; checked before a run, and in a round with fewer the own model is kept.
 * Cost: a coordinate median, distances and inner products with it, O(m·d) beside the median; m vectors to remember.
 * Source: Cajaraville-Aboy, Fernández-Vilas, Díaz-Redondo, Fernández-Veiga, "Byzantine-Robust Aggregation for Securing
 * Decentralized Federated Learning", arXiv 2409.17754 (WFAgg-D, -C, -T and -E).
 * Deviations: the structure is the paper's; the counts, the weights 0.4, 0.4, 0.2 and the band of T are this package's
 * choice. Norms are not clipped before C, since a cosine ignores them.
 */

import { linearCombination, middleMean, squaredDistancesTo } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { parameter } from '../parameters.js'
import type { SenderMemory } from '../types.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'
import { ascendingOrder } from './krum-scores.js'

const VOTES = { distance: 0.4, cosine: 0.4, time: 0.2 }

function passesInTime(step: number | null, steps: readonly number[]): boolean {
  if (step === null || steps.length < 2) return false
  const mean = steps.reduce((sum, value) => sum + value, 0) / steps.length
  const variance = steps.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / steps.length
  return Math.abs(step - mean) <= 2 * Math.sqrt(variance)
}

function remember(x: Float32Array, last: SenderMemory | null, step: number | null, window: number) {
  const steps = step === null ? [] : [...(last?.values ?? []), step].slice(-window)
  return { vector: x.slice(), values: steps }
}

export const wfagg: RuleDefinition = {
  info: {
    name: 'wfagg',
    formula:
      'α·w_i + (1 − α)·Σ v_j·w_j/Σ v_j, v_j the votes of a distance, a cosine and a time filter, two at least',
    params: [
      byzantineCountParameter('⌊(m − 1)/2⌋ of the m neighbours'),
      parameter({ name: 'alpha', default: 0.5, min: 0, max: 1, meaning: 'weight of the own model' }),
      parameter({
        name: 'window',
        default: 5,
        min: 2,
        max: 1000,
        integer: true,
        meaning: 'steps remembered of each neighbour',
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
    combine: ({ own, vectors, memories, out }) => {
      const m = vectors.length
      const f = byzantineCount(fixed, m, 1)
      if (f < 0) return 'too-few-models'
      const median = new Float32Array(own.length)
      middleMean(vectors, (m - 1) >> 1, median)
      const distances = squaredDistancesTo(median, vectors, new Float64Array(m)).map(Math.sqrt)
      const dots = dotProducts(median, [median, ...vectors], null)
      const turns = vectors.map((x, j) => -cosine(dots[j + 1], dotProducts(x, [x], null)[0], dots[0]))
      const near = new Set(ascendingOrder(distances).slice(0, m - f))
      const aligned = new Set(ascendingOrder(turns).slice(0, m - f))
      const steps = vectors.map((x, j) => {
        const last = memories[j]?.vector ?? null
        return last === null ? null : Math.sqrt(squaredDistancesTo(last, [x], new Float64Array(1))[0])
      })
      const votes = vectors.map((_, j) => {
        const passed = [near.has(j), aligned.has(j), passesInTime(steps[j], memories[j]?.values ?? [])]
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
          neighbours: vectors.map((x, j) => remember(x, memories[j], steps[j], window)),
        },
      }
    },
    neededModels: () => 2 * (fixed ?? 0) + 2,
  }),
}
