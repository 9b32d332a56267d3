import type { ReportedRound } from '../events/reported-round.js'
import { customMeasures } from './catalogue.js'
import { chainScore } from './chain-score.js'
import { contributionScore } from './contribution-score.js'
import { highLossNodes } from './divergence.js'
import { countVerdicts, filterQuality } from './filter-quality.js'
import { isolatedNodes } from './isolation.js'
import { byzantineOf, honestNodes, type RunRecord } from './run-record.js'
import type { LedgerCount, NodeMetric, RunScore } from './run-score.js'
import { extent, isNumber, mean, standardDeviation } from './statistics.js'
import { ACCURACY_FACTS } from './task-facts.js'
import { unfitSteps } from './unfit-steps.js'

/** Scores any run, including one that was read from its folder. */
export function scoreRecord(record: RunRecord, ledgers: LedgerCount): RunScore {
  const honest = honestNodes(record)
  const reportsOf = (index: number) => record.records[index]?.rounds.map(({ report }) => report) ?? []
  const scoredRound = lastCommonRound(record)
  const lastRound = record.stoppedAfter ?? record.rounds - 1
  const finished = honest.filter(({ index }) => reportsOf(index).some(({ round }) => round === lastRound))
  const absent = new Set([...(record.gone ?? []), ...failedNodes(record)])
  const finals: NodeMetric[] = []
  for (const node of honest) {
    const value = reportsOf(node.index).findLast((report) => report.round === scoredRound)?.testMetric
    if (isNumber(value)) finals.push({ node: node.name, value })
  }
  const { metric } = record.taskFacts ?? ACCURACY_FACTS
  finals.sort((a, b) => (metric.better === 'higher' ? a.value - b.value : b.value - a.value))
  const values = finals.map((final) => final.value)
  const seen = record.observed.findLast((observed) => observed.round === scoredRound)
  const score: RunScore = {
    rule: record.rule,
    honestNodes: honest.length,
    finishedHonest: finished.length,
    unfinished: honest.flatMap((node) =>
      finished.includes(node) || absent.has(node.index) ? [] : [node.name],
    ),
    scoredRound,
    plannedRounds: record.rounds,
    metric,
    worst: finals[0] ?? null,
    mean: mean(values),
    best: finals.at(-1) ?? null,
    spread: standardDeviation(values),
    asr: extent(Object.values(seen?.attackSuccess ?? {}))?.max ?? null,
    consensusDistance: seen?.consensusDistance ?? null,
    ...filterQuality(
      countVerdicts(
        honest.flatMap((node) => reportsOf(node.index)),
        byzantineOf(record),
      ),
      record.weighsAll,
    ),
    ...costs(record),
    ...chainCosts(
      honest.map(({ index }) => reportsOf(index)),
      record,
    ),
    ...epsilonSpent(
      honest.map(({ index }) => reportsOf(index).findLast(({ round }) => round === scoredRound)),
    ),
    aggregateMs: mean(
      honest.flatMap((node) => reportsOf(node.index).map(({ phaseMs }) => phaseMs.aggregate)),
    ),
    residentBytesPerNode:
      record.residentBytes === null || record.nodes.length === 0
        ? null
        : record.residentBytes / record.nodes.length,
    failed: record.failed,
    isolated: isolatedNodes(record),
    unfit: unfitSteps(record),
    highLoss: highLossNodes(record),
    ledgers,
  }
  const contribution = contributionScore(record)
  const scored = contribution === undefined ? score : { ...score, contribution }
  const custom = customMeasures(scored, record)
  return custom === undefined ? scored : { ...scored, custom }
}

/**
 * The round after which a run is scored. This is the last round that every honest node finished and all of them
 * evaluated or, if there is none, the last round that every honest node finished. In a stopped run fast nodes are
 * ahead, and scoring only them would flatter the run. Nodes that failed or that a fault removed are not waited for.
 * Where removed nodes were not recorded, a run that any honest node finished is scored after its last round.
 */
export function lastCommonRound(record: RunRecord): number | null {
  if (record.stoppedAfter !== null) return record.stoppedAfter
  const failed = new Set(record.failed.map(({ node }) => node))
  const gone = new Set(record.gone ?? [])
  const all = honestNodes(record)
  const alive = all.filter((node) => !failed.has(node.name) && !gone.has(node.index))
  const judged = alive.length > 0 ? alive : all
  const finished = new Map<number, number>()
  const evaluated = new Map<number, number>()
  const add = (counts: Map<number, number>, round: number): void =>
    void counts.set(round, (counts.get(round) ?? 0) + 1)
  for (const node of judged) {
    const byRound = new Map(record.records[node.index]?.rounds.map(({ report }) => [report.round, report]))
    for (const [round, report] of byRound) {
      add(finished, round)
      if (report.testMetric !== null) add(evaluated, round)
    }
  }
  if (record.gone === null && finished.has(record.rounds - 1)) return record.rounds - 1
  const last = (counts: Map<number, number>): number | null =>
    extent([...counts].filter(([, count]) => count === judged.length).map(([round]) => round))?.max ?? null
  return last(evaluated) ?? last(finished)
}

function failedNodes({ failed, nodes }: RunRecord): number[] {
  const names = new Set(failed.map(({ node }) => node))
  return nodes.flatMap(({ index, name }) => (names.has(name) ? [index] : []))
}

function costs(record: RunRecord): Pick<RunScore, 'bytesPerNodeRound' | 'secondsPerRound'> {
  const reported = record.records.flatMap((node) => node.rounds)
  const begun = extent(reported.map(({ report, elapsedMs }) => elapsedMs - phaseTotal(report)))
  const ended = extent(reported.map(({ elapsedMs }) => elapsedMs))
  const rounds = extent(reported.map(({ report }) => report.round))
  return {
    bytesPerNodeRound: mean(reported.map(({ report }) => report.bytesReceived + report.bytesSent)),
    secondsPerRound:
      begun === null || ended === null || rounds === null
        ? null
        : (ended.max - begun.min) / 1000 / (rounds.max + 1),
  }
}

function chainCosts(
  honest: readonly (readonly ReportedRound[])[],
  { records, nodes }: RunRecord,
): Pick<RunScore, 'chain'> {
  const all = records.flatMap(({ rounds }) => rounds.map(({ report }) => report))
  const attackers = new Set(nodes.filter(({ attack }) => attack !== null).map(({ peer }) => peer))
  const chain = chainScore(honest, all, attackers)
  return chain === undefined ? {} : { chain }
}

function epsilonSpent(reports: readonly (ReportedRound | undefined)[]): Pick<RunScore, 'epsilon'> {
  const most = extent(reports.flatMap((report) => report?.differentialPrivacy?.epsilon ?? []))?.max
  return most === undefined ? {} : { epsilon: most }
}

function phaseTotal(report: ReportedRound): number {
  return Object.values(report.phaseMs).reduce((sum, ms) => sum + ms, 0)
}
