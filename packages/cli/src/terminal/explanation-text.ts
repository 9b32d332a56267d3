import { counted } from '@tempered/errors'
import { metricText } from '@tempered/lab/measures'
import type { MeasuredModels } from '@tempered/lab/run'
import { percent, ruleText } from '@tempered/lab/text'
import {
  type Alternative,
  differenceText,
  type NeighbourExplanation,
  type ReplayFinding,
} from '@tempered/node'
import type { NeighbourRecord, Run, SignedEntry } from '@tempered/protocol'
import { measureText, reasonText } from './reasons.js'
import { table } from './table.js'

/** Everything that is known about one neighbour in one round. */
export interface Explanation {
  readonly run: Run
  /** Name of the node that the ledger belongs to. */
  readonly name: string
  readonly entry: SignedEntry
  readonly record: NeighbourRecord
  /** Whether the replay of the round gives the content of the entry. */
  readonly finding: ReplayFinding
  /** undefined when the neighbour's model did not arrive, or models are missing. */
  readonly models: NeighbourExplanation | undefined
  /** The models on test samples; undefined when no data was given. */
  readonly measured: MeasuredModels | undefined
}

/** An explanation for people, one fact per line. */
export function explanationText(explanation: Explanation): string {
  const { run, name, entry, record, models, measured } = explanation
  const rule = ruleText(run.manifest.rule)
  const lines = [
    `round ${entry.body.round + 1}/${run.manifest.training.rounds} of ${name} (…${entry.body.author.slice(-8)}): the model of …${record.peer.slice(-8)} ${reasonText(record.reason)}`,
    `  measured   ${measureText(record.score, record.threshold)}, by rule ${rule}`,
    `  weight     ${significant(record.weight)} in the aggregate; own model ${significant(entry.body.ownWeight)}`,
    `  arrival    ${arrivalText(explanation)}`,
    ...contributionLines(explanation),
    `  replay     ${replayText(explanation)}`,
  ]
  if (models === undefined) return lines.join('\n')
  lines.push(
    `  distance   L2 ${significant(models.distance)} between the node's own model (norm ${significant(models.ownNorm)}) and the neighbour's (norm ${significant(models.peerNorm)})`,
    ...layerLines(models.layers),
    `  without it the aggregate ${alternativeText(models.without)}`,
    `  with it at its plain weight ${significant(models.plainWeight)} the aggregate ${alternativeText(models.plain)}`,
  )
  if (measured !== undefined) {
    const { metric, recorded, without, plain, samples, source } = measured
    // One digit more than in tables: models of one round differ little.
    const text = (value: number | null): string =>
      metric.unit === 'share' ? percent(value, 2) : metricText(metric, value)
    const direction = metric.better === 'lower' ? '; lower is better' : ''
    lines.push(
      `  ${metric.label.padEnd(11)}${text(recorded)} as recorded, ${text(without)} without it, ${text(plain)} with it at its plain weight (${samples} test samples of ${source}${direction})`,
    )
  }
  return lines.join('\n')
}

/** What the entry says about its contribution; nothing in rounds without scores. */
function contributionLines({ run, entry: { body }, record }: Explanation): string[] {
  const score = body.contribution?.neighbours?.[body.neighbours.indexOf(record)]
  if (score == null) return []
  const { leaveOneOut, distance, cosine, novelty, overlap, freeRide, copyOf } = score
  const value = (x: number | null): string => (x === null ? 'unknown' : significant(x))
  const copied = copyOf === null ? '' : `, a model of …${run.manifest.members[copyOf]?.slice(-8)}`
  return [
    `  gain       ${leaveOneOut === null ? 'not measured' : `${significant(leaveOneOut)} of loss on the author's own samples, as it claims`}`,
    `  update     length ${value(distance)} of the median, cosine ${significant(cosine)} with the others, novelty ${value(novelty)}, overlap ${value(overlap)}`,
    ...(freeRide === null
      ? []
      : [`  free ride  ${freeRide}${copied}: docs/contribution.md says what that proves`]),
  ]
}

function arrivalText({ record }: Explanation): string {
  return record.arrival === null
    ? 'none'
    : `number ${record.arrival + 1} of the round, ${record.latenessMs} ms after the node's own announcement`
}

function replayText({ finding }: Explanation): string {
  if (finding.status === 'agrees') return 'recomputing the round gives what the entry says, bit for bit'
  if (finding.status === 'differs') return `NOT what the entry says: ${differenceText(finding.difference)}`
  return `${counted(finding.missing.length, 'model is', 'models are')} missing, so nothing more is known; name the folders that hold them with --blobs`
}

function layerLines(layers: NonNullable<Explanation['models']>['layers']): string[] {
  const rows = layers.map(({ name, shape, squaredDistance, share }) => [
    name,
    shape.join('×'),
    significant(squaredDistance),
    percent(share),
  ])
  return table([['layer', 'shape', 'squared distance', 'share'], ...rows], new Set([2, 3])).map(
    (line) => `    ${line}`,
  )
}

function alternativeText(alternative: Alternative): string {
  if ('unknown' in alternative) return `is unknown: ${alternative.unknown}`
  if (alternative.distance === 0) return 'would be the same'
  return `would be ${significant(alternative.distance)} away (L2, ${percent(alternative.relative, 2)} of its norm)`
}

/** Four significant digits. */
function significant(value: number): string {
  return value === 0 ? '0' : Number(value.toPrecision(4)).toString()
}
