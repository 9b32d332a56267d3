/** Runs a rule on pre-aggregated models and carries its verdicts back to the neighbours that sent the originals. */

import { squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import { type Combine, type Outcome, type RoundView, type Screen, thresholdOf } from '../rules/round-view.js'
import type { RoundMemory, SenderMemory, VerdictReason } from '../types.js'
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

/**
 * For each output the one input that it stands for, −1 where it stands for several. Only the former has a past: behind
 * random buckets every round is a first.
 */
function soleInputs({ standsIn, models }: Chain): number[] {
  return models.map((_, o) => {
    const first = standsIn.indexOf(o)
    return standsIn.lastIndexOf(o) === first ? first : -1
  })
}

/** What the rule sees. Weights of inputs that share an output add up; those with my own go to me. */
function viewBehind(view: RoundView, chain: Chain, screen: Screen, exposed: number): RoundView {
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
  const sole = soleInputs(chain)
  const pastOf = (o: number): SenderMemory | null =>
    sole[o] < 0 ? null : sole[o] === 0 ? view.ownMemory : view.memories[sole[o] - 1]
  return {
    ...view,
    exposed,
    ownMemory: pastOf(0),
    memories: vectors.map((_, o) => pastOf(o + 1)),
    opinion: (k, j) =>
      sole[k + 1] > 0 && sole[j + 1] > 0 ? view.opinion(sole[k + 1] - 1, sole[j + 1] - 1) : null,
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

/** What is remembered of an output belongs to the input that it stands for alone; the others keep what they had. */
function memoryBack(memory: RoundMemory, chain: Chain, view: RoundView): RoundMemory {
  const sole = soleInputs(chain)
  return {
    own: sole[0] === 0 ? memory.own : view.ownMemory,
    neighbours: view.vectors.map((_, j) => {
      const output = chain.standsIn[j + 1]
      return sole[output] === j + 1 ? memory.neighbours[output - 1] : view.memories[j]
    }),
  }
}

function carryBack(outcome: Outcome, chain: Chain, view: RoundView): Outcome {
  const neighbours = view.vectors.length
  /** What the rule says about the output that stands for neighbour j; `otherwise` where that is the own one. */
  const ofOutput = <T>(j: number, said: (output: number) => T, otherwise: T): T => {
    const output = chain.standsIn[j + 1]
    return output === 0 ? otherwise : said(output - 1)
  }
  const outputs = [outcome.ownWeight, ...Array.from(outcome.weights)]
  const weightOf = (k: number): number =>
    outputs.reduce((sum, weight, o) => sum + weight * chain.total[o][k], 0)
  const weights = Float64Array.from({ length: neighbours }, (_, j) => weightOf(j + 1))
  const each = <T>(of: (j: number) => T): T[] => Array.from({ length: neighbours }, (_, j) => of(j))
  const { memory, opinions, scores } = outcome
  return {
    ownWeight: weightOf(0),
    weights,
    scores: each((j) => ofOutput<number | null>(j, (o) => scores?.[o] ?? null, null)),
    threshold: each((j) => ofOutput<number | null>(j, (o) => thresholdOf(outcome, o), null)),
    reasons: each((j) => {
      const said = ofOutput<VerdictReason>(j, (o) => outcome.reasons[o], 'accepted')
      const reason = weights[j] > 0 && !takesPart(said) ? 'accepted' : said
      return takesPart(reason) && chain.clipped[j + 1] ? 'clipped' : reason
    }),
    memory: memory && memoryBack(memory, chain, view),
    opinions: opinions && each((j) => ofOutput(j, (o) => opinions[o], 1)),
  }
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
  const { previous, round } = view
  let { exposed } = view
  let chain = identity([view.own, ...view.vectors])
  for (const stage of pre) {
    if (chain.models.length < 2) break
    const mixed = stage.mix({ models: chain.models, previous, round, exposed })
    if (mixed === 'too-few-models') return mixed
    chain = extend(chain, mixed)
    exposed += mixed.exposed ?? 0
  }
  const inner = viewBehind(view, chain, screen, exposed)
  if (inner.vectors.length === 0) {
    view.out.set(inner.own)
    return carryBack({ ownWeight: 1, weights: [], scores: null, threshold: null, reasons: [] }, chain, view)
  }
  const outcome = combine(inner)
  return outcome === 'too-few-models' ? outcome : carryBack(outcome, chain, view)
}
