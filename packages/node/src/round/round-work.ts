import {
  allocateModel,
  firstNonFinite,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type Signer,
} from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import {
  type AbsentModel,
  type ArrivedModel,
  aggregateRound,
  type Opinion,
  type PipelineInput,
} from '../aggregate/pipeline.js'
import type { RuleMemory } from '../aggregate/rule-memory.js'
import type { BlobStore } from '../blobs/store.js'
import type { Clock } from '../clock.js'
import { NodeError } from '../errors.js'
import type { Failpoints } from '../failpoints.js'
import type { Ledger } from '../ledger/ledger.js'
import type { ModelSharing, SharedModel } from '../private/model-sharing.js'
import type { Witness } from '../witness/witness.js'
import { createContributionScoring } from './contribution-scoring.js'
import { type ClosedRound, createEntryWriting } from './entry-writing.js'
import { finiteOrNull } from './finite-or-null.js'
import type { LocalTraining } from './local-training.js'
import { createModelSealing } from './model-sealing.js'
import type { OwnHistory } from './own-history.js'
import type { PhaseTimer } from './phase-timer.js'
import { type ModelPublisher, plainPublisher } from './publisher.js'

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
  readonly phases: PhaseTimer
  readonly failpoints: Failpoints
  /** Undefined in runs that are not private. */
  readonly sharing: ModelSharing | undefined
}

export interface RoundWorkInit {
  /** Mixing weight of each neighbour; undefined for equal weights. */
  readonly mixing: ReadonlyMap<string, number> | undefined
  /** The parameters with which the next round begins: the last aggregate, or the run's initial ones. */
  readonly parameters: ModelBuffer
  /** An announcement that was signed before a crash and has no entry yet, with its blob's parameters. */
  readonly pending: { readonly announcement: SignedAnnouncement; readonly model: ModelBuffer } | undefined
  /** The rule's memory of earlier rounds; undefined for rules without memory. */
  readonly memory: RuleMemory | undefined
  /** The parameters with which the run began; undefined for rules that do not ask for them. */
  readonly initial: Float32Array | undefined
  readonly dataCommitment: Uint8Array | null
  /** Parameters of each layer; they sum to d. */
  readonly layers: readonly number[]
  neighboursOf(peer: string): readonly string[]
  /** How many rounds of the node's own blobs are kept. */
  readonly keepRounds: number
}

/**
 * The steps of one node's round: train, store and sign, aggregate, write. Every signature is on disk before anyone
 * else can see it. Steps run one after another; the caller keeps the order.
 */
export interface RoundWork {
  train(round: number): Promise<void>
  /** In private runs: gives the trained model to the group, and goes on with what the group has opened in its place. */
  share(round: number): Promise<void>
  /** The announcement of the trained model, stored and recorded; undefined when the node was stopped. */
  seal(round: number): Promise<SignedAnnouncement | undefined>
  /** When the announcement was sent, on the monotonic clock: lateness counts from here. */
  readonly announcedMs: number
  noteAnnounced(): void
  /** Aggregates, evaluates and writes the entry; undefined when the node was stopped. */
  close(round: number, neighbours: readonly (ArrivedModel | AbsentModel)[]): Promise<ClosedRound | undefined>
  /** Loss and first metric of a model, as in the report of a round; null where it is not evaluated. */
  evaluate(round: number, model: ModelBuffer): Promise<Pick<ClosedRound, 'testLoss' | 'testMetric'>>
  /**
   * Begins the next round with a model that was taken over from neighbours. An announcement from before a crash
   * belongs to a round that is over, so its model is no longer aggregated.
   */
  startFrom(model: ModelBuffer): void
  /** Nothing more is signed from now on. */
  stop(): void
}

