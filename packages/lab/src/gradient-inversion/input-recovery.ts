/**
 * Inputs of a dense layer z = W·x + b from its gradient, in closed form:
 *
 *   ∂L/∂W_i = Σ_k δ_k,i·x_k,  ∂L/∂b_i = Σ_k δ_k,i,  so  ∂L/∂W_i / ∂L/∂b_i = Σ_k δ_k,i·x_k / Σ_k δ_k,i
 *
 * Symbols: x_k the samples, δ_k,i the derivative of the loss of sample k by z_i, times 1/B.
 * - One sample: every unit with δ_i ≠ 0 gives x, exactly.
 * - Several, first layer of an MLP: a unit whose ReLU lets one sample through gives that sample, others a mixture. Units that agree
 *   show a sample by itself, so they come first.
 * - Several, softmax: δ_k,c = (p_k,c − [y_k = c])/B, so the unit of class c gives a mean in which the samples of the class weigh most.
 *
 * Sources: Phong, Aono, Hayashi, Wang, Moriai, "Privacy-Preserving Deep Learning via Additively Homomorphic Encryption", IEEE TIFS
 * 13(5), 2018 (one sample); Geiping, Bauermeister, Dröge, Moeller, "Inverting Gradients", NeurIPS 2020, arXiv 2003.14053 (whatever
 * comes after the layer); Boenisch et al., "When the Curious Abandon Honesty", EuroS&P 2023, arXiv 2112.02918 (several samples).
 * Deviation: the models are trained as usual; none is built so that units isolate samples, as the last source also does.
 */

import { LabError } from '../errors.js'
import type { DenseGradient } from './dense-gradient.js'
import { product, standardised } from './similarity.js'

/** Units whose bias moved less than this share of the one that moved most are left out: their quotient is rounding. */
const LEAST_BIAS = 1e-3
/** Correlation from which two units show the same. */
const SAME = 0.98

export interface RecoveredInput {
  /** Length `inputs`, in the units of the samples as the model takes them. */
  readonly input: Float64Array
  /** Units that show it, the one whose bias moved most first. */
  readonly units: readonly number[]
}

/**
 * The inputs that the units of a layer show, without those that show the same: most agreed first, then by how much the bias moved.
 *
 * @param most - how many are returned at most, a whole number from 1
 * @param only - units to look at; default: all
 * @returns none where no bias moved
 * @throws LabError E_USAGE for a layer whose parts do not fit each other, or a number out of range
 */
export function recoverInputs(
  { inputs, units, kernel, bias }: DenseGradient,
  most: number,
  only: readonly number[] = Array.from({ length: units }, (_, unit) => unit),
): RecoveredInput[] {
  if (kernel.length !== units * inputs || bias.length !== units)
    throw new LabError(
      'E_USAGE',
      `a kernel of ${kernel.length} numbers and a bias of ${bias.length} do not fit ${units} units of ${inputs} inputs; pass units × inputs and units numbers`,
    )
  if (!Number.isInteger(most) || most < 1)
    throw new LabError(
      'E_USAGE',
      `the number of inputs to recover must be a whole number from 1, got ${most}`,
    )
  const moved = (unit: number): number => Math.abs(bias[unit] as number)
  const largest = only.reduce((so, unit) => Math.max(so, moved(unit)), 0)
  const live = only.filter((unit) => moved(unit) > LEAST_BIAS * largest).sort((a, b) => moved(b) - moved(a))
  const found: { input: Float64Array; shape: Float64Array; units: number[] }[] = []
  for (const unit of live) {
    const row = kernel.subarray(unit * inputs, (unit + 1) * inputs)
    const input = row.map((value) => value / (bias[unit] as number))
    const shape = standardised(input)
    const same = found.find((other) => product(other.shape, shape) >= SAME)
    if (same === undefined) found.push({ input, shape, units: [unit] })
    else same.units.push(unit)
  }
  return found
    .sort((a, b) => b.units.length - a.units.length)
    .slice(0, most)
    .map(({ input, units: agreed }) => ({ input, units: agreed }))
}
