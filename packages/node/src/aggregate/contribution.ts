import {
  decodeAnnouncement,
  type OwnContribution,
  type Run,
  type SignedEntry,
  scoresNeighbours,
} from '@tempered/protocol'
import { compareModels, freeRideReason, type ModelComparison } from '@tempered/robust-agg'
import { cachedLosses, type LossOf } from './own-losses.js'
import { type ArrivedModel, aggregateRound, leftOut, type PipelineInput } from './pipeline.js'

/** What anyone can compute again about the models of a round: one result per neighbour, null for those that are absent. */
export interface ComparedModels {
  readonly own: OwnContribution
  readonly neighbours: readonly (OwnContribution | null)[]
}

/** What the entry below says about the round before, for comparisons with it; nothing after a gap. */
export interface RoundBefore {
  /** The start of that round and the models that its author had, each once: its own first. */
  readonly models: readonly KnownModel[]
  /** Position in the manifest of the member that announced each model of that round, by CID, whether it arrived or not. */
  readonly announced: ReadonlyMap<string, number>
}

export interface KnownModel {
  readonly cid: string
  /** Position in the manifest of the member whose model it is; null for the start. */
  readonly member: number | null
}

/** A node has its own model before any other. */
const OWN_ARRIVAL = -1

const NO_ROUND: RoundBefore = { models: [], announced: new Map() }

/**
 * The round before `round`, from the author's entry below. Undefined where no models are compared in this round, so
 * that nothing of it is needed.
 */
export function roundBefore(
  run: Run,
  round: number,
  parent: SignedEntry | undefined,
): RoundBefore | undefined {
  if (!scoresNeighbours(run.manifest, round)) return undefined
  if (parent?.body.round !== round - 1) return NO_ROUND
  const { author, announcement, neighbours, start } = parent.body
  const announced = new Map<string, number>()
  const models = new Map<string, KnownModel>()
  for (const said of [{ peer: author, announcement, arrival: 0 }, ...neighbours]) {
    const member = run.memberIndex.get(said.peer)
    if (said.announcement === null || member === undefined) continue
    const cid = modelOf(said.announcement)
    // Of several with one model the first in this order: they cannot be told apart.
    if (!announced.has(cid)) announced.set(cid, member)
    if (said.arrival !== null && !models.has(cid)) models.set(cid, { cid, member })
  }
  const begun = start.toString()
  if (!models.has(begun)) models.set(begun, { cid: begun, member: null })
  return { models: [...models.values()], announced }
}

export interface ComparedRound {
  readonly run: Run
  /** The scorer, and its announcement of its own model. */
  readonly author: string
  readonly announcement: Uint8Array
  readonly input: Pick<PipelineInput, 'own' | 'previous' | 'neighbours'>
  readonly last: RoundBefore
  /** The parameters of `last.models`. */
  readonly before: readonly Float32Array[]
}

/** Compares the models of a round, those of neighbours in member order. */
export function compareRound(round: ComparedRound): ComparedModels {
  const { run, author, input, before, last } = round
  const arrived = input.neighbours.filter(isArrived)
  const positionOf = (peer: string): number => run.memberIndex.get(peer) ?? 0
  const compared = compareModels({
    start: input.previous,
    own: input.own,
    neighbours: arrived.map(({ parameters }) => parameters),
    before,
  })
  const recordOf = (
    comparison: ModelComparison,
    peer: string,
    announcement: Uint8Array,
    arrival: number,
  ): OwnContribution => {
    // A model of its own a member may resemble, as when it has little left to learn, but not announce again.
    const others = comparison.resent.flatMap((at) => {
      const member = last.models[at]?.member ?? null
      return member === null || member === positionOf(peer) ? [] : [member]
    })
    const resent = last.announced.get(modelOf(announcement)) ?? others[0]
    const copies = comparison.copies.map((at) =>
      at < 0
        ? { member: positionOf(author), arrival: OWN_ARRIVAL }
        : { member: positionOf(arrived[at]!.peer), arrival: arrived[at]!.arrival },
    )
    copies.sort((a, b) => a.arrival - b.arrival || a.member - b.member)
    const { distance, cosine, novelty, overlap } = comparison
    return {
      distance,
      cosine,
      novelty,
      overlap,
      copyOf: resent ?? copies[0]?.member ?? null,
      freeRide: freeRideReason({
        comparison,
        parameterCount: input.own.length,
        isResent: resent !== undefined,
        arrival,
        arrivalOf: (at) => arrived[at]!.arrival,
      }),
    }
  }
  const records = new Map(
    arrived.map(({ peer, announcement, arrival }, k) => [
      peer,
      recordOf(compared.neighbours[k]!, peer, announcement, arrival),
    ]),
  )
  return {
    own: recordOf(compared.own, author, round.announcement, OWN_ARRIVAL),
    neighbours: input.neighbours.map(({ peer }) => records.get(peer) ?? null),
  }
}

/**
 * For each neighbour in member order the loss of the rule's aggregate without its model, minus that of the aggregate;
 * null for those that are absent and where a loss is not finite. The rule runs once more for each of them, without its
 * memory of the round being touched.
 *
 * @param input - of the round; `out` holds its aggregate
 */
export async function leaveOneOut(input: PipelineInput, lossOf: LossOf): Promise<(number | null)[]> {
  const aggregate = input.out
  const losses = cachedLosses(lossOf)
  const out = new Float32Array(aggregate.length)
  const gains: (number | null)[] = []
  for (const neighbour of input.neighbours) {
    if (!isArrived(neighbour)) {
      gains.push(null)
      continue
    }
    await aggregateRound({ ...leftOut(input, neighbour.peer), out }, losses)
    // A model that the rule refused seldom changes anything.
    const gain = sameBits(out, aggregate) ? 0 : (await losses(out)) - (await losses(aggregate))
    gains.push(Number.isFinite(gain) ? gain : null)
  }
  return gains
}

function isArrived(neighbour: PipelineInput['neighbours'][number]): neighbour is ArrivedModel {
  return neighbour.status === 'ready'
}

function modelOf(announcement: Uint8Array): string {
  return decodeAnnouncement(announcement).body.model.toString()
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bytes = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)
  return bytes(a).equals(bytes(b))
}
