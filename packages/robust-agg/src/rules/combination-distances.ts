/**
 * Squared distances from the models to a point that moves from step to step and is always a combination of the
 * models. When that is exact enough they are computed from the matrix of pairwise distances, so that a step reads no
 * model.
 *
 *   q_i = ‖x_i − Σ_j a_j·x_j‖² = s_i − ½·t,   s_i = Σ_j a_j·D_ij,   t = Σ_i a_i·s_i,   D_ij = ‖x_i − x_j‖²
 *
 * for weights a_j ≥ 0 of sum 1. The formula subtracts numbers that may be much larger than their difference, so its
 * error must be bounded:
 *
 * Error of D. A chunk of D_ij is summed in float32, m = min(128, ⌈d/16⌉) squares per lane. With u = 2⁻²⁴ the
 * difference is off by u, so its square by 2u, rounding the square adds u, and the additions add (m − 1)·u at most,
 * as all terms have the same sign. In sum D̂_ij = D_ij·(1 + θ_ij), |θ_ij| ≤ (m + 2)·u. Squares that underflow in
 * float32 lose less than d·2⁻¹⁵⁰, and sums below 2⁻⁶⁰ are taken in float64.
 *
 * Error of q. With these θ, |q̂_i − q_i| ≤ Σ_j a_j·|θ_ij|·D_ij + ½·Σ_ij a_i·a_j·|θ_ij|·D_ij. Float64 sums over n + 1
 * ≤ 257 terms add 260·2⁻⁵³·(s_i + t), weights of sum 1 + ε add |ε|·(s_i + t), with |ε| ≤ 1000 steps·260·2⁻⁵³, and
 * using D̂ instead of D for s_i adds the square of θ. All three together are below u·(s_i + ½·t), which two more u
 * cover:
 *
 *   |q̂_i − q_i| ≤ E_i = (m + 4)·u·(s_i + ½·t)
 *
 * What it decides. The rules use √q only as max(ℓ, √q), ℓ the smoothing distance ν or the radius τ. The matrix serves
 * a step when E_i ≤ κ·max(ℓ², q̂_i − E_i) for every model, κ = 2⁻¹²; then the relative error of 1/max(ℓ, √q̂_i) is at
 * most κ/2. A Weiszfeld step ends at most κ·n/Σβ from where it should, n/Σβ being the harmonic mean of the max(ν, ‖z
 * − x_k‖), and a step of centred clipping at most κ·τ/2. `sharp` also requires |q̂_i − ℓ²| > E_i, so that no verdict
 * is on the wrong side. Otherwise the step reads the models: a distant Byzantine model costs time, never precision.
 *
 * When the matrix is computed: with ρ_i the known distances from one point, D_ij ≥ (ρ_i − ρ_j)² and q_i ≤ (ρ_i + Σ_j
 * a_j·ρ_j)², which exposes a model of huge norm in advance. A pair distance takes about 2/7 of the time of a distance
 * to a combination, so the matrix with its n·(n − 1)/2 distances is computed only when that takes no longer than the
 * n distances of each step: n − 1 ≤ 7·steps. All this depends on the values alone, not on kernels, threads or
 * machine.
 */

import { pairwiseSquaredDistances, squaredDistancesToCombination } from '../kernels/dispatch.js'
import { MAX_MATRIX_ROWS } from '../kernels/simd.js'

/** κ. */
export const RESOLUTION = 2 ** -12
/** Models after the first that the matrix may have per remaining step. */
const MODELS_A_STEP = 7
const FLOAT32_ROUNDING = 2 ** -24
/** Squares that one lane of a chunk adds up at most. */
const LANE_SQUARES = 128
const LANES = 16

export interface CombinationDistancesInit {
  /** At least one, finite, of one length. */
  readonly models: readonly Float32Array[]
  /** An additional point whose weight and result are 0; null for none. */
  readonly anchor: Float32Array | null
  /** ‖x_i − anchor‖² of the models; without an anchor their squared norms. */
  readonly squaredRadii: ArrayLike<number>
  /** ℓ > 0. */
  readonly limit: number
  /** Whether it matters on which side of ℓ a distance is. */
  readonly sharp: boolean
  /** How often `measure` will be called. */
  readonly steps: number
}

