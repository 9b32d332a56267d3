/**
 * CAF, covariance-bound agnostic filter: repeatedly reduce the weight of models that stand out along the direction of
 * largest variance, and return the mean at which that variance was least.
 *
 *   c = 1; while Σc > n − 2f:  μ = Σ c_k·x_k/Σc;  λ, v = largest eigenpair of Σ c_k·(x_k − μ)(x_k − μ)ᵀ/Σc;
 *     remember μ when λ is the least so far;  τ_k = (v·(x_k − μ))²;  c_k ← c_k·(1 − τ_k/max τ)
 *
 * Symbols: n models x_k, including the node's own; f the assumed number of Byzantine ones, default: ⌊(n − 1)/2⌋;
 * weights c_k ∈ [0, 1].
 * Breakdown precondition: n > 2f; checked before a run. In a round with fewer models the node keeps its own.
 * Cost: all pairwise distances in float64 and one combination, O(n²·d); at most n steps of O(n³) on the matrix.
 * Source: Allouah, Guerraoui, Stephan, "Towards Trustworthy Federated Learning with Untrusted Participants", ICML
 * 2025, arXiv 2505.01874, algorithm 2; ByzFL's implementation.
 * Deviations: the eigenpair is computed in full on the n×n inner products (x_i − μ)·(x_k − μ), which follow from the
 * distances, where ByzFL takes one step of the power method from a random vector. With f = 0, where the loop does not
 * run, the result is the plain mean. A variance of 0 ends the loop.
 */

import { linearCombination, squaredDistancesTo } from '../kernels/dispatch.js'
import { symmetricEigen } from '../symmetric-eigen.js'
import { byzantineCount, byzantineCountParameter, toleratedCount } from './byzantine-count.js'
import type { RuleDefinition } from './definition.js'

/** All ‖x_i − x_k‖² in float64, n×n row-major. Unlike `pairwiseSquaredDistances`, no sum runs in float32. */
function exactSquaredDistances(models: readonly Float32Array[]): Float64Array {
  const n = models.length
  const squares = new Float64Array(n * n)
  for (let i = 0; i + 1 < n; i++) {
    const row = squaredDistancesTo(models[i], models.slice(i + 1), new Float64Array(n - i - 1))
    row.forEach((square, at) => {
      const k = i + 1 + at
      squares[i * n + k] = square
      squares[k * n + i] = square
    })
  }
  return squares
}

/**
 * (x_i − μ)·(x_k − μ) for μ = Σ p_k·x_k, from squared distances: −½·(D_ik − (Dp)_i − (Dp)_k + pᵀDp).
 *
 * The terms cancel: an error of D counts relative to the largest distance to a model that still has weight. With
 * distances summed in float32, six models 300 away, nearly equal, shifted the result by up to 0.7 % of the honest
 * spread.
 */
function centredProducts(squares: Float64Array, n: number, p: Float64Array): Float64Array {
  const row = new Float64Array(n)
  let mean = 0
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) row[i] += p[k] * squares[i * n + k]
    mean += p[i] * row[i]
  }
  return squares.map((square, at) => -0.5 * (square - row[Math.floor(at / n)] - row[at % n] + mean))
}

/** The coefficients of the mean that CAF returns. */
function cafWeights(squares: Float64Array, n: number, f: number): Float64Array {
  let c = new Float64Array(n).fill(1)
  let best = new Float64Array(n).fill(1 / n)
  let least = Number.POSITIVE_INFINITY
  let total = n
  while (total > n - 2 * f) {
    const p = c.map((value) => value / total)
    const products = centredProducts(squares, n, p)
    const root = p.map(Math.sqrt)
    const weighted = products.map((value, at) => value * root[Math.floor(at / n)] * root[at % n])
    const { values, vectors } = symmetricEigen(weighted, n)
    const variance = values[n - 1]
    if (variance < least) {
      least = variance
      best = p
    }
    if (!(variance > 0)) break
    const leading = vectors[n - 1]
    const tau = Float64Array.from(c, (_, k) => {
      let along = 0
      for (let i = 0; i < n; i++) along += root[i] * leading[i] * products[i * n + k]
      return along * along
    })
    // A model without weight no longer counts, however far away it is.
    let largest = 0
    for (let k = 0; k < n; k++) if (c[k] > 0) largest = Math.max(largest, tau[k])
    if (!(largest > 0)) break
    c = c.map((value, k) => (value > 0 ? value * (1 - tau[k] / largest) : 0))
    total = c.reduce((sum, value) => sum + value, 0)
  }
  return best
}

export const caf: RuleDefinition = {
  info: {
    name: 'caf',
    formula:
      'c_k ← c_k·(1 − τ_k/max τ), τ_k = (v·(x_k − μ))² along the largest variance; the μ of least variance',
    params: [byzantineCountParameter('⌊(n − 1)/2⌋')],
    needs: 'f, and n > 2f',
    breakdown: 'f models',
    cost: 'O(n²·d + n⁴)',
    source: 'Allouah et al., ICML 2025, arXiv 2505.01874',
    linear: true,
    usesWeights: false,
    example: { f: 2 },
  },
  screen: 'scan',
  build: ({ f: fixed }) => ({
    tolerated: (models) => toleratedCount(fixed, models, 1),
    combine: ({ own, vectors, out, exposed, refused }) => {
      const models = [own, ...vectors]
      const f = byzantineCount(fixed, { exposed, refused }, models.length, 1)
      if (f < 0) return 'too-few-models'
      const weights = cafWeights(exactSquaredDistances(models), models.length, f)
      linearCombination(weights, models, out)
      return {
        ownWeight: weights[0],
        weights: weights.subarray(1),
        scores: null,
        threshold: null,
        reasons: vectors.map((_, j) => (weights[j + 1] > 0 ? 'accepted' : 'not-selected')),
      }
    },
    neededModels: () => 2 * (fixed ?? 0) + 1,
  }),
}
