import type { ReportedRound } from '../events/reported-round.js'
import { countVerdicts, type FilterQuality, filterQuality } from './filter-quality.js'
import { byzantineOf, honestNodes, type RunRecord } from './run-record.js'
import { extent, isNumber, mean, standardDeviation } from './statistics.js'
import { ACCURACY_FACTS } from './task-facts.js'

/**
 * The measures of one round over the honest nodes that finished it. Shares in [0, 1]; null where nothing was measured.
 */
export interface RoundPoint extends FilterQuality {
  /** From 0. */
  readonly round: number
  /** Honest nodes that finished it. */
  readonly honest: number
  readonly worst: number | null
  readonly mean: number | null
  readonly best: number | null
  readonly spread: number | null
  /** Bytes received and sent, mean over all nodes. */
  readonly bytesReceived: number | null
  readonly bytesSent: number | null
  /** Resident memory per node, mean over all nodes. */
  readonly residentBytes: number | null
  /** Milliseconds by phase, mean over honest nodes. */
  readonly phaseMs: ReportedRound['phaseMs'] | null
  readonly consensusDistance: number | null
  /** Attack success rate at the honest node where it is highest. */
  readonly asr: number | null
}

/** One point for every round that any node finished, in order. */
export function roundSeries(record: RunRecord): RoundPoint[] {
  const honest = new Set(honestNodes(record).map((node) => node.index))
  const isByzantine = byzantineOf(record)
  const byRound = new Map<number, { all: ReportedRound[]; honest: ReportedRound[] }>()
  record.records.forEach((node, index) => {
    for (const { report } of node.rounds) {
      const group = byRound.get(report.round) ?? { all: [], honest: [] }
      byRound.set(report.round, group)
      group.all.push(report)
      if (honest.has(index)) group.honest.push(report)
    }
  })
  const lowerIsWorse = (record.taskFacts ?? ACCURACY_FACTS).metric.better === 'higher'
  const observed = new Map(record.observed.map((entry) => [entry.round, entry]))
  return [...byRound]
    .sort(([a], [b]) => a - b)
    .map(([round, reports]) => {
      const values = reports.honest.map((report) => report.testMetric).filter(isNumber)
      const seen = observed.get(round)
      const range = extent(values)
      return {
        round,
        honest: reports.honest.length,
        worst: (lowerIsWorse ? range?.min : range?.max) ?? null,
        mean: mean(values),
        best: (lowerIsWorse ? range?.max : range?.min) ?? null,
        spread: standardDeviation(values),
        ...filterQuality(countVerdicts(reports.honest, isByzantine), record.weighsAll),
        bytesReceived: mean(reports.all.map((report) => report.bytesReceived)),
        bytesSent: mean(reports.all.map((report) => report.bytesSent)),
        residentBytes: mean(reports.all.map((report) => report.residentBytes).filter(isNumber)),
        phaseMs: meanPhases(reports.honest),
        consensusDistance: seen?.consensusDistance ?? null,
        asr: extent(Object.values(seen?.attackSuccess ?? {}))?.max ?? null,
      }
    })
}

function meanPhases(reports: readonly ReportedRound[]): ReportedRound['phaseMs'] | null {
  if (reports.length === 0) return null
  const of = (phase: keyof ReportedRound['phaseMs']): number =>
    reports.reduce((sum, report) => sum + (report.phaseMs[phase] ?? 0), 0) / reports.length
  const isShared = reports.some(({ phaseMs }) => phaseMs.share !== undefined)
  return {
    train: of('train'),
    ...(isShared ? { share: of('share') } : {}),
    publish: of('publish'),
    collect: of('collect'),
    aggregate: of('aggregate'),
    evaluate: of('evaluate'),
    ledger: of('ledger'),
  }
}
