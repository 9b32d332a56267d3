import {
  blobCid,
  type Contribution,
  decodeAnnouncement,
  type Entry,
  type ModelBuffer,
  type Run,
  type SignedAnnouncement,
  type SignedEntry,
  type Signer,
  signEntry,
} from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import type { PipelineResult } from '../aggregate/pipeline.js'
import { encodeMemory } from '../aggregate/rule-memory.js'
import type { BlobStore } from '../blobs/store.js'
import type { Clock } from '../clock.js'
import { privacyAfter } from '../differential-privacy/privacy-spent.js'
import type { Failpoints } from '../failpoints.js'
import type { Ledger } from '../ledger/ledger.js'
import type { PrivateReport } from '../private/private-report.js'
import type { Witness } from '../witness/witness.js'
import { finiteOrNull } from './finite-or-null.js'
import type { Evaluation, LocalTraining } from './local-training.js'
import type { OwnHistory } from './own-history.js'
import type { PhaseTimer } from './phase-timer.js'
import type { RoundReport } from './report.js'

/** What a node's own work knows about a finished round; the engine adds bytes and times. */
export type ClosedRound = Omit<RoundReport, 'bytesReceived' | 'bytesSent' | 'phaseMs'>

/** The outcome of a round, for the ledger. */
export interface RoundOutcome {
  readonly round: number
  /** The model that the round's training began with. */
  readonly start: ModelBuffer
  readonly announcement: SignedAnnouncement
  /** Mean training loss; null when it is unknown or not finite. */
  readonly trainingLoss: number | null
  readonly aggregation: PipelineResult
  /** The aggregate. */
  readonly aggregate: ModelBuffer
  /** Undefined in runs that score no contributions. */
  readonly contribution: Contribution | undefined
  /** CIDs of the transcript and the opened sum; undefined in runs that are not private. */
  readonly privacy: Entry['privacy']
  readonly privateReport: PrivateReport | undefined
}

/** Evaluates and stores an aggregate, and writes the round's ledger entry. */
export interface EntryWriting {
  /** Undefined when the node was stopped before the entry was signed. */
  write(outcome: RoundOutcome): Promise<ClosedRound | undefined>
}

export interface EntryWritingComponents {
  readonly run: Run
  readonly signer: Signer
  readonly training: LocalTraining
  readonly ledger: Ledger
  readonly witness: Witness
  readonly blobs: BlobStore
  readonly history: OwnHistory
  readonly clock: Clock
  readonly phases: PhaseTimer
  readonly failpoints: Failpoints
}

export interface EntryWritingInit {
  readonly dataCommitment: Uint8Array | null
  /** How many rounds of the node's own blobs are kept. */
  readonly keepRounds: number
  isStopped(): boolean
  /** An aggregate was evaluated; null where this round is not. */
  onEvaluated(aggregate: ModelBuffer, evaluation: Evaluation | null): void
}

export function createEntryWriting(components: EntryWritingComponents, init: EntryWritingInit): EntryWriting {
  const { run, signer, training, ledger, witness, blobs, history, clock, phases, failpoints } = components
  const { manifest } = run
  const epoch = run.epoch === undefined ? {} : { epoch: run.epoch }
  const begunMs = clock.monotonicMs()

  const store = async (entry: SignedEntry): Promise<void> => {
    await failpoints.hit('entry.before-append')
    await ledger.append(entry)
    await failpoints.hit('entry.after-append')
    witness.extendOwn(entry)
    history.noteBlobs(entry.body.round, blobsOf(entry, run))
    await failpoints.hit('blobs.before-retain')
    await blobs.retain(history.retained(init.keepRounds))
  }

  return {
    async write(outcome) {
      const { round, start, announcement, trainingLoss, aggregation, aggregate, contribution } = outcome
      const { privacy, privateReport } = outcome
      phases.begin('evaluate', round)
      await failpoints.hit('aggregate.before-store')
      // Writing to disk and evaluation run in parallel.
      const [evaluation, aggregateCid] = await Promise.all([
        training.evaluate(round, aggregate.parameters),
        blobs.put(aggregate.bytes),
      ])
      init.onEvaluated(aggregate, evaluation)
      phases.begin('ledger', round)
      const { memory } = aggregation
      const memoryCid = memory === undefined ? null : await blobs.put(encodeMemory(memory))
      if (init.isStopped()) return undefined
      const metrics = {
        trainingLoss,
        testLoss: finiteOrNull(evaluation?.loss),
        testMetric: finiteOrNull(evaluation?.primary),
      }
      const spent = privacyAfter(manifest, round, largestRate(training, ledger))
      const differentialPrivacy = spent === undefined ? {} : { differentialPrivacy: spent }
      const entry = signEntry(
        {
          run: run.id,
          ...epoch,
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
          // The loss on a node's own samples says something about them.
          metrics: manifest.privacy === undefined ? metrics : { ...metrics, trainingLoss: null },
          ...(contribution === undefined ? {} : { contribution }),
          ...(privacy === undefined ? {} : { privacy }),
          ...differentialPrivacy,
          clock: {
            wallMs: Math.round(clock.wallMs()),
            monotonicMs: Math.round(clock.monotonicMs() - begunMs),
          },
        },
        signer,
      )
      await store(entry)
      return {
        round,
        ...metrics,
        neighbours: aggregation.records,
        ...(aggregation.unfit.length > 0 ? { unfit: aggregation.unfit } : {}),
        ...(contribution === undefined ? {} : { contribution }),
        ...(privateReport === undefined ? {} : { privacy: privateReport }),
        ...differentialPrivacy,
        modelCid: announcement.body.model.toString(),
        aggregateCid,
        entryCid: entry.cid.toString(),
      }
    },
  }
}

/** A node that was started again with more samples has not undone the steps before. */
function largestRate({ samplingRate = 1 }: LocalTraining, { last }: Ledger): number {
  return Math.max(samplingRate, last?.body.differentialPrivacy?.samplingRate ?? 0)
}

/**
 * CIDs of the blobs that a round produced. In a run with a common chain also the model that it began with, which
 * another member's ledger names as its aggregate.
 */
export function blobsOf({ body }: SignedEntry, { manifest }: Run): string[] {
  const model = decodeAnnouncement(body.announcement).body.model
  const others = [
    ...(body.memory === null ? [] : [body.memory]),
    ...(manifest.chain === undefined ? [] : [body.start]),
    ...(body.privacy === undefined
      ? []
      : [body.privacy.transcript, body.privacy.sum].filter((cid) => cid !== null)),
  ]
  return [model, body.aggregate, ...others].map(String)
}
