import { dirname } from 'node:path'
import { checkRound, noSuchRound, placeOf } from '@tempered/lab/documents'
import { metricText, taskFactsOf } from '@tempered/lab/measures'
import { callText, decimal } from '@tempered/lab/text'
import { verifyLedgerFile } from '@tempered/node'
import { decodeAnnouncement, type NeighbourRecord, type Run, type SignedEntry } from '@tempered/protocol'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { epsilonText } from '../terminal/epsilon-text.js'
import { plainJson } from '../terminal/plain-json.js'
import { privateLines } from '../terminal/private-text.js'
import { table } from '../terminal/table.js'
import { oneLedgerFile } from './ledger-paths.js'

export interface LedgerShowOptions {
  /** 1-based. */
  readonly round?: number
  readonly json?: boolean
}

/**
 * `tempered ledger show`: prints every entry that verifies, then the error of the first one that does not (exit 6). A
 * round that the run or the ledger does not have is an error (exit 2).
 */
export async function ledgerShow(path: string, options: LedgerShowOptions): Promise<void> {
  let announced = false
  let shown = 0
  let last: number | undefined
  const file = await oneLedgerFile(path)
  const verdict = await verifyLedgerFile(file, (entry, run) => {
    if (options.round !== undefined) checkRound(run, options.round)
    last = entry.body.round
    if (!announced && !options.json) {
      process.stdout.write(
        `run ${run.id} (${run.manifest.name}), node ${entry.body.author}, rule ${ruleText(run)}\n`,
      )
      announced = true
    }
    if (options.round !== undefined && entry.body.round !== options.round - 1) return
    shown += 1
    process.stdout.write(
      options.json ? `${jsonEntry(entry)}\n` : `\n${textEntry(entry, run, dirname(file))}\n`,
    )
  })
  if (!verdict.ok) {
    throw new CliError(
      'E_LEDGER_INVALID',
      `${verdict.path}: ${placeOf(verdict.entry)}: ${verdict.code}: ${verdict.message}`,
    )
  }
  if (options.round === undefined || shown > 0) return
  checkRound(verdict.run, options.round)
  throw noSuchRound(verdict, options.round, last)
}

function ruleText(run: Run): string {
  const { pre = [], ...rule } = run.manifest.rule
  return [...pre, rule].map(callText).join(' → ')
}

function textEntry(entry: SignedEntry, run: Run, stateFolder: string): string {
  const { body } = entry
  const { metric } = taskFactsOf(run.manifest.task)
  const title = [
    pc.bold(`round ${body.round + 1}/${run.manifest.training.rounds}`),
    `loss ${decimal(body.metrics.trainingLoss)}`,
    `${metric.label} ${metricText(metric, body.metrics.testMetric)}`,
    `own weight ${body.ownWeight.toFixed(3)}`,
    ...epsilonText(body.differentialPrivacy),
    pc.dim(new Date(body.clock.wallMs).toISOString()),
  ].join('  ')
  const rows = body.neighbours.map((record) => [
    verdictOf(record),
    record.peer.slice(-8),
    decimal(record.score),
    record.threshold === null ? '' : decimal(record.threshold),
    record.weight.toFixed(3),
    record.reason,
  ])
  const header = ['verdict', 'peer', 'score', 'threshold', 'weight', 'reason']
  const lines = table([header, ...rows], new Set([2, 3, 4]))
  const indented = [...lines, ...contributionLines(body), ...privateLines(entry, run, stateFolder)].map(
    (line) => `  ${line === lines[0] ? pc.dim(line) : line}`,
  )
  const chain = pc.dim(
    `  entry ${entry.cid}\n  trained from ${body.start} to ${modelOf(body.announcement)}\n  aggregate ${body.aggregate}`,
  )
  return [title, ...indented, chain].join('\n')
}

/** What the entry says about contributions; nothing in rounds without scores. */
function contributionLines({ contribution, neighbours }: SignedEntry['body']): string[] {
  if (contribution === undefined || contribution.neighbours === null) return []
  const rows = contribution.neighbours.flatMap((score, k) =>
    score === null
      ? []
      : [
          [
            neighbours[k]!.peer.slice(-8),
            decimal(score.leaveOneOut),
            decimal(score.distance),
            decimal(score.cosine),
            decimal(score.novelty),
            decimal(score.overlap),
            score.freeRide ?? '',
          ],
        ],
  )
  const header = ['contribution', 'gain', 'distance', 'cosine', 'novelty', 'overlap', 'free ride']
  const own = contribution.own?.freeRide
  return [
    ...table([header, ...rows], new Set([1, 2, 3, 4, 5])),
    ...(own == null ? [] : [`its own model looks like that of a free rider: ${own}`]),
  ]
}

/** A neighbour without a model was not rejected. */
function verdictOf({ accepted, announcement }: NeighbourRecord): string {
  if (accepted) return pc.green('accepted')
  return announcement === null ? pc.yellow('absent') : pc.red('rejected')
}

/** The entry, with each announcement replaced by the model that it names. */
function jsonEntry(entry: SignedEntry): string {
  const { announcement, neighbours, ...body } = entry.body
  return JSON.stringify(
    plainJson({
      cid: entry.cid,
      ...body,
      model: modelOf(announcement),
      neighbours: neighbours.map(({ announcement: theirs, ...record }) => ({
        ...record,
        model: theirs === null ? null : modelOf(theirs),
      })),
    }),
  )
}

function modelOf(announcement: Uint8Array): string {
  return decodeAnnouncement(announcement).body.model.toString()
}
