import type { ReportedRound } from '../stage/reported-round.js'
import { countVerdicts, type FilterQuality, filterQuality } from './filter-quality.js'
import type { Measures } from './measures.js'
import { byzantineOf, type FailedNode, honestNodes, type RunRecord } from './run-record.js'
import { extent, isNumber, mean, standardDeviation } from './statistics.js'

/** What a run came to, over its honest nodes. Shares are in [0, 1]; null where there was nothing to measure. */
export interface RunScore extends FilterQuality {
  readonly rule: string
  readonly honestNodes: number
  /** Honest nodes that completed the last round: the one planned, or that after which a stop condition held. */
  readonly finishedHonest: number
  /** Honest nodes that did not, though no fault took them away and they did not fail. */
  readonly unfinished: readonly string[]
  /** Round (from 0) after which accuracies, consensus distance and attack success were taken; null when no round counts. */
  readonly scoredRound: number | null
  /** Test accuracy after the scored round. */
  readonly worst: NodeAccuracy | null
  readonly mean: number | null
  readonly best: NodeAccuracy | null
  /** Standard deviation of the honest nodes' test accuracies after the scored round. */
  readonly spread: number | null
  /** Attack success rate of a backdoor at the honest node where it is highest. */
  readonly asr: number | null
  /** Mean squared L2 distance of the honest models to their mean. */
  readonly consensusDistance: number | null
  /** Bytes a node received and sent in a round, mean over all nodes and rounds. */
  readonly bytesPerNodeRound: number | null
  /** Wall-clock seconds a round, from the first model of the run to the last entry. */
  readonly secondsPerRound: number | null
  /** Milliseconds that the rule took a honest node and round, mean. */
  readonly aggregateMs: number | null
  /** Resident memory of the run's processes by the number of nodes. */
  readonly residentBytesPerNode: number | null
  readonly failed: readonly FailedNode[]
  readonly ledgers: LedgerCount
}

export interface LedgerCount {
  readonly checked: number
  readonly valid: number
  readonly bad: readonly {
    readonly node: string
    readonly entry: number
    readonly code: string
    readonly message: string
  }[]
}

export interface NodeAccuracy {
  readonly node: string
  readonly accuracy: number
}

/** Score of any run, also of one that was read from its folder. */
export function scoreRecord(record: RunRecord, ledgers: LedgerCount): RunScore {
  const honest = honestNodes(record)
  const reportsOf = (index: number) => record.records[index]?.rounds.map(({ report }) => report) ?? []
  const scoredRound = lastCommonRound(record)
  const lastRound = record.stoppedAfter ?? record.rounds - 1
  const finished = honest.filter(({ index }) => reportsOf(index).some(({ round }) => round === lastRound))
  const absent = new Set([...(record.gone ?? []), ...failedNodes(record)])
  const finals: NodeAccuracy[] = []
  for (const node of honest) {
    const accuracy = reportsOf(node.index).findLast((report) => report.round === scoredRound)?.testAccuracy
    if (isNumber(accuracy)) finals.push({ node: node.name, accuracy })
  }
  finals.sort((a, b) => a.accuracy - b.accuracy)
  const accuracies = finals.map((final) => final.accuracy)
  const seen = record.observed.findLast((observed) => observed.round === scoredRound)
  return {
    rule: record.rule,
    honestNodes: honest.length,
    finishedHonest: finished.length,
    unfinished: honest.flatMap((node) =>
      finished.includes(node) || absent.has(node.index) ? [] : [node.name],
    ),
    scoredRound,
    worst: finals[0] ?? null,
    mean: mean(accuracies),
    best: finals.at(-1) ?? null,
    spread: standardDeviation(accuracies),
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
    aggregateMs: mean(
      honest.flatMap((node) => reportsOf(node.index).map(({ phaseMs }) => phaseMs.aggregate)),
    ),
    residentBytesPerNode:
      record.residentBytes === null || record.nodes.length === 0
        ? null
        : record.residentBytes / record.nodes.length,
    failed: record.failed,
    ledgers,
  }
}

/** The measures of a score, by the names that assertions, matrices and reports use. */
export function measuresOf(score: RunScore): Measures {
  const worst = score.worst?.accuracy ?? null
  return {
    worstHonestAccuracy: worst,
    meanHonestAccuracy: score.mean,
    bestHonestAccuracy: score.best?.accuracy ?? null,
    mter: worst === null ? null : 1 - worst,
    accuracySpread: score.spread,
    asr: score.asr,
    consensusDistance: score.consensusDistance,
    precision: score.precision,
    recall: score.recall,
    acceptance: score.acceptance,
    honestRefused: score.honestRefused,
    hostileWeight: score.hostileWeight,
    bytesPerRound: score.bytesPerNodeRound,
    secondsPerRound: score.secondsPerRound,
    aggregateMs: score.aggregateMs,
    residentBytesPerNode: score.residentBytesPerNode,
    finishedHonest: score.finishedHonest,
  }
}

/**
 * The round that a run is judged after: the last one that every honest node finished, and of those the last that was
 * evaluated on all of them, if any was. In a run that was stopped fast nodes are ahead; to judge them alone would
 * flatter the run. Nodes that failed or that a fault took away are not waited for. Where nobody counted the latter, a
 * run that any honest node finished is judged after its last round.
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
      if (report.testAccuracy !== null) add(evaluated, round)
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

function phaseTotal(report: ReportedRound): number {
  return Object.values(report.phaseMs).reduce((sum, ms) => sum + ms, 0)
}
