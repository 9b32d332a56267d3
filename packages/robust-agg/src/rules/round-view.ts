/**
 * The part that all rules share: checks the caller's input, sets unusable vectors aside, and turns a rule's
 * outcome into verdicts. After this a rule sees only finite vectors of length d and cannot be made to throw.
 *
 * A vector set aside counts as never sent: the result has the same bits as without it.
 */

import { RobustAggError } from '../errors.js'
import { allFinite, squaredDistancesTo, squaredNorm } from '../kernels/dispatch.js'
import type { PreBehaviour } from '../pre/definition.js'
import { runBehindPre } from '../pre/pipeline.js'
import type {
  Aggregation,
  Evaluator,
  NeighbourVerdict,
  RoundInput,
  RoundMemory,
  SenderMemory,
  VerdictReason,
} from '../types.js'

/** Rounding that a caller's weights may carry above a sum of 1. */
const WEIGHT_SUM_TOLERANCE = 1e-9

/** What a rule works on. m usable neighbours; the lists are aligned with one another. */
export interface RoundView {
  readonly own: Float32Array
  /** ‖own‖, finite. */
  readonly ownNorm: number
  /** m ≥ 1 finite vectors of length d, in the order of the input. */
  readonly vectors: readonly Float32Array[]
  /** ‖own − x_j‖ each, finite; empty for rules that screen by scanning. */
  readonly distances: Float64Array
  /** W_ij each: the caller's, or 1/(m+1). Their sum is at most 1. */
  readonly weights: Float64Array
  readonly round: number
  readonly rounds: number
  /** The start of this round's training, finite, length d; `own` when there is none. */
  readonly previous: Float32Array
  /** The same, but null when there is none. */
  readonly start: Float32Array | null
  /** Where the run began, finite, length d; `previous` when the caller does not say. */
  readonly initial: Float32Array
  /** Present for rules with `needsEvaluator`; its losses are never NaN: what is not finite comes as Infinity. */
  readonly evaluator: Evaluator | null
  /** Which of the m neighbours are honest; null when the caller does not say. */
  readonly honest: readonly boolean[] | null
  /** Of the last round: own, then the m neighbours; null where there is none. */
  readonly ownMemory: SenderMemory | null
  readonly memories: readonly (SenderMemory | null)[]
  /** Lengths of the layers, of sum d; one of d when the caller does not say. */
  readonly layers: readonly number[]
  /** Byzantine neighbours that are known and not among the vectors. */
  readonly exposed: number
  /** Neighbours that a pre-aggregator has refused, and that are not among the vectors either. */
  readonly refused: number
  /** What neighbour k says about neighbour j, in [0, 1]; null where it says nothing. */
  readonly opinion: (k: number, j: number) => number | null
  /** Where the rule writes its result. */
  readonly out: Float32Array
}

/** `view.honest`, for rules that cannot do without. */
export function honestOf(view: RoundView): readonly boolean[] {
  if (view.honest === null) throw inputError('honest', 'is missing, but the oracle radius needs it')
  return view.honest
}

/** `view.evaluator`, for rules that cannot do without. */
export function evaluatorOf(view: RoundView): Evaluator {
  if (view.evaluator === null)
    throw inputError('evaluator', "is missing, but the rule needs the node's losses")
  return view.evaluator
}

/** What a rule says about the m usable neighbours. */
export interface Outcome {
  readonly ownWeight: number
  readonly weights: ArrayLike<number>
  readonly scores: ArrayLike<number | null> | null
  /** One for all, or one each. */
  readonly threshold: number | readonly (number | null)[] | null
  readonly reasons: readonly VerdictReason[]
  /** From rules with `usesMemory`: what to remember of the own model and of each of the m neighbours. */
  readonly memory?: RoundMemory | undefined
  /** From rules with `usesOpinions`: 1 or 0 about each of the m neighbours. */
  readonly opinions?: readonly number[] | undefined
}

