/** Runs a rule on pre-aggregated models and carries its verdicts back to the neighbours that sent the originals. */

import { squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import { type Combine, type Outcome, type RoundView, type Screen, thresholdOf } from '../rules/round-view.js'
import type { RoundMemory, SenderMemory, VerdictReason } from '../types.js'
import type { Mixture, PreBehaviour, Refusal, Standing } from './definition.js'
import { afterRound, rulesPart, shareOf, standingIn } from './stage-memory.js'

interface Chain {
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
function soleInputs({ standsIn, models }: Chain): number[] {
  return models.map((_, o) => {
    const first = standsIn.indexOf(o)
    return standsIn.lastIndexOf(o) === first ? first : -1
  })
}

/** What is remembered of the own model, then of the neighbours. */
const pastsOf = (view: RoundView): readonly (SenderMemory | null)[] => [view.ownMemory, ...view.memories]

/** What the rule sees. Weights of inputs that share an output add up; those with my own go to me. */
function viewBehind(
  view: RoundView,
  chain: Chain,
  screen: Screen,
  { exposed, refused, gains }: StagesRun,
): RoundView {
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
  const past = pastsOf(view)
  const pastOf = (o: number): SenderMemory | null =>
    sole[o] < 0 ? null : rulesPart(past[sole[o]], gains.length)
  return {
    ...view,
    exposed,
    refused,
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

/**
 * What the rule remembers of an output belongs to the input that it stands for alone; the others keep what they had.
 * What the stages remember is every sender's own.
 */
function memoryBack(
  memory: RoundMemory | undefined,
  chain: Chain,
  view: RoundView,
  gains: StagesRun['gains'],
): RoundMemory | undefined {
  if (memory === undefined && gains.length === 0) return undefined
  const sole = soleInputs(chain)
  const given = memory === undefined ? null : [memory.own, ...memory.neighbours]
  const past = pastsOf(view)
  const rules = past.map((before, k) => {
    const output = chain.standsIn[k]
    const isNew = given !== null && output >= 0 && sole[output] === k
    return isNew ? given[output] : rulesPart(before, gains.length)
  })
  return afterRound(past, gains, rules)
}

function carryBack(outcome: Outcome, chain: Chain, view: RoundView, gains: StagesRun['gains']): Outcome {
  const neighbours = view.vectors.length
  /** What a refusal or else the rule says about neighbour j; `otherwise` where the own model stands for it. */
  const saidOf = <T>(
    j: number,
    refusal: (refused: Refusal) => T,
    rule: (output: number) => T,
    otherwise: T,
  ): T => {
    const [refused, output] = [chain.refused[j + 1], chain.standsIn[j + 1]]
    if (refused !== null) return refusal(refused)
    return output === 0 ? otherwise : rule(output - 1)
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
    scores: each((j) =>
      saidOf<number | null>(
        j,
        ({ score }) => score,
        (o) => scores?.[o] ?? null,
        null,
      ),
    ),
    threshold: each((j) =>
      saidOf<number | null>(
        j,
        ({ threshold }) => threshold,
        (o) => thresholdOf(outcome, o),
        null,
      ),
    ),
    reasons: each((j) => {
      const said = saidOf<VerdictReason>(
        j,
        ({ reason }) => reason,
        (o) => outcome.reasons[o],
        'accepted',
      )
      const reason = weights[j] > 0 && !takesPart(said) ? 'accepted' : said
      return takesPart(reason) && chain.clipped[j + 1] ? 'clipped' : reason
    }),
    memory: memoryBack(memory, chain, view, gains),
    opinions:
      opinions &&
      each((j) =>
        saidOf(
          j,
          () => 0,
          (o) => opinions[o],
          1,
        ),
      ),
  }
}

/** What the stages made of a round's models. */
interface StagesRun {
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
function runStages(view: RoundView, pre: readonly PreBehaviour[]): StagesRun | 'too-few-models' {
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

/**
 * The rule behind the pre-aggregators. A neighbour's weight is its coefficient in the result through all outputs it
 * is part of; score and threshold are those of the output that stands for it, or of the stage that refused it.
 */
export function runBehindPre(
  view: RoundView,
  pre: readonly PreBehaviour[],
  screen: Screen,
  combine: Combine,
): Outcome | 'too-few-models' {
  const stages = runStages(view, pre)
  if (stages === 'too-few-models') return stages
  const { chain, gains } = stages
  const inner = viewBehind(view, chain, screen, stages)
  if (inner.vectors.length === 0) {
    view.out.set(inner.own)
    const alone = { ownWeight: 1, weights: [], scores: null, threshold: null, reasons: [] }
    return carryBack(alone, chain, view, gains)
  }
  const outcome = combine(inner)
  return outcome === 'too-few-models' ? outcome : carryBack(outcome, chain, view, gains)
}
