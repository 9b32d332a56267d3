import type { NeighbourRecord } from '@tempered/protocol'
import type { Evaluator, Rule } from '@tempered/robust-agg'
import { type LossOf, type LossRun, runWithLosses } from './own-losses.js'
import { memoryAfterRound, memoryForRound, type RuleMemory } from './rule-memory.js'

/** 1 trusted, 0 not trusted, null no opinion. */
export type Opinion = 0 | 1 | null

/** A neighbour's model that has arrived, with a correct hash and finite values. */
export interface ArrivedModel {
  readonly status: 'ready'
  readonly peer: string
  /** Length d. */
  readonly parameters: Float32Array
  /** Bytes of the signed announcement that named it. */
  readonly announcement: Uint8Array
  readonly arrival: number
  /** Milliseconds from the node's own announcement until it arrived, 0 if it arrived before. */
  readonly latenessMs: number
  /** Its opinions about its neighbours in its announcement. */
  readonly opinions: readonly Opinion[] | null
}

/** A neighbour whose model has not arrived; its announcement may have. */
export interface AbsentModel {
  readonly status: 'absent'
  readonly peer: string
  readonly reason: string
  readonly announcement: Uint8Array | null
}

export interface PipelineInput {
  readonly rule: Rule
  /** Own trained model, length d. */
  readonly own: Float32Array
  /** The parameters with which the round's training began, length d. */
  readonly previous: Float32Array
  /** The parameters with which the run began, length d; for rules that ask for them. */
  readonly initial?: Float32Array | undefined
  /** Every neighbour in member order: the order of summation, which affects the result's bits. */
  readonly neighbours: readonly (ArrivedModel | AbsentModel)[]
  readonly round: number
  readonly rounds: number
  /** Mixing weight of each neighbour by peer id; undefined for equal weights. */
  readonly mixing: ReadonlyMap<string, number> | undefined
  /** The rule's memory of earlier rounds; undefined for rules without memory. */
  readonly memory: RuleMemory | undefined
  /** Parameters of each layer in the order of the vector; they sum to d. */
  readonly layers: readonly number[]
  /** Neighbours of a neighbour, in member order: its opinions are about these. */
  neighboursOf(peer: string): readonly string[]
  /** Where the aggregate is written, length d. */
  readonly out: Float32Array
}

export interface PipelineResult {
  readonly ownWeight: number
  /** One record per neighbour, in member order, as the ledger stores them. */
  readonly records: readonly NeighbourRecord[]
  /** The losses that the rule asked for, in order, as the ledger stores them. */
  readonly losses: readonly (number | null)[]
  /** The rule's new memory; undefined for rules without memory. */
  readonly memory: RuleMemory | undefined
  /** The rule's opinion on each neighbour in member order; undefined for rules without opinions. */
  readonly opinions: readonly Opinion[] | undefined
  /** Pre-aggregators that did not fit the models of this round. */
  readonly unfit: readonly string[]
}

/**
 * Reasons of absence that prove a neighbour to be Byzantine: it was convicted by evidence, or announced an invalid
 * model. A fixed f no longer counts it.
 */
const EXPOSING = new Set(['quarantined', 'E_NOT_FINITE', 'E_MODEL_LENGTH', 'E_MODEL_HEADER'])

function isExposed(neighbour: ArrivedModel | AbsentModel): boolean {
  return neighbour.status === 'absent' && EXPOSING.has(neighbour.reason)
}

/** Runs the rule over the models of one round and returns a record of each neighbour. */
export async function aggregateRound(input: PipelineInput, lossOf: LossOf): Promise<PipelineResult> {
  const { runRule, finish } = prepareRound(input)
  return finish(await runWithLosses(runRule, lossOf))
}

/** The same with recorded losses, for replays. */
export function replayRound(input: PipelineInput, losses: Evaluator): PipelineResult {
  const { runRule, finish } = prepareRound(input)
  return finish({ result: runRule(losses), losses: [] })
}

/** A round as if a neighbour's model had not arrived. */
export function leftOut<T extends Pick<PipelineInput, 'neighbours'>>(input: T, peer: string): T {
  const absent = { status: 'absent', peer, reason: 'left-out', announcement: null } as const
  return {
    ...input,
    neighbours: input.neighbours.map((neighbour) => (neighbour.peer === peer ? absent : neighbour)),
  }
}

function prepareRound(input: PipelineInput) {
  const arrived = input.neighbours.filter((neighbour) => neighbour.status === 'ready')
  const peers = arrived.map((neighbour) => neighbour.peer)
  const { mixing, memory } = input
  const runRule = (evaluator: Evaluator) =>
    input.rule.aggregate(
      {
        own: input.own,
        previous: input.previous,
        initial: input.initial,
        neighbours: arrived.map((neighbour) => neighbour.parameters),
        round: input.round,
        rounds: input.rounds,
        weights: mixing === undefined ? undefined : arrived.map(({ peer }) => mixing.get(peer) ?? 0),
        memory: memory === undefined ? undefined : memoryForRound(memory, peers),
        evaluator,
        layers: input.layers,
        exposed: input.neighbours.filter(isExposed).length,
        opinions: arrived.map((neighbour) => opinionsOn(peers, neighbour, input)),
      },
      input.out,
    )
  const finish = ({ result, losses }: LossRun): PipelineResult => {
    const verdicts = new Map(peers.map((peer, k) => [peer, result.verdicts[k]!]))
    const opinions = new Map(peers.map((peer, k) => [peer, result.opinions?.[k] === 1 ? 1 : 0] as const))
    return {
      opinions:
        result.opinions === undefined
          ? undefined
          : input.neighbours.map(({ peer }) => opinions.get(peer) ?? null),
      ownWeight: result.ownWeight,
      unfit: result.unfit ?? [],
      records: input.neighbours.map((neighbour) => recordOf(neighbour, verdicts.get(neighbour.peer))),
      losses,
      memory:
        result.memory === undefined || memory === undefined
          ? undefined
          : memoryAfterRound(memory, peers, result.memory),
    }
  }
  return { runRule, finish }
}

/** A neighbour's opinion on each of these peers; some of them may not be its neighbours. */
function opinionsOn(
  peers: readonly string[],
  { peer, opinions }: ArrivedModel,
  input: PipelineInput,
): Opinion[] | null {
  if (opinions === null) return null
  const about = new Map(input.neighboursOf(peer).map((other, k) => [other, opinions[k] ?? null]))
  return peers.map((other) => about.get(other) ?? null)
}

function recordOf(
  neighbour: ArrivedModel | AbsentModel,
  verdict: ReturnType<Rule['aggregate']>['verdicts'][number] | undefined,
): NeighbourRecord {
  const { peer, announcement } = neighbour
  if (neighbour.status === 'absent' || verdict === undefined) {
    return {
      peer,
      announcement,
      accepted: false,
      weight: 0,
      score: null,
      threshold: null,
      reason: neighbour.status === 'absent' ? neighbour.reason : 'E_INTERNAL',
      arrival: null,
      latenessMs: null,
    }
  }
  return {
    peer,
    announcement,
    accepted: verdict.accepted,
    weight: finiteOr(verdict.weight, 0)!,
    score: finiteOr(verdict.score, null),
    threshold: finiteOr(verdict.threshold, null),
    reason: verdict.reason,
    arrival: neighbour.arrival,
    latenessMs: neighbour.latenessMs,
  }
}

/** The canonical encoding has no NaN and no infinity. */
function finiteOr<T>(value: number | null, other: T): number | T {
  return value !== null && Number.isFinite(value) ? value : other
}