/** The threshold that neighbour u was compared with. */
export function thresholdOf({ threshold }: Outcome, u: number): number | null {
  return threshold === null || typeof threshold === 'number' ? threshold : threshold[u]
}

export type Combine = (view: RoundView) => Outcome | 'too-few-models'

/** How unusable vectors are found: by a finite distance to own, which the rule needs anyhow, or by a scan. */
export type Screen = 'distance' | 'scan'

const inputError = (field: string, problem: string): RobustAggError =>
  new RobustAggError('E_ROUND_INPUT', `round input: '${field}' ${problem}`, { field, problem })

function checkInput(input: RoundInput, out: Float32Array | undefined): void {
  const { own, neighbours, round, rounds, weights, previous, honest } = input
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw inputError('rounds', `is ${rounds}, but must be a whole number of at least 1`)
  }
  if (!Number.isInteger(round) || round < 0 || round > rounds) {
    throw inputError('round', `is ${round}, but must be a whole number in [0, ${rounds}]`)
  }
  if (out !== undefined && out.length !== own.length) {
    throw inputError('out', `has ${out.length} values, but must have own's ${own.length}`)
  }
  if (previous !== undefined && previous.length !== own.length) {
    throw inputError('previous', `has ${previous.length} values, but must have own's ${own.length}`)
  }
  if (input.initial !== undefined && input.initial.length !== own.length) {
    throw inputError('initial', `has ${input.initial.length} values, but must have own's ${own.length}`)
  }
  if (honest !== undefined && honest.length !== neighbours.length) {
    throw inputError('honest', `has ${honest.length} values for ${neighbours.length} neighbours`)
  }
  const known = input.squaredDistances
  if (known !== undefined && known.length !== neighbours.length) {
    throw inputError('squaredDistances', `has ${known.length} values for ${neighbours.length} neighbours`)
  }
  const wrong = known?.find(
    (square) => square !== null && !(square >= 0 && square < Number.POSITIVE_INFINITY),
  )
  if (wrong !== undefined) {
    throw inputError('squaredDistances', `holds ${wrong}, but must hold null or finite values of 0 or more`)
  }
  if (input.memory !== undefined) checkMemory(input.memory, neighbours.length, own.length)
  if (input.layers !== undefined) checkLayers(input.layers, own.length)
  if (input.opinions !== undefined && input.opinions.length !== neighbours.length) {
    throw inputError('opinions', `has ${input.opinions.length} rows for ${neighbours.length} neighbours`)
  }
  const exposed = input.exposed ?? 0
  if (!Number.isInteger(exposed) || exposed < 0)
    throw inputError('exposed', `is ${exposed}, but must be a whole number of at least 0`)
  if (weights === undefined) return
  if (weights.length !== neighbours.length) {
    throw inputError('weights', `has ${weights.length} values for ${neighbours.length} neighbours`)
  }
  let sum = 0
  for (let j = 0; j < weights.length; j++) {
    if (!(weights[j] >= 0)) throw inputError('weights', `holds ${weights[j]} at ${j}, but must be 0 or more`)
    sum += weights[j]
  }
  if (!(sum <= 1 + WEIGHT_SUM_TOLERANCE))
    throw inputError('weights', `sum to ${sum}, but may sum to 1 at most`)
}

function checkMemory(memory: RoundMemory, neighbours: number, d: number): void {
  if (memory.neighbours.length !== neighbours) {
    throw inputError('memory', `has ${memory.neighbours.length} entries for ${neighbours} neighbours`)
  }
  for (const entry of [memory.own, ...memory.neighbours]) {
    const length = entry?.vector?.length ?? d
    if (length !== d) throw inputError('memory', `holds a vector of ${length} values, but own has ${d}`)
  }
}

