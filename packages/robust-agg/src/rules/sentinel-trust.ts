/**
 * Shared by Sentinel and SentinelGlobal: the two tests on a neighbour's model, the mean of its losses over the
 * rounds, and the average of the models that pass, each layer cut to the length of the node's own.
 */

import { detExp } from '../det-math.js'
import { linearCombination } from '../kernels/dispatch.js'
import { cosine, dotProducts } from '../kernels/dot.js'
import { type ParameterInfo, parameter } from '../parameters.js'
import type { SenderMemory, VerdictReason } from '../types.js'
import { evaluatorOf, type Outcome, type RoundView } from './round-view.js'

const LEAST_LOSS = 0.001

export const SENTINEL_PARAMETERS: readonly ParameterInfo[] = [
  parameter({ name: 'similarity', default: 0.5, min: -1, max: 1, meaning: 'least cosine σ' }),
  parameter({ name: 'leastWeight', default: 0.1, min: 0, max: 1, meaning: 'loss weights below λ are 0' }),
]

export interface SentinelThresholds {
  /** σ. */
  readonly similarity: number
  /** λ. */
  readonly leastWeight: number
}

/** A layer's place in the vectors, and the squared norm of the node's own model there. */
interface Layer {
  readonly from: number
  readonly to: number
  readonly ownSquare: number
}

const part = (x: Float32Array, { from, to }: Layer): Float32Array => x.subarray(from, to)

function layersOf({ own, layers }: RoundView): Layer[] {
  let from = 0
  return layers.map((length) => {
    const x = own.subarray(from, from + length)
    const layer = { from, to: from + length, ownSquare: dotProducts(x, [x], null)[0] }
    from += length
    return layer
  })
}

/** Squared norm of each neighbour, and its cosine to the node's own model, in every layer: [layer][neighbour]. */
function compare(view: RoundView, layers: readonly Layer[]) {
  const squares = layers.map((layer) =>
    view.vectors.map((x) => dotProducts(part(x, layer), [part(x, layer)], null)[0]),
  )
  const cosines = layers.map((layer, l) => {
    const dots = dotProducts(
      part(view.own, layer),
      view.vectors.map((x) => part(x, layer)),
      null,
    )
    return view.vectors.map((_, j) => cosine(dots[j], squares[l][j], layer.ownSquare))
  })
  return { squares, cosines }
}

/**
 * The mean of the losses so far and this one; a loss that is not finite does not enter the mean and is returned
 * instead of it.
 */
function withLoss(last: SenderMemory | null, loss: number): { mean: number; values: number[] } {
  const [count, mean] = [last?.values[0] ?? 0, last?.values[1] ?? 0]
  if (!Number.isFinite(loss)) return { mean: loss, values: [count, mean] }
  const next = mean * (count / (count + 1)) + loss / (count + 1)
  return { mean: next, values: [count + 1, next] }
}

export interface SentinelJudgement {
  /** Per neighbour: the cosine to the node's own model, the mean over the layers. */
  readonly similarity: readonly number[]
  /** Per neighbour: its loss weight ω_j; 0 below λ, null when it was not evaluated. */
  readonly weights: readonly (number | null)[]
  /** The weight before the cut at λ, for the verdict. */
  readonly uncut: readonly (number | null)[]
  readonly ownValues: readonly number[]
  /** Per neighbour: number of losses, and their mean. */
  readonly values: readonly (readonly number[])[]
  readonly layers: readonly Layer[]
  readonly squares: readonly (readonly number[])[]
}

/** Runs both tests; neighbours that are not `trusted` are not evaluated. */
export function judge(
  view: RoundView,
  { similarity: least, leastWeight }: SentinelThresholds,
  trusted: (j: number) => boolean,
): SentinelJudgement {
  const { own, vectors, ownMemory, memories } = view
  const evaluator = evaluatorOf(view)
  const layers = layersOf(view)
  const { squares, cosines } = compare(view, layers)
  const similarity = vectors.map(
    (_, j) => cosines.reduce((sum, row) => sum + row[j], 0) / Math.max(1, layers.length),
  )
  const mine = withLoss(ownMemory, evaluator.loss(own))
  const losses = vectors.map((x, j) =>
    trusted(j) && similarity[j] >= least ? withLoss(memories[j], evaluator.loss(x)) : null,
  )
  const uncut = losses.map((loss) => {
    if (loss === null) return null
    const weight = detExp(-Math.max(0, loss.mean - mine.mean) / Math.max(LEAST_LOSS, mine.mean))
    return Number.isNaN(weight) ? 0 : weight
  })
  return {
    similarity,
    uncut,
    weights: uncut.map((weight) => (weight === null || weight >= leastWeight ? weight : 0)),
    ownValues: mine.values,
    values: losses.map((loss, j) => loss?.values ?? memories[j]?.values.slice(0, 2) ?? [0, 0]),
    layers,
    squares,
  }
}

/** Averages the neighbours with a weight above 0 into `view.out` and returns their weights and reasons. */
export function average(
  view: RoundView,
  judgement: SentinelJudgement,
  { similarity: least, leastWeight }: SentinelThresholds,
): Pick<Outcome, 'ownWeight' | 'weights' | 'reasons'> & { scores: number[]; threshold: number[] } {
  const { own, vectors, out } = view
  const { weights: trust, layers, squares, similarity, uncut } = judgement
  const total = trust.reduce<number>((sum, value) => sum + (value ?? 0), 1)
  const kept = vectors.flatMap((_, j) => ((trust[j] ?? 0) > 0 ? [j] : []))
  const factors = layers.map(({ ownSquare }, l) =>
    squares[l].map((square) => (square > ownSquare ? Math.sqrt(ownSquare) / Math.sqrt(square) : 1)),
  )
  const coefficient = (l: number, j: number): number => ((trust[j] ?? 0) / total) * factors[l][j]
  if (kept.length > 0) {
    layers.forEach((layer, l) => {
      linearCombination(
        [1 / total, ...kept.map((j) => coefficient(l, j))],
        [part(own, layer), ...kept.map((j) => part(vectors[j], layer))],
        part(out, layer),
      )
    })
  } else if (out !== own) out.set(own)
  const share = (l: number): number => (layers[l].to - layers[l].from) / own.length
  return {
    ownWeight: 1 / total,
    weights: vectors.map((_, j) =>
      layers.length === 1
        ? coefficient(0, j)
        : layers.reduce((sum, _layer, l) => sum + share(l) * coefficient(l, j), 0),
    ),
    reasons: trust.map((value, j): VerdictReason => {
      if (value === null) return 'similarity-below-threshold'
      if (value === 0) return 'loss-above-threshold'
      return factors.some((row) => row[j] < 1) ? 'clipped' : 'accepted'
    }),
    scores: uncut.map((weight, j) => weight ?? similarity[j]),
    threshold: uncut.map((weight) => (weight === null ? least : leastWeight)),
  }
}