export function createRoundWork(components: RoundWorkComponents, init: RoundWorkInit): RoundWork {
  const { run, training, rule, history, clock, phases } = components
  const { manifest } = run
  /** The model this round began with. */
  let start = init.parameters
  /** The node's own model in the aggregation: the announced one after a crash, otherwise the trained one. */
  let trained: ModelBuffer | undefined = init.pending?.model
  let announcement: SignedAnnouncement | undefined = init.pending?.announcement
  let trainingLoss: number | null = null
  let memory = init.memory
  /** What came of the newest private round; after a crash, what the announcement follows from. */
  let privacy: SharedModel | undefined = components.sharing?.recovered
  let opinions: readonly Opinion[] | undefined
  let announcedMs = clock.monotonicMs()
  let stopped = false
  const isStopped = (): boolean => stopped
  const sealing = createModelSealing(
    // What a private round has opened is announced as it is.
    components.sharing === undefined ? components : { ...components, publisher: plainPublisher },
    isStopped,
  )
  const contributions = createContributionScoring(components)
  const entries = createEntryWriting(components, {
    dataCommitment: init.dataCommitment,
    keepRounds: init.keepRounds,
    isStopped,
    onEvaluated: contributions.noteEvaluated,
  })

  return {
    async train(round) {
      const model = allocateModel(manifest.model.parameterCount)
      model.parameters.set(start.parameters)
      const { loss } = await training.train(round, model.parameters)
      checkFinite(round, model.parameters, start.parameters, manifest.training.learningRate)
      trained = model
      announcement = undefined
      // No noise covers the loss on the node's own samples.
      trainingLoss = manifest.differentialPrivacy === undefined ? finiteOrNull(loss) : null
    },
    async share(round) {
      if (trained === undefined || components.sharing === undefined)
        throw outOfOrder(round, 'no model was trained, so none can be shared')
      const prepared = await components.publisher.prepare(round, trained.parameters, start.parameters)
      // From here on nothing holds this node's own model any more.
      trained = undefined
      const shared = await components.sharing.share(round, prepared)
      if (shared === undefined || stopped) return
      trained = shared.model ?? start
      privacy = shared
    },
    async seal(round) {
      if (trained === undefined) throw outOfOrder(round, 'no model was trained, so none can be announced')
      if (announcement?.body.round !== round) {
        const sealed = await sealing.seal(round, trained, start, opinions)
        if (sealed === undefined) return undefined
        announcement = sealed
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
        throw outOfOrder(round, 'no model was announced, so the round cannot be closed')
      const aggregate = allocateModel(manifest.model.parameterCount)
      const input: PipelineInput = {
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
        out: aggregate.parameters,
      }
      const aggregation = await aggregateRound(input, (parameters) => training.loss(round, parameters))
      phases.begin('evaluate', round)
      const contribution = await contributions.score(start, announcement, input)
      const outcome = {
        ...{ round, start, announcement, trainingLoss, aggregation, aggregate, contribution },
        privacy: privacy?.links,
        privateReport: privacy?.report,
      }
      const closed = await entries.write(outcome)
      if (closed === undefined) return undefined
      start = aggregate
      trained = undefined
      memory = aggregation.memory ?? memory
      opinions = aggregation.opinions
      return closed
    },
    async evaluate(round, model) {
      const evaluation = await training.evaluate(round, model.parameters)
      contributions.noteEvaluated(model, evaluation)
      return { testLoss: finiteOrNull(evaluation?.loss), testMetric: finiteOrNull(evaluation?.primary) }
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

const LOWER = 'lower training.learningRate (manifest create --learning-rate) in a new run'

/**
 * A model that is not finite would be evidence against this node, so it is never announced. Throws E_DIVERGED.
 */
function checkFinite(round: number, trained: Float32Array, start: Float32Array, learningRate: number): void {
  const at = firstNonFinite(trained)
  if (at < 0) return
  const cause =
    firstNonFinite(start) < 0
      ? `the learning rate, ${learningRate}, is most likely too high for this model and its data; ${LOWER}`
      : 'the aggregate with which the round began was not finite either: models have become so large that their mean ' +
        `overflows; ${LOWER}, or use a rule that rejects such models`
  throw new NodeError(
    'E_DIVERGED',
    `training diverged in round ${round + 1}: parameter ${at} of the trained model is ${trained[at]}, and nothing was announced. ${capitalised(cause)}`,
    { round, parameter: at, learningRate },
  )
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function outOfOrder(round: number, what: string): NodeError {
  return new NodeError('E_STATE_CORRUPT', `round ${round}: ${what}; restart the node`)
}
