import { judgedModels } from '@tempered/node'
import type { Role } from './run-collection.js'
import type { RunRecord } from './run-record.js'
import { byzantineOf } from './run-record.js'
import { ACCURACY_FACTS } from './task-facts.js'

/** One node in one round, as in `rounds.csv` and `rounds.ndjson`: tidy data, one observation per row. */
export interface RoundRow {
  readonly variant: Role
  readonly rule: string
  readonly seed: number
  readonly node: string
  /** Name of the attack, or `honest`. */
  readonly role: string
  /** From 1. */
  readonly round: number
  readonly training_loss: number | null
  readonly test_loss: number | null
  /** The task's first metric. */
  readonly test_metric: number | null
  /** The same where it is accuracy. */
  readonly test_accuracy: number | null
  readonly test_error: number | null
  readonly accepted_honest: number
  readonly accepted_hostile: number
  readonly refused_honest: number
  readonly refused_hostile: number
  readonly absent: number
  readonly bytes_received: number
  readonly bytes_sent: number
  readonly train_seconds: number
  readonly publish_seconds: number
  readonly collect_seconds: number
  readonly aggregate_seconds: number
  readonly evaluate_seconds: number
  readonly ledger_seconds: number
  /** Time since the launch of the run. */
  readonly elapsed_seconds: number
  readonly attack_success: number | null
  /** A value of the round, the same for all its nodes. */
  readonly consensus_distance: number | null
  /**
   * Resident memory of the node's process after the round, divided by the number of nodes in it; missing in folders of
   * older versions.
   */
  readonly resident_bytes: number | null
}

export const ROW_COLUMNS = [
  'variant',
  'rule',
  'seed',
  'node',
  'role',
  'round',
  'training_loss',
  'test_loss',
  'test_metric',
  'test_accuracy',
  'test_error',
  'accepted_honest',
  'accepted_hostile',
  'refused_honest',
  'refused_hostile',
  'absent',
  'bytes_received',
  'bytes_sent',
  'train_seconds',
  'publish_seconds',
  'collect_seconds',
  'aggregate_seconds',
  'evaluate_seconds',
  'ledger_seconds',
  'elapsed_seconds',
  'attack_success',
  'consensus_distance',
  'resident_bytes',
] as const satisfies readonly (keyof RoundRow)[]

/** Rows of a run, node by node, rounds in order. */
export function* roundRows(
  record: RunRecord,
  { variant, rule, seed }: Pick<RoundRow, 'variant' | 'rule' | 'seed'>,
): Generator<RoundRow> {
  const isByzantine = byzantineOf(record)
  const isAccuracy = (record.taskFacts ?? ACCURACY_FACTS).metric.name === 'accuracy'
  const accuracyOf = (value: number | null): number | null => (isAccuracy ? value : null)
  const errorOf = (value: number | null): number | null => (isAccuracy && value !== null ? 1 - value : null)
  const observed = new Map(record.observed.map((entry) => [entry.round, entry]))
  for (const node of record.nodes) {
    for (const { report, elapsedMs } of record.records[node.index]?.rounds ?? []) {
      const judged = judgedModels(report)
      const count = (accepted: boolean, byzantine: boolean): number =>
        judged.filter(
          (neighbour) =>
            neighbour.arrived &&
            neighbour.accepted === accepted &&
            isByzantine(neighbour.peer, report.round) === byzantine,
        ).length
      const { phaseMs, testMetric } = report
      yield {
        variant,
        rule,
        seed,
        node: node.name,
        role: node.attack ?? 'honest',
        round: report.round + 1,
        training_loss: report.trainingLoss,
        test_loss: report.testLoss,
        test_metric: testMetric,
        test_accuracy: accuracyOf(testMetric),
        test_error: errorOf(testMetric),
        accepted_honest: count(true, false),
        accepted_hostile: count(true, true),
        refused_honest: count(false, false),
        refused_hostile: count(false, true),
        absent: judged.filter(({ arrived }) => !arrived).length,
        bytes_received: report.bytesReceived,
        bytes_sent: report.bytesSent,
        train_seconds: toSeconds(phaseMs.train),
        publish_seconds: toSeconds(phaseMs.publish),
        collect_seconds: toSeconds(phaseMs.collect),
        aggregate_seconds: toSeconds(phaseMs.aggregate),
        evaluate_seconds: toSeconds(phaseMs.evaluate),
        ledger_seconds: toSeconds(phaseMs.ledger),
        elapsed_seconds: toSeconds(elapsedMs),
        attack_success: observed.get(report.round)?.attackSuccess[node.index] ?? null,
        consensus_distance: observed.get(report.round)?.consensusDistance ?? null,
        resident_bytes: report.residentBytes === undefined ? null : Math.round(report.residentBytes),
      }
    }
  }
}

/** A line of CSV (RFC 4180), without the line break. null becomes an empty field. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return cells
    .map((cell) => {
      const text = cell === null ? '' : String(cell)
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    })
    .join(',')
}

function toSeconds(ms: number): number {
  return Math.round(ms) / 1000
}
