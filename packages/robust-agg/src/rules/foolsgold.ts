/**
 * FoolsGold: senders whose updates have always pointed in the same direction share the influence of one sender.
 *
 *   H_k ← H_k + (x_k − p);  s_kl = cos(H_k, H_l) for l ≠ k, s_kk = 0;  v_k = max_l s_kl
 *   s_kl ← s_kl·v_k/v_l where v_k < v_l (pardon)
 *   a_k = clip(1 − max_l s_kl, 0, 1), divided by max a, at most 0.99;  a_k ← clip(ln(a_k/(1 − a_k)) + ½, 0, 1)
 *   w_i ← Σ a_k·x_k / Σ a_k
 *
 * Symbols: n models x_k, including the node's own; p where the round's training began (`RoundInput.previous`), the
 * zero vector when absent; H_k sums over all rounds, kept in `RoundInput.memory` (float32).
 * Breakdown precondition: at least two Sybils that agree, and honest updates that differ; a single attacker passes.
 * Cost: all pairwise inner products, O(n²·d), one combination, and n vectors of length d to remember.
 * Source: Fung, Yoon, Beschastnikh, "The Limitations of Federated Learning in Sybil Settings", RAID 2020; as a
 * preprint "Mitigating Sybils in Federated Learning Poisoning", arXiv 1808.04866.
 * The zero diagonal is that of the authors' code (DistributedML/FoolsGold, deep-fg/fg/foolsgold.py and
 * ML/code/model_aggregator.py): a sender that agrees with nobody has v_k = 0 and keeps its weight. Without it v_k could
 * be negative, the pardon would turn such a sender's cosines positive, and it would lose its weight.
 * Deviations: the weights are normalised to sum 1 (the paper adds up weighted updates). No feature weights. The own
 * model is one of the senders. If all weights are 0 the node keeps its own model. The logarithm is this package's
 * own.
 */

import { detLog } from '../det-math.js'
import { linearCombination } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { saturate } from '../kernels/finite.js'
import type { SenderMemory } from '../types.js'
import type { RuleDefinition } from './definition.js'

/** H + (x − p), in float64, rounded to float32, at most the largest float32. */
function accumulate(memory: SenderMemory | null, x: Float32Array, start: Float32Array | null): Float32Array {
  const sum = x.map((value, k) => (memory?.vector?.[k] ?? 0) + (value - (start?.[k] ?? 0)))
  saturate(sum)
  return sum
}

/**
 * The learning weights a_k ∈ [0, 1] from the matrix of cosines (n×n row-major, n ≥ 2, diagonal ignored), and the
 * largest cosine of each sender to another one, before the pardon and not floored at 0.
 */
export function foolsgoldWeights(similarity: Float64Array, n: number): { weights: number[]; most: number[] } {
  const others = (i: number): number[] => Array.from({ length: n }, (_, k) => k).filter((k) => k !== i)
  const most = Array.from({ length: n }, (_, i) => Math.max(...others(i).map((k) => similarity[i * n + k])))
  const floored = most.map((value) => Math.max(0, value))
  const raw = floored.map((mine, i) => {
    const pardoned = others(i).map((k) =>
      mine < floored[k] ? similarity[i * n + k] * (mine / floored[k]) : similarity[i * n + k],
    )
    return Math.max(0, 1 - Math.max(0, ...pardoned))
  })
  const largest = Math.max(...raw)
  if (!(largest > 0)) return { weights: raw.map(() => 0), most }
  const weights = raw.map((value) => {
    const scaled = Math.min(0.99, value / largest)
    return scaled > 0 ? Math.max(0, Math.min(1, detLog(scaled / (1 - scaled)) + 0.5)) : 0
  })
  return { weights, most }
}

export const foolsgold: RuleDefinition = {
  info: {
    name: 'foolsgold',
    formula: 'Σ a_k·x_k/Σ a_k, a_k falling with the largest cosine of the summed updates to another sender',
    params: [],
    needs: 'memory between rounds; Sybils that agree more than honest nodes do',
    breakdown: 'no bound on colluders that agree; a single attacker passes',
    cost: 'O(n²·d), n vectors',
    source: 'Fung et al., RAID 2020, arXiv 1808.04866',
    linear: true,
    usesWeights: false,
    usesMemory: true,
    example: {},
  },
  screen: 'scan',
  build: () => ({
    tolerated: () => null,
    combine: ({ own, vectors, start, ownMemory, memories, out }) => {
      const models = [own, ...vectors]
      const n = models.length
      const sums = models.map((x, k) => accumulate(k === 0 ? ownMemory : memories[k - 1], x, start))
      const products = sums.map((sum) => dotProducts(sum, sums, null))
      const similarity = new Float64Array(n * n)
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < n; k++) {
          similarity[i * n + k] = cosine(products[i][k], products[i][i], products[k][k])
        }
      }
      const { weights: raw, most } = foolsgoldWeights(similarity, n)
      const total = raw.reduce((sum, value) => sum + value, 0)
      const remembered = sums.map((vector): SenderMemory => ({ vector, values: [] }))
      const memory = { own: remembered[0], neighbours: remembered.slice(1) }
      const weights = total > 0 ? raw.map((value) => value / total) : raw.map((_, k) => (k === 0 ? 1 : 0))
      if (total > 0) linearCombination(weights, models, out)
      else if (out !== own) out.set(own)
      return {
        ownWeight: weights[0],
        weights: weights.slice(1),
        scores: most.slice(1),
        threshold: null,
        reasons: vectors.map((_, j) => (weights[j + 1] > 0 ? 'accepted' : 'not-selected')),
        memory,
      }
    },
  }),
}