function checkLayers(layers: ArrayLike<number>, d: number): void {
  const lengths = Array.from(layers)
  const wrong = lengths.findIndex((length) => !Number.isInteger(length) || length < 1)
  if (wrong >= 0)
    throw inputError('layers', `holds ${lengths[wrong]} at ${wrong}, but must be whole and 1 or more`)
  const sum = lengths.reduce((total, length) => total + length, 0)
  if (sum !== d) throw inputError('layers', `sum to ${sum}, but own has ${d} values`)
}

/** What neighbour k says about neighbour j; whatever is no number in [0, 1] is silence. */
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

/** Runs one round of a rule: see `Rule.aggregate` for the contract. */
export function runRound(
  input: RoundInput,
  out: Float32Array | undefined,
  screen: Screen,
  combine: Combine,
  pre: readonly PreBehaviour[] = [],
): Aggregation {
  checkInput(input, out)
  const { own, neighbours, weights } = input
  const vector = out ?? new Float32Array(own.length)
  const verdicts: NeighbourVerdict[] = new Array(neighbours.length)
  const keepOwn = (): Aggregation => {
    if (vector !== own) vector.set(own)
    return { vector, ownWeight: 1, verdicts, ...(input.memory === undefined ? {} : { memory: input.memory }) }
  }

  const candidates: number[] = []
  for (let j = 0; j < neighbours.length; j++) {
    if (neighbours[j].length === own.length) candidates.push(j)
    else verdicts[j] = rejection('wrong-length')
  }

  const ownNorm = Math.sqrt(squaredNorm(own))
  if (!Number.isFinite(ownNorm)) {
    for (const j of candidates) {
      verdicts[j] = rejection(allFinite(neighbours[j]) ? 'own-not-finite' : 'not-finite')
    }
    return keepOwn()
  }

  const squares = new Float64Array(candidates.length)
  if (screen === 'distance') {
    const known = candidates.map((j) => input.squaredDistances?.[j] ?? null)
    const missing = candidates.flatMap((_, c) => (known[c] === null ? [c] : []))
    const vectors = missing.map((c) => neighbours[candidates[c]])
    const sums = squaredDistancesTo(own, vectors, new Float64Array(missing.length))
    known.forEach((square, c) => {
      squares[c] = square ?? 0
    })
    missing.forEach((c, k) => {
      squares[c] = sums[k]
    })
  }
  const usable: number[] = []
  const distances: number[] = []
  for (let c = 0; c < candidates.length; c++) {
    const j = candidates[c]
    const finite = screen === 'distance' ? Number.isFinite(squares[c]) : allFinite(neighbours[j])
    if (finite) {
      usable.push(j)
      if (screen === 'distance') distances.push(Math.sqrt(squares[c]))
    } else verdicts[j] = rejection('not-finite')
  }
  if (usable.length === 0) return keepOwn()

  const share = 1 / (usable.length + 1)
  const { previous, initial, memory } = input
  const start = previous !== undefined && allFinite(previous) ? previous : null
  const view: RoundView = {
    own,
    ownNorm,
    vectors: usable.map((j) => neighbours[j]),
    distances: Float64Array.from(distances),
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
    opinion: (k, j) => opinionOf(input.opinions, usable[k], usable[j]),
    out: vector,
  }
  const outcome = pre.length === 0 ? combine(view) : runBehindPre(view, pre, screen, combine)
  if (outcome === 'too-few-models') {
    for (const j of usable) verdicts[j] = rejection('too-few-models')
    return keepOwn()
  }
  for (let u = 0; u < usable.length; u++) {
    const reason = outcome.reasons[u]
    verdicts[usable[u]] = {
      accepted: reason === 'accepted' || reason === 'clipped',
      weight: outcome.weights[u],
      score: outcome.scores === null ? null : outcome.scores[u],
      threshold: thresholdOf(outcome, u),
      reason,
    }
  }
  return {
    vector,
    ownWeight: outcome.ownWeight,
    verdicts,
    ...handedOn(input, usable, outcome),
  }
}

/** Memory and opinions of the usable neighbours, put back in the order of the input. */
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
