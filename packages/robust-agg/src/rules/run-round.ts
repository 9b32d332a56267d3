/**
 * What all rules share: checks the caller's input, sets unusable vectors aside, and turns a rule's outcome into
 * verdicts. After this a rule sees only finite vectors of length d and cannot be made to throw.
 *
 * A vector set aside counts as never sent: the result has the same bits as without it.
 */

import { allFinite, squaredNorm } from '../kernels/dispatch.js'
import type { PreBehaviour } from '../pre/definition.js'
import { runBehindPre } from '../pre/pipeline.js'
import type { Aggregation, Evaluator, NeighbourVerdict, RoundInput, VerdictReason } from '../types.js'
import { checkInput } from './check-input.js'
import { type Combine, type Outcome, type RoundView, thresholdOf } from './round-view.js'
import { type Screen, type Screening, screenNeighbours, screenWithoutOwn } from './screening.js'

/** Runs one round of a rule: see `Rule.aggregate` for the contract. */
export function runRound(
  input: RoundInput,
  out: Float32Array | undefined,
  screen: Screen,
  combine: Combine,
  pre: readonly PreBehaviour[] = [],
): Aggregation {
  checkInput(input, out)
  const { own } = input
  const vector = out ?? new Float32Array(own.length)
  const keepOwn = (reasons: readonly VerdictReason[]): Aggregation => {
    if (vector !== own) vector.set(own)
    const memory = input.memory === undefined ? {} : { memory: input.memory }
    return { vector, ownWeight: 1, verdicts: reasons.map(rejection), ...memory }
  }
  const ownNorm = Math.sqrt(squaredNorm(own))
  if (!Number.isFinite(ownNorm)) return keepOwn(screenWithoutOwn(input))
  const screening = screenNeighbours(input, screen)
  const { usable, setAside } = screening
  const tooFewModels = (): Aggregation => keepOwn(setAside.map((reason) => reason ?? 'too-few-models'))
  if (usable.length === 0) return tooFewModels()
  const view = viewOf(input, screening, ownNorm, vector)
  const outcome = pre.length === 0 ? combine(view) : runBehindPre(view, pre, screen, combine)
  if (outcome === 'too-few-models') return tooFewModels()
  let u = 0
  const verdicts = setAside.map((reason) => (reason === null ? verdictOf(outcome, u++) : rejection(reason)))
  const unfit = outcome.unfit === undefined || outcome.unfit.length === 0 ? {} : { unfit: outcome.unfit }
  return { vector, ownWeight: outcome.ownWeight, verdicts, ...handedOn(input, usable, outcome), ...unfit }
}

function viewOf(
  input: RoundInput,
  { usable, distances }: Screening,
  ownNorm: number,
  out: Float32Array,
): RoundView {
  const { own, neighbours, weights, previous, initial, memory } = input
  const share = 1 / (usable.length + 1)
  const start = previous !== undefined && allFinite(previous) ? previous : null
  return {
    own,
    ownNorm,
    vectors: usable.map((j) => neighbours[j]),
    distances,
    weights: Float64Array.from(usable, (j) => weights?.[j] ?? share),
    round: input.round,
    rounds: input.rounds,
    previous: start ?? own,
    start,
    initial: initial !== undefined && allFinite(initial) ? initial : (start ?? own),
    evaluator: guarded(input.evaluator),
    honest: input.honest === undefined ? null : usable.map((j) => input.honest?.[j] === true),
    ownMemory: memory?.own ?? null,
    memories: usable.map((j) => memory?.neighbours[j] ?? null),
    layers: input.layers === undefined ? [own.length] : Array.from(input.layers),
    exposed: input.exposed ?? 0,
    refused: 0,
    opposed: false,
    opinion: (k, j) => opinionOf(input.opinions, usable[k], usable[j]),
    out,
  }
}

/** The opinion of neighbour k about neighbour j; anything but a number in [0, 1] counts as no opinion. */
function opinionOf(opinions: RoundInput['opinions'], k: number, j: number): number | null {
  const said: unknown = opinions?.[k]?.[j]
  return typeof said === 'number' && said >= 0 && said <= 1 ? said : null
}

/** The caller's evaluator, with every throw and every loss that is not a finite number turned into Infinity. */
function guarded(evaluator: Evaluator | undefined): Evaluator | null {
  if (evaluator === undefined) return null
  return {
    loss: (parameters) => {
      try {
        const loss = evaluator.loss(parameters)
        return Number.isFinite(loss) ? loss : Number.POSITIVE_INFINITY
      } catch {
        return Number.POSITIVE_INFINITY
      }
    },
  }
}

const rejection = (reason: VerdictReason): NeighbourVerdict => ({
  accepted: false,
  weight: 0,
  score: null,
  threshold: null,
  reason,
})

/** The verdict on usable neighbour u. */
function verdictOf(outcome: Outcome, u: number): NeighbourVerdict {
  const reason = outcome.reasons[u]
  return {
    accepted: reason === 'accepted' || reason === 'clipped',
    weight: outcome.weights[u],
    score: outcome.scores === null ? null : outcome.scores[u],
    threshold: thresholdOf(outcome, u),
    reason,
  }
}

/** Memory and opinions of the usable neighbours, in the order of the input. */
function handedOn(
  { neighbours, memory }: RoundInput,
  usable: readonly number[],
  outcome: Outcome,
): Pick<Aggregation, 'memory' | 'opinions'> {
  const kept = memory === undefined ? {} : { memory }
  const remembered = outcome.memory
  const opinions = new Array<number>(neighbours.length).fill(0)
  usable.forEach((j, u) => {
    opinions[j] = outcome.opinions?.[u] ?? 0
  })
  const said = outcome.opinions === undefined ? {} : { opinions }
  if (remembered === undefined) return { ...kept, ...said }
  const entries = neighbours.map((_, j) => memory?.neighbours[j] ?? null)
  usable.forEach((j, u) => {
    entries[j] = remembered.neighbours[u]
  })
  return { memory: { own: remembered.own, neighbours: entries }, ...said }
}
