import type { NeighbourRecord } from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'

/** A neighbour's model that is here, hash-checked and finite. */
export interface ArrivedModel {
  readonly status: 'ready'
  readonly peer: string
  /** Length d. */
  readonly parameters: Float32Array
  /** Bytes of the signed announcement that named it. */
  readonly announcement: Uint8Array
  readonly arrival: number
}

/** A neighbour whose model is not here; `announcement` where one came all the same. */
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
  /** Every neighbour in member order: the order of summation, so part of the result's bits. */
  readonly neighbours: readonly (ArrivedModel | AbsentModel)[]
  readonly round: number
  readonly rounds: number
  /** Mixing weight of each neighbour by peer id; undefined for equal weights. */
  readonly mixing: ReadonlyMap<string, number> | undefined
  /** Where the aggregate goes, length d. */
  readonly out: Float32Array
}

export interface PipelineResult {
  readonly ownWeight: number
  /** One record a neighbour, in member order, as the ledger stores them. */
  readonly records: readonly NeighbourRecord[]
}

/** Runs the rule over the models of one round and says what became of each neighbour. */
export function aggregateRound(input: PipelineInput): PipelineResult {
  const arrived = input.neighbours.filter((neighbour) => neighbour.status === 'ready')
  const { mixing } = input
  const result = input.rule.aggregate(
    {
      own: input.own,
      previous: input.previous,
      neighbours: arrived.map((neighbour) => neighbour.parameters),
      round: input.round,
      rounds: input.rounds,
      weights: mixing === undefined ? undefined : arrived.map((neighbour) => mixing.get(neighbour.peer) ?? 0),
    },
    input.out,
  )
  const verdicts = new Map(arrived.map((neighbour, k) => [neighbour.peer, result.verdicts[k]!]))
  const records = input.neighbours.map((neighbour): NeighbourRecord => {
    const verdict = verdicts.get(neighbour.peer)
    if (neighbour.status === 'absent' || verdict === undefined) {
      return {
        peer: neighbour.peer,
        announcement: neighbour.announcement,
        accepted: false,
        weight: 0,
        score: null,
        threshold: null,
        reason: neighbour.status === 'absent' ? neighbour.reason : 'E_INTERNAL',
        arrival: null,
      }
    }
    return {
      peer: neighbour.peer,
      announcement: neighbour.announcement,
      accepted: verdict.accepted,
      weight: finiteOr(verdict.weight, 0)!,
      score: finiteOr(verdict.score, null),
      threshold: finiteOr(verdict.threshold, null),
      reason: verdict.reason,
      arrival: neighbour.arrival,
    }
  })
  return { ownWeight: result.ownWeight, records }
}

/** The canonical encoding has no NaN and no infinity. */
function finiteOr<T>(value: number | null, other: T): number | T {
  return value !== null && Number.isFinite(value) ? value : other
}
