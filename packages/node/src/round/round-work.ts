import {
  allocateModel,
  blobCid,
  decodeAnnouncement,
  type Manifest,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type Signer,
  signAnnouncement,
  signEntry,
} from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import { CID } from 'multiformats/cid'
import { type AbsentModel, type ArrivedModel, aggregateRound, type Opinion } from '../aggregate/pipeline.js'
import { encodeMemory, type RuleMemory } from '../aggregate/rule-memory.js'
import type { BlobStore } from '../blobs/store.js'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Witness } from '../witness/witness.js'
import type { LocalTraining } from './local-training.js'
import type { OwnHistory } from './own-history.js'
import type { PhaseTimer } from './phase-timer.js'
import type { ModelPublisher } from './publisher.js'
import type { RoundReport } from './report.js'

export interface RoundWorkComponents {
  readonly run: Run
  readonly signer: Signer
  readonly training: LocalTraining
  readonly publisher: ModelPublisher
  readonly rule: Rule
  readonly ledger: Ledger
  readonly witness: Witness
  readonly blobs: BlobStore
  readonly history: OwnHistory
  readonly clock: Clock
  readonly failpoints: Failpoints
}

export interface RoundWorkInit {
  /** Mixing weight of each neighbour; undefined for equal weights. */
  readonly mixing: ReadonlyMap<string, number> | undefined
  /** The parameters with which the next round begins: the last aggregate, or the run's initial ones. */
  readonly parameters: ModelBuffer
  /** An announcement that was signed before a crash and has no entry yet, with its blob's parameters. */
  readonly pending: { readonly announcement: SignedAnnouncement; readonly model: ModelBuffer } | undefined
  /** What the rule remembers of the rounds before; undefined for rules that remember nothing. */
  readonly memory: RuleMemory | undefined
  /** The parameters with which the run began; undefined for rules that do not ask for them. */
  readonly initial: Float32Array | undefined
  readonly dataCommitment: Uint8Array | null
  /** Parameters of each layer, of sum d. */
  readonly layers: readonly number[]
  neighboursOf(peer: string): readonly string[]
  /** Rounds of own blobs that are kept. */
  readonly keepRounds: number
}

/** What a round says of itself without what only the network knows. */
export type ClosedRound = Omit<RoundReport, 'bytesReceived' | 'bytesSent' | 'phaseMs'>

/**
 * The steps of one node's round: train, store and sign, aggregate, write. Every signature is on disk before anyone
 * else can see it. Steps run one after another; whoever calls them keeps the order.
 */
export interface RoundWork {
  train(round: number): Promise<void>
  /** The announcement of the trained model, stored and recorded; undefined when the node stops. */
  seal(round: number): Promise<SignedAnnouncement | undefined>
  /** When the announcement left, on the monotonic clock: what lateness counts from. */
  readonly announcedMs: number
  noteAnnounced(): void
  /** Aggregates, evaluates, writes the entry; undefined when the node stops. */
  close(round: number, neighbours: readonly (ArrivedModel | AbsentModel)[]): Promise<ClosedRound | undefined>
  /**
   * Begins the next round with a model that was taken over from neighbours. What was announced before a crash is for a
   * round that is over: it is not aggregated any more.
   */
  startFrom(model: ModelBuffer): void
  /** Nothing more is signed from now on. */
  stop(): void
}

