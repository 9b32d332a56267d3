/** Runs the pre-aggregators in order and tracks what happens to each original model. */

import type { RoundView } from '../rules/round-view.js'
import type { Scratch } from '../scratch.js'
import type { SenderMemory } from '../types.js'
import type { Mixture, PreBehaviour, Refusal, Reputation } from './definition.js'
import { reputationIn, shareOf } from './step-memory.js'
import { identityRows } from './unmixed.js'

/** The models of a round on their way through the steps. */
export interface Chain {
  readonly models: readonly Float32Array[]
  /** For each original input, the output that represents it; −1 when it was refused. */
  readonly outputOf: readonly number[]
  /** For each original input, why it was refused. */
  readonly refused: readonly (Refusal | null)[]
  /** total[o][k]: how much of original k is in output o. */
  readonly total: readonly Float64Array[]
  readonly clipped: readonly boolean[]
}

function identity(models: readonly Float32Array[]): Chain {
  return {
    models,
    outputOf: models.map((_, k) => k),
    refused: models.map(() => null),
    total: identityRows(models.length),
    clipped: models.map(() => false),
  }
}

/** The step's coefficients applied to the chain's. */
function extend(chain: Chain, step: Mixture): Chain {
  return {
    models: step.models,
    outputOf: chain.outputOf.map((o) => (o < 0 ? o : step.outputOf[o])),
    refused: chain.refused.map((was, k) => was ?? step.refused?.[chain.outputOf[k]] ?? null),
    total: step.coefficients.map((row) => {
      const product = new Float64Array(chain.outputOf.length)
      row.forEach((factor, o) => {
        for (let k = 0; k < product.length; k++) product[k] += factor * chain.total[o][k]
      })
      return product
    }),
    clipped: chain.clipped.map((was, k) => was || step.clipped?.[chain.outputOf[k]] === true),
  }
}

/**
 * For each output the only input that it represents, −1 when it represents several. Only an output with a sole input
 * has memory: behind random buckets every round is like the first.
 */
export function soleInputs({ outputOf, models }: Chain): number[] {
  return models.map((_, o) => {
    const first = outputOf.indexOf(o)
    return outputOf.lastIndexOf(o) === first ? first : -1
  })
}

/** The memory of the node's own model, then of the neighbours. */
export const pastsOf = (view: RoundView): readonly (SenderMemory | null)[] => [
  view.ownMemory,
  ...view.memories,
]

/** The result of the steps on a round's models. */
export interface StepsRun {
  readonly chain: Chain
  readonly exposed: number
  readonly refused: number
  readonly opposed: boolean
  /** For each step with memory, what each original input gained. */
  readonly gains: readonly (readonly Reputation[])[]
  /** Names of the steps that did not fit the models. */
  readonly unfit: readonly string[]
}

const NOTHING: Reputation = { earned: 0, possible: 0 }

/** The reputation of each model of a chain in step `s` of those with memory. */
function reputationsOf({ models, outputOf }: Chain, past: readonly (SenderMemory | null)[], s: number) {
  const bySender = past.map((memory) => reputationIn(memory, s))
  // A model with several senders gets the best reputation among them.
  return models.map((_, o) =>
    bySender
      .filter((_standing, k) => outputOf[k] === o)
      .reduce((best, reputation) => (shareOf(reputation) > shareOf(best) ? reputation : best)),
  )
}

/** Runs the steps in order, as long as there are two models. */
export function runSteps(
  view: RoundView,
  pre: readonly PreBehaviour[],
  scratch: Scratch,
): StepsRun | 'too-few-models' {
  const { previous, initial, round } = view
  const past = pastsOf(view)
  const remembering = pre.filter((step) => step.usesMemory)
  const gains = remembering.map(() => past.map(() => NOTHING))
  let { exposed, refused } = view
  const unfit: string[] = []
  let { opposed } = view
  let chain = identity([view.own, ...view.vectors])
  for (const step of pre) {
    if (chain.models.length < 2) break
    const s = remembering.indexOf(step)
    const { outputOf } = chain
    const reputations = s < 0 ? [] : reputationsOf(chain, past, s)
    const { models } = chain
    const mixed = step.mix({
      models,
      previous,
      initial,
      round,
      exposed,
      refused,
      opposed,
      reputations,
      scratch,
    })
    if (mixed === 'too-few-models') return mixed
    outputOf.forEach((o, k) => {
      // A copy of the node's own model earns nothing: it took no work.
      if (s >= 0 && (o > 0 || k === 0)) gains[s][k] = mixed.gains?.[o] ?? NOTHING
    })
    chain = extend(chain, mixed)
    if (mixed.unfit === true) unfit.push(step.name)
    opposed ||= mixed.opposed === true
    exposed += mixed.exposed ?? 0
    refused += mixed.refused?.filter((refusal) => refusal !== null).length ?? 0
  }
  return { chain, exposed, refused, opposed, gains, unfit }
}
