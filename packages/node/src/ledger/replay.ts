import {
  allocateModel,
  blobCid,
  decodeAnnouncement,
  decodeModel,
  type Entry,
  firstNonFinite,
  type Manifest,
  type NeighbourRecord,
  ProtocolError,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import {
  type ComparedModels,
  compareRound,
  type RoundBefore,
  roundBefore,
} from '../aggregate/contribution.js'
import { recordedLosses } from '../aggregate/own-losses.js'
import {
  type AbsentModel,
  type ArrivedModel,
  type PipelineInput,
  type PipelineResult,
  replayRound,
} from '../aggregate/pipeline.js'
import { decodeMemory, emptyMemory, encodeMemory, type RuleMemory } from '../aggregate/rule-memory.js'
import { createRunRule } from '../aggregate/run-rule.js'
import { wrongEpsilon } from '../differential-privacy/privacy-spent.js'
import { errorMessage, NodeError } from '../errors.js'
import { drawnInitialParameters } from '../round/initial-model.js'
import { manifestLayers } from '../round/manifest-training.js'
import { runTopology } from '../topology.js'
import type { BlobLookup } from './blob-folders.js'
import type { Difference } from './difference.js'
import { comparePrivateRound, privateNeeds } from './replay-private.js'

/** The result of computing a round of a ledger again. */
export type ReplayFinding =
  | { readonly status: 'agrees' }
  /** The rule's result differs from the entry. */
  | { readonly status: 'differs'; readonly difference: Difference }
  /** Required blobs are missing: nothing can be concluded. */
  | { readonly status: 'unproven'; readonly missing: readonly string[] }

/** What a round gives, as blobs; memory: of rules that have one. */
export interface Computed {
  readonly aggregate: Uint8Array
  readonly memory: Uint8Array | undefined
}

/** Computes rounds of a run again from ledger entries and the blobs they name. */
export interface Replay {
  /**
   * Replays one round, given the previous entry (undefined for the first). The entries must have passed the chain
   * verifier. Losses on the author's own data are used as recorded: they are its claim. `onAgreement` gets what was
   * computed when it agrees.
   */
  check(
    entry: SignedEntry,
    parent: SignedEntry | undefined,
    onAgreement?: (computed: Computed) => void,
  ): Promise<ReplayFinding>
  /** The models of a round, for further analysis. Throws MissingBlobs. */
  load(entry: SignedEntry, parent: SignedEntry | undefined): Promise<ReplayInput>
  /** CIDs of every blob that a round's replay reads, known from the entries alone. */
  needs(entry: SignedEntry, parent: SignedEntry | undefined): readonly string[]
}

/** The input of a round's computation. */
export type ReplayInput = Omit<PipelineInput, 'out'>

export class MissingBlobs extends Error {
  override readonly name = 'MissingBlobs'
  readonly cids: readonly string[]
  constructor(cids: readonly string[]) {
    super(`blobs are missing: ${cids.join(', ')}`)
    this.cids = cids
  }
}

export interface ReplayOptions {
  /**
   * Whether scores of contributions are recomputed too; default true. They need the entry below and the models of its
   * round: without that entry they are not looked at.
   */
  readonly contributions?: boolean
}

export function createReplay(
  run: Run,
  blobs: BlobLookup,
  { contributions = true }: ReplayOptions = {},
): Replay {
  const { manifest } = run
  const { parameterCount, initialCid } = manifest.model
  const rule = createRunRule(manifest.rule)
  const usesInitial = rule.usesInitial || manifest.privacy !== undefined
  const drawn = usesInitial ? drawnInitialParameters(manifest) : undefined
  const needsInitial = usesInitial && drawn === undefined

  /** The round before, where an entry's scores are to be recomputed. */
  const scoredAfter = ({ body }: SignedEntry, parent: SignedEntry | undefined): RoundBefore | undefined => {
    const isScored = body.contribution !== undefined && body.contribution.neighbours !== null
    if (!contributions || !isScored || (parent === undefined && body.height > 0)) return undefined
    return roundBefore(viewOf(body, run), body.round, parent)
  }

  const needs = (entry: SignedEntry, parent: SignedEntry | undefined): string[] => {
    const { body } = entry
    const memory = parent?.body.memory
    const before = scoredAfter(entry, parent)?.models ?? []
    return [
      body.start.toString(),
      modelOf(body.announcement),
      ...body.neighbours.flatMap((record) =>
        record.arrival === null || record.announcement === null ? [] : [modelOf(record.announcement)],
      ),
      ...(memory === undefined || memory === null ? [] : [memory.toString()]),
      ...(needsInitial ? [initialCid] : []),
      ...before.map(({ cid }) => cid),
      ...privateNeeds(entry),
    ]
  }

  const memoryOf = (bytes: Uint8Array | undefined): RuleMemory | undefined => {
    if (!rule.usesMemory) return undefined
    return bytes === undefined ? emptyMemory : decodeMemory(bytes)
  }

  const load = async (entry: SignedEntry, parent: SignedEntry | undefined): Promise<ReplayInput> => {
    const { body } = entry
    const found = new Map<string, Uint8Array>()
    const missing: string[] = []
    for (const cid of new Set(needs(entry, parent))) {
      const bytes = await blobs(cid)
      if (bytes === undefined) missing.push(cid)
      else found.set(cid, bytes)
    }
    if (missing.length > 0) throw new MissingBlobs(missing)
    const model = (cid: string): Float32Array => decodeModel(found.get(cid)!, parameterCount)
    const memory = parent?.body.memory?.toString()
    const view = viewOf(body, run)
    const topology = runTopology(view)
    return {
      rule,
      own: model(modelOf(body.announcement)),
      previous: model(body.start.toString()),
      initial: needsInitial ? model(initialCid) : drawn,
      neighbours: body.neighbours.map((record) => neighbourOf(record, model)),
      round: body.round,
      rounds: view.manifest.training.rounds,
      mixing: topology.mixingOf(body.author),
      layers: manifestLayers(manifest),
      neighboursOf: topology.neighboursOf,
      memory: memoryOf(memory === undefined ? undefined : found.get(memory)!),
    }
  }

  const compareScores = async (
    entry: SignedEntry,
    parent: SignedEntry | undefined,
    input: ReplayInput,
  ): Promise<Difference | undefined> => {
    const last = scoredAfter(entry, parent)
    if (last === undefined) return undefined
    const before: Float32Array[] = []
    for (const { cid } of last.models) before.push(decodeModel((await blobs(cid))!, parameterCount))
    const { author, announcement } = entry.body
    return compareContribution(
      entry,
      compareRound({ run: viewOf(entry.body, run), author, announcement, input, last, before }),
    )
  }

  return {
    needs,
    load,
    async check(entry, parent, onAgreement) {
      let input: ReplayInput
      try {
        input = await load(entry, parent)
      } catch (error) {
        const missing = missingIn(error, entry)
        if (missing !== undefined) return { status: 'unproven', missing }
        const malformed =
          error instanceof ProtocolError || (error instanceof NodeError && error.code === 'E_MALFORMED')
        if (!malformed) throw error
        // A blob with the right hash that is not a model of this run, or not a memory, could not have been
        // aggregated.
        return differs({ field: 'models', recorded: 'models of the run', computed: errorMessage(error) })
      }
      const unusable = firstUnusable(input)
      if (unusable !== undefined) return differs(unusable)
      const out = allocateModel(parameterCount)
      const losses = recordedLosses(entry.body.losses)
      const result = replayRound({ ...input, out: out.parameters }, losses)
      const memory = result.memory === undefined ? undefined : encodeMemory(result.memory)
      const difference =
        compareVerdicts(entry, result) ??
        compareLosses(entry, losses.unused) ??
        compareEpsilon(entry, viewOf(entry.body, run).manifest) ??
        compareMemory(entry, memory) ??
        (await comparePrivateRound(run, entry, blobs, input.initial ?? input.previous, parent)) ??
        (await compareAggregate(entry, out.bytes, out.parameters, blobs, parameterCount)) ??
        (await compareScores(entry, parent, input))
      if (difference !== undefined) return differs(difference)
      onAgreement?.({ aggregate: out.bytes, memory })
      return { status: 'agrees' }
    },
  }
}

/** What an error says is missing to replay a round; undefined for other errors. */
function missingIn(error: unknown, { body }: SignedEntry): readonly string[] | undefined {
  if (error instanceof MissingBlobs) return error.cids
  const isEpoch = error instanceof ProtocolError && error.code === 'E_EPOCH'
  return isEpoch ? [`changes of epoch ${body.epoch}`] : undefined
}

/** The run in the epoch of an entry. Throws E_EPOCH. */
function viewOf({ epoch }: Entry, run: Run): Run {
  const view = run.viewOf(epoch)
  if (view !== undefined) return view
  throw new ProtocolError('E_EPOCH', `entry: it is of epoch ${epoch}, whose changes are not known here`)
}

function differs(difference: Difference): ReplayFinding {
  return { status: 'differs', difference }
}

/** CID of the model named in an announcement. */
function modelOf(announcement: Uint8Array): string {
  return decodeAnnouncement(announcement).body.model.toString()
}

function neighbourOf(
  record: NeighbourRecord,
  model: (cid: string) => Float32Array,
): ArrivedModel | AbsentModel {
  const { peer, announcement, arrival, latenessMs, reason } = record
  if (arrival === null || announcement === null) return { status: 'absent', peer, reason, announcement }
  return {
    status: 'ready',
    peer,
    parameters: model(modelOf(announcement)),
    announcement,
    arrival,
    latenessMs: latenessMs ?? 0,
    opinions: decodeAnnouncement(announcement).body.opinions,
  }
}

/** A node never aggregates a model that is not finite; an entry that says so is wrong. */
function firstUnusable(input: ReplayInput): Difference | undefined {
  for (const [k, neighbour] of input.neighbours.entries()) {
    if (neighbour.status !== 'ready') continue
    const coordinate = firstNonFinite(neighbour.parameters)
    if (coordinate < 0) continue
    return {
      field: `neighbours.${k}.arrival`,
      peer: neighbour.peer,
      coordinate,
      recorded: `arrived as ${neighbour.arrival}`,
      computed: `E_NOT_FINITE: ${neighbour.parameters[coordinate]}`,
    }
  }
  return undefined
}

function compareVerdicts(entry: SignedEntry, result: PipelineResult): Difference | undefined {
  for (const [k, record] of entry.body.neighbours.entries()) {
    const computed = result.records[k]!
    for (const field of ['accepted', 'reason', 'weight', 'score', 'threshold'] as const) {
      if (Object.is(record[field], computed[field])) continue
      return {
        field: `neighbours.${k}.${field}`,
        peer: record.peer,
        recorded: String(record[field]),
        computed: String(computed[field]),
      }
    }
  }
  if (Object.is(entry.body.ownWeight, result.ownWeight)) return undefined
  return {
    field: 'ownWeight',
    recorded: String(entry.body.ownWeight),
    computed: String(result.ownWeight),
  }
}

function compareContribution({ body }: SignedEntry, computed: ComparedModels): Difference | undefined {
  const { own = null, neighbours } = body.contribution ?? {}
  const pairs = [
    {
      name: 'own',
      peer: undefined,
      recorded: own,
      due: computed.own as ComparedModels['neighbours'][number],
    },
    ...(neighbours ?? []).map((recorded, k) => ({
      name: `neighbours.${k}`,
      peer: body.neighbours[k]?.peer,
      recorded,
      due: computed.neighbours[k] ?? null,
    })),
  ]
  for (const { name, peer, recorded, due } of pairs)
    for (const field of ['distance', 'cosine', 'novelty', 'overlap', 'copyOf', 'freeRide'] as const) {
      if (Object.is(recorded?.[field], due?.[field])) continue
      return {
        field: `contribution.${name}.${field}`,
        ...(peer === undefined ? {} : { peer }),
        recorded: String(recorded?.[field]),
        computed: String(due?.[field]),
      }
    }
  return undefined
}

function compareLosses(entry: SignedEntry, unused: number): Difference | undefined {
  if (unused === 0) return undefined
  return {
    field: 'losses',
    recorded: `${entry.body.losses.length} losses`,
    computed: `the rule requests ${entry.body.losses.length - unused}`,
  }
}

/** ε follows from the manifest and the author's sampling rate, which is its claim. */
function compareEpsilon({ body }: SignedEntry, manifest: Manifest): Difference | undefined {
  const due = wrongEpsilon(manifest, body)
  if (due === undefined) return undefined
  return {
    field: 'differentialPrivacy.epsilon',
    recorded: String(body.differentialPrivacy?.epsilon),
    computed: String(due),
  }
}

function compareMemory(entry: SignedEntry, memory: Uint8Array | undefined): Difference | undefined {
  const recorded = entry.body.memory?.toString() ?? 'none'
  const computed = memory === undefined ? 'none' : blobCid(memory).toString()
  return recorded === computed ? undefined : { field: 'memory', recorded, computed }
}

async function compareAggregate(
  entry: SignedEntry,
  bytes: Uint8Array,
  computed: Float32Array,
  blobs: BlobLookup,
  parameterCount: number,
): Promise<Difference | undefined> {
  const due = blobCid(bytes).toString()
  const recorded = entry.body.aggregate.toString()
  if (due === recorded) return undefined
  const blob = await blobs(recorded)
  const model = blob === undefined ? undefined : tryModel(blob, parameterCount)
  if (model === undefined) return { field: 'aggregate', recorded, computed: due }
  const coordinate = firstDifference(model, computed)
  return {
    field: 'aggregate',
    coordinate,
    recorded: String(model[coordinate]),
    computed: String(computed[coordinate]),
  }
}

function tryModel(blob: Uint8Array, parameterCount: number): Float32Array | undefined {
  try {
    return decodeModel(blob, parameterCount)
  } catch {
    return undefined
  }
}

/** Index of the first parameter whose bits differ. */
function firstDifference(a: Float32Array, b: Float32Array): number {
  const x = new Int32Array(a.buffer, a.byteOffset, a.length)
  const y = new Int32Array(b.buffer, b.byteOffset, b.length)
  return x.findIndex((bits, k) => bits !== y[k])
}
