/** Runs the pre-aggregators one after the other, and keeps count of what became of each original model. */

import type { RoundView } from '../rules/round-view.js'
import type { SenderMemory } from '../types.js'
import type { Mixture, PreBehaviour, Refusal, Reputation } from './definition.js'
import { reputationIn, shareOf } from './step-memory.js'

/** The models of a round on their way through the steps. */
export interface Chain {
  readonly models: readonly Float32Array[]
  /** For each original input, the output that stands for it; −1 when it was refused. */
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
    total: models.map((_, o) => Float64Array.from(models, (_x, k) => (k === o ? 1 : 0))),
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
 * For each output the one input that it stands for, −1 where it stands for several. Only the former has a past: behind
 * random buckets every round is a first.
 */
export function soleInputs({ outputOf, models }: Chain): number[] {
  return models.map((_, o) => {
    const first = outputOf.indexOf(o)
    return outputOf.lastIndexOf(o) === first ? first : -1
  })
}

/** What is remembered of the own model, then of the neighbours. */
export const pastsOf = (view: RoundView): readonly (SenderMemory | null)[] => [
  view.ownMemory,
  ...view.memories,
]

/** What the steps made of a round's models. */
export interface StepsRun {
  readonly chain: Chain
  readonly exposed: number
  readonly refused: number
  /** For each step that remembers, what each original input gained. */
  readonly gains: readonly (readonly Reputation[])[]
}

const NOTHING: Reputation = { earned: 0, possible: 0 }

/** How each model of a chain stands with step `s` of those that remember. */
function reputationsOf({ models, outputOf }: Chain, past: readonly (SenderMemory | null)[], s: number) {
  const bySender = past.map((memory) => reputationIn(memory, s))
  // Of senders of one model the one that stands best speaks for it: it is welcome for that one's sake.
  return models.map((_, o) =>
    bySender
      .filter((_standing, k) => outputOf[k] === o)
      .reduce((best, reputation) => (shareOf(reputation) > shareOf(best) ? reputation : best)),
  )
}

/** Runs the steps in order, as long as there are two models. */
export function runSteps(view: RoundView, pre: readonly PreBehaviour[]): StepsRun | 'too-few-models' {
  const { previous, initial, round } = view
  const past = pastsOf(view)
  const remembering = pre.filter((step) => step.usesMemory)
  const gains = remembering.map(() => past.map(() => NOTHING))
  let { exposed, refused } = view
  let chain = identity([view.own, ...view.vectors])
  for (const step of pre) {
    if (chain.models.length < 2) break
    const s = remembering.indexOf(step)
    const { outputOf } = chain
    const reputations = s < 0 ? [] : reputationsOf(chain, past, s)
    const mixed = step.mix({ models: chain.models, previous, initial, round, exposed, refused, reputations })
    if (mixed === 'too-few-models') return mixed
    outputOf.forEach((o, k) => {
      // A copy of the own model gains nothing: it is no work.
      if (s >= 0 && o > 0) gains[s][k] = mixed.gains?.[o] ?? NOTHING
    })
    chain = extend(chain, mixed)
    exposed += mixed.exposed ?? 0
    refused += mixed.refused?.filter((refusal) => refusal !== null).length ?? 0
  }
  return { chain, exposed, refused, gains }
}