export function createRoundWork(
  components: RoundWorkComponents,
  phases: PhaseTimer,
  init: RoundWorkInit,
): RoundWork {
  const { run, signer, training, publisher, rule, ledger, witness, blobs, history, clock, failpoints } =
    components
  const { manifest } = run
  const begun = clock.monotonicMs()
  /** The model this round began with. */
  let start = init.parameters
  /** What is aggregated as the own model: what was announced, after a crash; what was trained, otherwise. */
  let trained: ModelBuffer | undefined = init.pending?.model
  let announcement: SignedAnnouncement | undefined = init.pending?.announcement
  let trainingLoss: number | null = null
  let memory = init.memory
  let opinions: readonly Opinion[] | undefined
  let announcedMs = begun
  let stopped = false

  return {
    async train(round) {
      const model = allocateModel(manifest.model.parameterCount)
      model.parameters.set(start.parameters)
      const { loss } = await training.train(round, model.parameters)
      trained = model
      announcement = undefined
      trainingLoss = finiteOrNull(loss)
    },
    async seal(round) {
      if (trained === undefined)
        throw new NodeError('E_STATE_CORRUPT', `nothing trained to publish in round ${round}`)
      if (announcement?.body.round !== round) {
        const parameters = await publisher.prepare(round, trained.parameters, start.parameters)
        const model = parameters === trained.parameters ? trained : wrap(parameters, manifest)
        await failpoints.hit('model.before-store')
        const cid = await blobs.put(model.bytes)
        if (stopped) return undefined
        const signed = signAnnouncement(
          {
            run: run.id,
            round,
            model: CID.parse(cid),
            byteLength: run.modelBytes,
            parent: ledger.head,
            norm: l2Norm(model.parameters),
            opinions: opinions === undefined ? null : [...opinions],
          },
          signer,
        )
        await failpoints.hit('announcement.before-record')
        await ledger.recordAnnouncement(signed)
        await failpoints.hit('announcement.after-record')
        announcement = signed
      }
      if (stopped) return undefined
      history.noteAnnouncement(announcement)
      return announcement
    },
    get announcedMs() {
      return announcedMs
    },
    noteAnnounced() {
      announcedMs = clock.monotonicMs()
    },
    async close(round, neighbours) {
      if (trained === undefined || announcement === undefined)
        throw new NodeError('E_STATE_CORRUPT', `nothing published in round ${round}`)
      const out = allocateModel(manifest.model.parameterCount)
      const aggregation = await aggregateRound(
        {
          rule,
          own: trained.parameters,
          previous: start.parameters,
          initial: init.initial,
          neighbours,
          round,
          rounds: manifest.training.rounds,
          mixing: init.mixing,
          memory,
          layers: init.layers,
          neighboursOf: init.neighboursOf,
          out: out.parameters,
        },
        (parameters) => training.loss(round, parameters),
      )
      phases.begin('evaluate')
      await failpoints.hit('aggregate.before-store')
      // The disk works while the training thread evaluates.
      const [evaluation, aggregateCid] = await Promise.all([
        training.evaluate(round, out.parameters),
        blobs.put(out.bytes),
      ])
      phases.begin('ledger')
      const memoryCid =
        aggregation.memory === undefined ? null : await blobs.put(encodeMemory(aggregation.memory))
      if (stopped) return undefined
      const metrics = {
        trainingLoss,
        testLoss: finiteOrNull(evaluation?.loss),
        testAccuracy: finiteOrNull(evaluation?.accuracy),
      }
      const entry = signEntry(
        {
          run: run.id,
          height: ledger.length,
          parent: ledger.head,
          round,
          start: blobCid(start.bytes),
          announcement: announcement.bytes,
          neighbours: [...aggregation.records],
          rule: manifest.rule,
          ownWeight: aggregation.ownWeight,
          losses: [...aggregation.losses],
          aggregate: CID.parse(aggregateCid),
          memory: memoryCid === null ? null : CID.parse(memoryCid),
          dataCommitment: init.dataCommitment,
          localSteps: manifest.training.localSteps,
          metrics,
          clock: {
            wallMs: Math.round(clock.wallMs()),
            monotonicMs: Math.round(clock.monotonicMs() - begun),
          },
        },
        signer,
      )
      await failpoints.hit('entry.before-append')
      await ledger.append(entry)
      await failpoints.hit('entry.after-append')
      witness.extendOwn(entry)
      const modelCid = announcement.body.model.toString()
      history.noteBlobs(round, blobsOf(entry))
      await failpoints.hit('blobs.before-retain')
      await blobs.retain(history.retained(init.keepRounds))
      start = out
      trained = undefined
      memory = aggregation.memory ?? memory
      opinions = aggregation.opinions
      return {
        round,
        ...metrics,
        neighbours: aggregation.records,
        modelCid,
        aggregateCid,
        entryCid: entry.cid.toString(),
      }
    },
    startFrom(model) {
      trained = undefined
      announcement = undefined
      start = model
    },
    stop() {
      stopped = true
    },
  }
}

/** CIDs of the blobs that a round made. */
export function blobsOf({ body }: SignedEntry): string[] {
  const model = decodeAnnouncement(body.announcement).body.model
  return [model, body.aggregate, ...(body.memory === null ? [] : [body.memory])].map(String)
}

function wrap(parameters: Float32Array, manifest: Manifest): ModelBuffer {
  if (parameters.length !== manifest.model.parameterCount) {
    throw new NodeError('E_STATE_CORRUPT', `the publisher gave ${parameters.length} parameters`)
  }
  const model = allocateModel(parameters.length)
  model.parameters.set(parameters)
  return model
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

/** L2 norm in float64. */
function l2Norm(vector: Float32Array): number {
  let sum = 0
  for (let k = 0; k < vector.length; k++) sum += vector[k]! * vector[k]!
  const norm = Math.sqrt(sum)
  return Number.isFinite(norm) ? norm : Number.MAX_VALUE
}
