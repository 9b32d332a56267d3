/** Runs the pre-aggregators one after the other, and keeps count of what became of each original model. */

import type { RoundView } from '../rules/round-view.js'
import type { SenderMemory } from '../types.js'
import type { Mixture, PreBehaviour, Refusal, Standing } from './definition.js'
import { shareOf, standingIn } from './stage-memory.js'

/** The models of a round on their way through the stages. */
export interface Chain {
  readonly models: readonly Float32Array[]
  /** For each original input, the output that stands for it; −1 when it was refused. */
  readonly standsIn: readonly number[]
  /** For each original input, why it was refused. */
  readonly refused: readonly (Refusal | null)[]
  /** total[o][k]: how much of original k is in output o. */
  readonly total: readonly Float64Array[]
  readonly clipped: readonly boolean[]
}

function identity(models: readonly Float32Array[]): Chain {
  return {
    models,
    standsIn: models.map((_, k) => k),
    refused: models.map(() => null),
    total: models.map((_, o) => Float64Array.from(models, (_x, k) => (k === o ? 1 : 0))),
    clipped: models.map(() => false),
  }
}

/** The stage's coefficients applied to the chain's. */
function extend(chain: Chain, stage: Mixture): Chain {
  return {
    models: stage.models,
    standsIn: chain.standsIn.map((o) => (o < 0 ? o : stage.standsIn[o])),
    refused: chain.refused.map((was, k) => was ?? stage.refused?.[chain.standsIn[k]] ?? null),
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
export function soleInputs({ standsIn, models }: Chain): number[] {
  return models.map((_, o) => {
    const first = standsIn.indexOf(o)
    return standsIn.lastIndexOf(o) === first ? first : -1
  })
}

/** What is remembered of the own model, then of the neighbours. */
export const pastsOf = (view: RoundView): readonly (SenderMemory | null)[] => [
  view.ownMemory,
  ...view.memories,
]

/** What the stages made of a round's models. */
export interface StagesRun {
  readonly chain: Chain
  readonly exposed: number
  readonly refused: number
  /** For each stage that remembers, what each original input gained. */
  readonly gains: readonly (readonly Standing[])[]
}

const NOTHING: Standing = { earned: 0, possible: 0 }

/** How each model of a chain stands with stage `s` of those that remember. */
function standingsOf({ models, standsIn }: Chain, past: readonly (SenderMemory | null)[], s: number) {
  const bySender = past.map((memory) => standingIn(memory, s))
  // Of senders of one model the one that stands best speaks for it: it is welcome for that one's sake.
  return models.map((_, o) =>
    bySender
      .filter((_standing, k) => standsIn[k] === o)
      .reduce((best, standing) => (shareOf(standing) > shareOf(best) ? standing : best)),
  )
}

/** Runs the stages in order, as long as there are two models. */
export function runStages(view: RoundView, pre: readonly PreBehaviour[]): StagesRun | 'too-few-models' {
  const { previous, initial, round } = view
  const past = pastsOf(view)
  const remembering = pre.filter((stage) => stage.usesMemory)
  const gains = remembering.map(() => past.map(() => NOTHING))
  let { exposed, refused } = view
  let chain = identity([view.own, ...view.vectors])
  for (const stage of pre) {
    if (chain.models.length < 2) break
    const s = remembering.indexOf(stage)
    const { standsIn } = chain
    const standings = s < 0 ? [] : standingsOf(chain, past, s)
    const mixed = stage.mix({ models: chain.models, previous, initial, round, exposed, refused, standings })
    if (mixed === 'too-few-models') return mixed
    standsIn.forEach((o, k) => {
      // A copy of the own model gains nothing: it is no work.
      if (s >= 0 && o > 0) gains[s][k] = mixed.gains?.[o] ?? NOTHING
    })
    chain = extend(chain, mixed)
    exposed += mixed.exposed ?? 0
    refused += mixed.refused?.filter((refusal) => refusal !== null).length ?? 0
  }
  return { chain, exposed, refused, gains }
}
