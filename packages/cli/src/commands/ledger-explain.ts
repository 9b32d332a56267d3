import { entryOfRound, openValidLedger } from '@tempered/lab/documents'
import { measureModels } from '@tempered/lab/run'
import {
  type Alternative,
  type BlobLookup,
  createReplay,
  explainNeighbour,
  findNeighbour,
  MissingBlobs,
  type NeighbourExplanation,
  openBlobFolders,
  type ReplayFinding,
  withInitialModel,
} from '@tempered/node'
import { decodeModel, type NeighbourRecord, type Run, type SignedEntry } from '@tempered/protocol'
import type { BackendChoice } from '@tempered/train'
import { CliError } from '../errors.js'
import { type Explanation, explanationText } from '../terminal/explanation-text.js'
import { warn } from '../terminal/warning.js'
import { blobFolders, nodeName, oneLedgerFile } from './ledger-paths.js'

export interface LedgerExplainOptions {
  /** 1-based. */
  readonly round: number
  /** Peer id of a neighbour, or its last characters. */
  readonly peer: string
  readonly blobs?: readonly string[]
  /** `mnist` or a folder of IDX files. */
  readonly data?: string
  readonly backend?: BackendChoice
  readonly json?: boolean
}

/**
 * `tempered ledger explain`: why a neighbour's model was accepted or refused in a round, and what difference it made.
 * Without the models it shows only what the entry says; with `--data` that is an error (E_UNPROVEN, exit 7).
 */
export async function ledgerExplain(path: string, options: LedgerExplainOptions): Promise<void> {
  const file = await oneLedgerFile(path)
  const ledger = await openValidLedger(file)
  const { run } = ledger
  const { entry, parent } = await entryOfRound(ledger, options.round)
  const record = neighbourOf(entry, options.peer)
  const lookup = await openBlobFolders(await blobFolders([file], options.blobs), (bad) =>
    warn(new Error(`${bad} does not match its name and is skipped`)),
  )
  const replay = createReplay(run, withInitialModel(lookup, run))
  const finding = await replay.check(entry, parent)
  let models: NeighbourExplanation | undefined
  if (record.arrival !== null && finding.status !== 'unproven')
    models = await explainNeighbour(run, replay, entry, parent, record.peer)
  if (options.data !== undefined && models === undefined) {
    const why =
      finding.status === 'unproven'
        ? `${new MissingBlobs(finding.missing).message}; name the folders that hold them with --blobs`
        : `no model of ${record.peer} arrived in round ${options.round}`
    throw new CliError('E_UNPROVEN', `there is nothing to measure: ${why}`)
  }
  const measured =
    options.data === undefined || models === undefined
      ? undefined
      : await measureModels(run, options.data, options.backend ?? 'auto', {
          recorded: await recordedAggregate(run, entry, finding, models, lookup),
          without: parametersOf(models.without),
          plain: parametersOf(models.plain),
        })
  const explanation = { run, name: nodeName(file), entry, record, finding, models, measured }
  process.stdout.write(`${options.json ? explanationJson(explanation) : explanationText(explanation)}\n`)
}

function neighbourOf(entry: SignedEntry, peer: string): NeighbourRecord {
  try {
    return findNeighbour(entry, peer)
  } catch (error) {
    if (error instanceof RangeError) throw new CliError('E_USAGE', error.message, {}, error)
    throw error
  }
}

/** The aggregate that the entry names. If it differs from the result of the rule, its blob must be available. */
async function recordedAggregate(
  run: Run,
  { body }: SignedEntry,
  finding: ReplayFinding,
  models: NeighbourExplanation,
  lookup: BlobLookup,
): Promise<Float32Array | undefined> {
  if (finding.status === 'agrees') return models.aggregate
  const blob = await lookup(body.aggregate.toString())
  return blob === undefined ? undefined : decodeModel(blob, run.manifest.model.parameterCount)
}

function parametersOf(alternative: Alternative): Float32Array | undefined {
  return 'unknown' in alternative ? undefined : alternative.parameters
}

function explanationJson({ run, entry, record, finding, models, measured }: Explanation): string {
  const { announcement: _, ...judged } = record
  return JSON.stringify({
    run: run.id.toString(),
    author: entry.body.author,
    round: entry.body.round,
    entry: entry.cid.toString(),
    ...judged,
    contribution: entry.body.contribution?.neighbours?.[entry.body.neighbours.indexOf(record)] ?? null,
    replay: finding,
    models:
      models === undefined
        ? null
        : {
            distance: models.distance,
            ownNorm: models.ownNorm,
            peerNorm: models.peerNorm,
            layers: models.layers,
            without: alternativeJson(models.without),
            plain: alternativeJson(models.plain),
            plainWeight: models.plainWeight,
          },
    measured: measured === undefined ? null : { ...measured, metric: measured.metric.name },
  })
}

function alternativeJson(alternative: Alternative): unknown {
  if ('unknown' in alternative) return alternative
  const { distance, relative } = alternative
  return { distance, relative }
}