export interface CombinationDistances {
  /**
   * out[i] = ‖x_i − Σ_j a_j·x_j‖², the anchor first if there is one; the anchor's own entry has no meaning.
   *
   * @param weights - 0 or more, of sum 1 but for rounding
   */
  measure(weights: Float64Array, out: Float64Array): void
  /** Number of calls so far that read the models. */
  readonly passes: number
  /** Whether the matrix of distances was computed. */
  readonly hasMatrix: boolean
}

/** (m + 4)·u for vectors of length d. */
export function matrixError(d: number): number {
  return (Math.min(LANE_SQUARES, Math.ceil(d / LANES)) + 4) * FLOAT32_ROUNDING
}

/** D with the anchor's row in front, if there is one; symmetric, row-major. */
function distanceMatrix({ models, anchor, squaredRadii }: CombinationDistancesInit): Float64Array {
  const pairs = pairwiseSquaredDistances(models)
  if (anchor === null) return pairs
  const n = models.length
  const size = n + 1
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < n; i++) {
    matrix[i + 1] = squaredRadii[i]
    matrix[(i + 1) * size] = squaredRadii[i]
    matrix.set(pairs.subarray(i * n, (i + 1) * n), (i + 1) * size + 1)
  }
  return matrix
}

export function createCombinationDistances(init: CombinationDistancesInit): CombinationDistances {
  const { models, anchor, limit, sharp } = init
  const points = anchor === null ? models : [anchor, ...models]
  const size = points.length
  const firstModel = size - models.length
  const error = matrixError(models[0].length)
  const squaredLimit = limit * limit
  const radii = new Float64Array(size)
  for (let i = firstModel; i < size; i++) radii[i] = Math.sqrt(init.squaredRadii[i - firstModel])
  let matrix: Float64Array | null = null
  let left = init.steps
  let passes = 0

  /** True when the radii show that E_i > κ·max(ℓ², q_i) for some model. */
  const hopeless = (weights: Float64Array): boolean => {
    let reach = 0
    for (let j = 0; j < size; j++) reach += weights[j] * radii[j]
    for (let i = firstModel; i < size; i++) {
      let least = 0
      for (let j = 0; j < size; j++) {
        const apart = radii[i] - radii[j]
        least += weights[j] * apart * apart
      }
      const most = radii[i] + reach
      if (error * least > RESOLUTION * Math.max(squaredLimit, most * most)) return true
    }
    return false
  }

  const worthwhile = (weights: Float64Array): boolean =>
    models.length <= MAX_MATRIX_ROWS && models.length - 1 <= MODELS_A_STEP * left && !hopeless(weights)

  /** The distances of the matrix; false when they are not exact enough. */
  const fromMatrix = (d: Float64Array, weights: Float64Array, out: Float64Array): boolean => {
    let all = 0
    for (let i = 0; i < size; i++) {
      let sum = 0
      for (let j = 0; j < size; j++) sum += weights[j] * d[i * size + j]
      out[i] = sum
      all += weights[i] * sum
    }
    const half = all / 2
    for (let i = 0; i < size; i++) {
      const bound = error * (out[i] + half)
      const square = out[i] - half
      out[i] = Math.max(0, square)
      if (i < firstModel) continue
      if (bound > RESOLUTION * Math.max(squaredLimit, square - bound)) return false
      if (sharp && Math.abs(square - squaredLimit) <= bound) return false
    }
    return true
  }

  return {
    measure: (weights, out) => {
      if (matrix === null && worthwhile(weights)) matrix = distanceMatrix(init)
      left--
      if (matrix !== null && fromMatrix(matrix, weights, out)) return
      squaredDistancesToCombination(weights, points, out)
      passes++
    },
    get passes() {
      return passes
    },
    get hasMatrix() {
      return matrix !== null
    },
  }
}
