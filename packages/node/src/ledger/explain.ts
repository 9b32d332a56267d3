import { counted } from '@tempered/errors'
import type { NeighbourRecord, Run, SignedEntry } from '@tempered/protocol'
import { recordedLosses } from '../aggregate/own-losses.js'
import { leftOut, type PipelineInput, replayRound } from '../aggregate/pipeline.js'
import { manifestTask } from '../round/manifest-training.js'
import type { Replay, ReplayInput } from './replay.js'

/** One tensor's share of the distance between two models. */
export interface LayerShare {
  /** As `describeModel` names it, e.g. `0.kernel`. */
  readonly name: string
  readonly shape: readonly number[]
  /** First parameter in the flat vector, and their number. */
  readonly offset: number
  readonly length: number
  /** Sum of squared differences. */
  readonly squaredDistance: number
  /** Share of the whole squared distance, in [0, 1]; 0 when the models are equal. */
  readonly share: number
}

/** A hypothetical aggregate. */
export type Alternative =
  | {
      /** Length d. */
      readonly parameters: Float32Array
      /** L2 distance to the rule's aggregate. */
      readonly distance: number
      /** The same relative to the L2 norm of that aggregate; null when the norm is 0. */
      readonly relative: number | null
    }
  /** Why it cannot be computed. */
  | { readonly unknown: string }

/** What happened to one neighbour's model in one round, and how it changed the result. */
export interface NeighbourExplanation {
  /** L2 distance between the author's announced model and the neighbour's. */
  readonly distance: number
  /** L2 norms of the two models. */
  readonly ownNorm: number
  readonly peerNorm: number
  /** In the order of the flat vector; squared distances sum up to `distance`². */
  readonly layers: readonly LayerShare[]
  /** The rule's aggregate; the recorded one, unless its replay differs. */
  readonly aggregate: Float32Array
  /** The rule's result without the neighbour's model. */
  readonly without: Alternative
  /** The result of mixing the neighbour's model into `without` with its plain weight. */
  readonly plain: Alternative
  /** That weight: the neighbour's mixing weight if the run has them, otherwise 1 / (models of the round). */
  readonly plainWeight: number
}

/**
 * The record of a neighbour in an entry, by peer id or its last characters. Throws RangeError unless exactly one
 * matches.
 */
export function findNeighbour({ body }: SignedEntry, peer: string): NeighbourRecord {
  const found = body.neighbours.filter((record) => record.peer.endsWith(peer))
  if (found.length === 1) return found[0]!
  const names = body.neighbours.map((record) => record.peer.slice(-8)).join(', ')
  const what = found.length === 0 ? 'is not a neighbour' : `fits ${counted(found.length, 'neighbour')}`
  throw new RangeError(`${peer} ${what} of ${body.author} in round ${body.round + 1}; neighbours: ${names}`)
}

/**
 * Analyses the part of one neighbour, whose model arrived, in a round.
 * Throws MissingBlobs, RangeError when the neighbour's model did not arrive, ProtocolError for blobs that are not
 * models.
 */
export async function explainNeighbour(
  run: Run,
  replay: Replay,
  entry: SignedEntry,
  parent: SignedEntry | undefined,
  peer: string,
): Promise<NeighbourExplanation> {
  const input = await replay.load(entry, parent)
  const theirs = input.neighbours.find((neighbour) => neighbour.peer === peer)
  if (theirs?.status !== 'ready')
    throw new RangeError(`no model of ${peer} arrived in round ${entry.body.round + 1}`)
  const aggregate = aggregateOf(input, entry)
  const without: Alternative =
    entry.body.losses.length > 0
      ? { unknown: "the rule asked for losses on the author's own data, which no other node has" }
      : alternative(aggregate, aggregateOf(leftOut(input, peer), entry))
  const arrived = input.neighbours.filter(({ status }) => status === 'ready').length
  const plainWeight = input.mixing?.get(peer) ?? 1 / (arrived + 1)
  const plain =
    'unknown' in without
      ? without
      : alternative(aggregate, mixed(without.parameters, theirs.parameters, plainWeight))
  const layers = layerShares(run, input.own, theirs.parameters)
  return {
    distance: Math.sqrt(layers.reduce((sum, layer) => sum + layer.squaredDistance, 0)),
    ownNorm: l2Norm(input.own),
    peerNorm: l2Norm(theirs.parameters),
    layers,
    aggregate,
    without,
    plain,
    plainWeight,
  }
}

function aggregateOf(input: ReplayInput, entry: SignedEntry): Float32Array {
  const out = new Float32Array(input.own.length)
  const pipeline: PipelineInput = { ...input, out }
  replayRound(pipeline, recordedLosses(entry.body.losses))
  return out
}

function alternative(aggregate: Float32Array, parameters: Float32Array): Alternative {
  const distance = Math.sqrt(squaredDistance(parameters, aggregate, 0, aggregate.length))
  const norm = l2Norm(aggregate)
  return { parameters, distance, relative: norm === 0 ? null : distance / norm }
}

/** (1 − w)·a + w·b, rounded to float32 once. */
function mixed(a: Float32Array, b: Float32Array, w: number): Float32Array {
  return a.map((value, k) => (1 - w) * value + w * b[k]!)
}

function layerShares(run: Run, own: Float32Array, theirs: Float32Array): LayerShare[] {
  let offset = 0
  const parts = manifestTask(run.manifest).task.layout.map(({ name, shape }) => {
    const start = offset
    const length = shape.reduce((product, size) => product * size, 1)
    offset += length
    return {
      name,
      shape,
      offset: start,
      length,
      squaredDistance: squaredDistance(own, theirs, start, offset),
    }
  })
  const total = parts.reduce((sum, part) => sum + part.squaredDistance, 0)
  return parts.map((part) => ({ ...part, share: total === 0 ? 0 : part.squaredDistance / total }))
}

/** In float64, over the parameters `start` to `end`. */
function squaredDistance(a: Float32Array, b: Float32Array, start: number, end: number): number {
  let sum = 0
  for (let k = start; k < end; k++) {
    const difference = a[k]! - b[k]!
    sum += difference * difference
  }
  return sum
}

function l2Norm(vector: Float32Array): number {
  let sum = 0
  for (const value of vector) sum += value * value
  return Math.sqrt(sum)
}
