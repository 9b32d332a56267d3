/** Runs a rule on pre-aggregated models and carries its verdicts back to the neighbours that sent the originals. */

import { squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import { type Combine, type Outcome, type RoundView, thresholdOf } from '../rules/round-view.js'
import type { Screen } from '../rules/screening.js'
import { withScratch } from '../scratch.js'
import type { RoundMemory, SenderMemory, VerdictReason } from '../types.js'
import { type Chain, pastsOf, runSteps, type StepsRun, soleInputs } from './chain.js'
import type { PreBehaviour, Refusal } from './definition.js'
import { memoryAfter, ruleMemory } from './step-memory.js'

/**
 * What the rule sees. Weights of inputs that share an output add up; weights of inputs in the own output go to the
 * node itself.
 */
function viewBehind(
  view: RoundView,
  { chain, exposed, refused, opposed, gains }: StepsRun,
  screen: Screen,
): RoundView {
  const [own, ...vectors] = chain.models
  const weights = new Float64Array(vectors.length)
  view.weights.forEach((weight, j) => {
    const output = chain.outputOf[j + 1]
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
    sole[o] < 0 ? null : ruleMemory(past[sole[o]], gains.length)
  return {
    ...view,
    exposed,
    refused,
    opposed,
    ownMemory: pastOf(0),
    memories: vectors.map((_, o) => pastOf(o + 1)),
    opinion: (k, j) =>
      sole[k + 1] > 0 && sole[j + 1] > 0 ? view.opinion(sole[k + 1] - 1, sole[j + 1] - 1) : null,
    own,
    ownNorm: Math.sqrt(squaredNorm(own)),
    vectors,
    distances,
    weights,
    // An output is honest when it contains no Byzantine model.
    honest:
      honest === null
        ? null
        : vectors.map((_, o) => honest.every((good, j) => good || chain.total[o + 1][j + 1] === 0)),
  }
}

const takesPart = (reason: VerdictReason): boolean => reason === 'accepted' || reason === 'clipped'

/**
 * The rule's memory of an output belongs to its sole input; other inputs keep the memory they had. The steps' memory
 * is kept per sender.
 */
function memoryBack(
  memory: RoundMemory | undefined,
  chain: Chain,
  view: RoundView,
  gains: StepsRun['gains'],
): RoundMemory | undefined {
  if (memory === undefined && gains.length === 0) return undefined
  const sole = soleInputs(chain)
  const given = memory === undefined ? null : [memory.own, ...memory.neighbours]
  const past = pastsOf(view)
  const rules = past.map((before, k) => {
    const output = chain.outputOf[k]
    const isNew = given !== null && output >= 0 && sole[output] === k
    return isNew ? given[output] : ruleMemory(before, gains.length)
  })
  return memoryAfter(past, gains, rules)
}

function carryBack(outcome: Outcome, { chain, gains, unfit }: StepsRun, view: RoundView): Outcome {
  const neighbours = view.vectors.length
  /**
   * What the refusal, or else the rule, says about neighbour j; `otherwise` when the output of the own model
   * represents it.
   */
  const saidOf = <T>(
    j: number,
    refusal: (refused: Refusal) => T,
    rule: (output: number) => T,
    otherwise: T,
  ): T => {
    const [refused, output] = [chain.refused[j + 1], chain.outputOf[j + 1]]
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
    unfit,
  }
}

/**
 * Runs the rule behind the pre-aggregators. A neighbour's weight is its coefficient in the result through all outputs
 * that contain it; score and threshold are those of the output that represents it, or of the step that refused it.
 */
export function runBehindPre(
  view: RoundView,
  pre: readonly PreBehaviour[],
  screen: Screen,
  combine: Combine,
): Outcome | 'too-few-models' {
  return withScratch(view.own.length, (scratch) => {
    const steps = runSteps(view, pre, scratch)
    if (steps === 'too-few-models') return steps
    const inner = viewBehind(view, steps, screen)
    if (inner.vectors.length === 0) {
      view.out.set(inner.own)
      const alone = { ownWeight: 1, weights: [], scores: null, threshold: null, reasons: [] }
      return carryBack(alone, steps, view)
    }
    const outcome = combine(inner)
    return outcome === 'too-few-models' ? outcome : carryBack(outcome, steps, view)
  })
}
