/** Runs a rule on pre-aggregated models and carries its verdicts back to the neighbours that sent the originals. */

import { squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import type { Combine, Outcome, RoundView, Screen } from '../rules/round-view.js'
import type { VerdictReason } from '../types.js'
import type { Mixture, PreBehaviour } from './definition.js'

interface Chain {
  readonly models: readonly Float32Array[]
  /** For each original input, the output that stands for it. */
  readonly standsIn: readonly number[]
  /** total[o][k]: how much of original k is in output o. */
  readonly total: readonly Float64Array[]
  readonly clipped: readonly boolean[]
}

function identity(models: readonly Float32Array[]): Chain {
  return {
    models,
    standsIn: models.map((_, k) => k),
    total: models.map((_, o) => Float64Array.from(models, (_x, k) => (k === o ? 1 : 0))),
    clipped: models.map(() => false),
  }
}

/** The stage's coefficients applied to the chain's. */
function extend(chain: Chain, stage: Mixture): Chain {
  return {
    models: stage.models,
    standsIn: chain.standsIn.map((o) => stage.standsIn[o]),
    total: stage.coefficients.map((row) => {
      const product = new Float64Array(chain.standsIn.length)
      row.forEach((factor, o) => {
        for (let k = 0; k < product.length; k++) product[k] += factor * chain.total[o][k]
      })
      return product
    }),
    clipped: chain.clipped.map((was, k) => was || stage.clipped?.[chain.standsIn[k]] === true),
  }
}

/** What the rule sees. Weights of inputs that share an output add up; those with my own go to me. */
function viewBehind(view: RoundView, chain: Chain, screen: Screen): RoundView {
  const [own, ...vectors] = chain.models
  const weights = new Float64Array(vectors.length)
  view.weights.forEach((weight, j) => {
    const output = chain.standsIn[j + 1]
    if (output > 0) weights[output - 1] += weight
  })
  const equal = view.weights.every((weight) => weight === 1 / (view.weights.length + 1))
  if (equal) weights.fill(1 / chain.models.length)
  const distances = new Float64Array(screen === 'distance' ? vectors.length : 0)
  if (screen === 'distance') {
    squaredDistancesTo(own, vectors, distances)
    distances.forEach((square, j) => {
      distances[j] = Math.sqrt(square)
    })
  }
  const honest = view.honest
  return {
    ...view,
    own,
    ownNorm: Math.sqrt(squaredNorm(own)),
    vectors,
    distances,
    weights,
    // An output is honest when nobody dishonest is in it.
    honest:
      honest === null
        ? null
        : vectors.map((_, o) => honest.every((good, j) => good || chain.total[o + 1][j + 1] === 0)),
  }
}

const takesPart = (reason: VerdictReason): boolean => reason === 'accepted' || reason === 'clipped'

function carryBack(outcome: Outcome, chain: Chain, neighbours: number): Outcome {
  const outputs = [outcome.ownWeight, ...Array.from(outcome.weights)]
  const weightOf = (k: number): number =>
    outputs.reduce((sum, weight, o) => sum + weight * chain.total[o][k], 0)
  const weights = Float64Array.from({ length: neighbours }, (_, j) => weightOf(j + 1))
  const reasons = Array.from({ length: neighbours }, (_, j): VerdictReason => {
    const output = chain.standsIn[j + 1]
    const said = output === 0 ? 'accepted' : outcome.reasons[output - 1]
    const reason = weights[j] > 0 && !takesPart(said) ? 'accepted' : said
    return takesPart(reason) && chain.clipped[j + 1] ? 'clipped' : reason
  })
  const scores = Array.from({ length: neighbours }, (_, j) => {
    const output = chain.standsIn[j + 1]
    return output === 0 || outcome.scores === null ? null : outcome.scores[output - 1]
  })
  return { ownWeight: weightOf(0), weights, scores, threshold: outcome.threshold, reasons }
}

/**
 * The rule behind the pre-aggregators. A neighbour's weight is its coefficient in the result through all outputs it
 * is part of; score and threshold are those of the output that stands for it.
 */
export function runBehindPre(
  view: RoundView,
  pre: readonly PreBehaviour[],
  screen: Screen,
  combine: Combine,
): Outcome | 'too-few-models' {
  let chain = identity([view.own, ...view.vectors])
  for (const stage of pre) {
    if (chain.models.length < 2) break
    const mixed = stage.mix({ models: chain.models, previous: view.previous, round: view.round })
    if (mixed === 'too-few-models') return mixed
    chain = extend(chain, mixed)
  }
  const inner = viewBehind(view, chain, screen)
  if (inner.vectors.length === 0) {
    view.out.set(inner.own)
    return carryBack(
      { ownWeight: 1, weights: [], scores: null, threshold: null, reasons: [] },
      chain,
      view.vectors.length,
    )
  }
  const outcome = combine(inner)
  return outcome === 'too-few-models' ? outcome : carryBack(outcome, chain, view.vectors.length)
}
