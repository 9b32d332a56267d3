import {
  ACCURACY_FACTS,
  isDivergence,
  isNumber,
  measureInfo,
  measureNames,
  PANELS,
  quantile,
  type RoundPoint,
  type RunRecord,
  roundSeries,
  type StoredRun,
} from '@tempered/lab/measures'
import { type JudgedModel, judgedModels } from '@tempered/node'
import type { Metric } from '@tempered/train'
import type {
  Band,
  EdgeView,
  MetricView,
  NodeLines,
  PanelView,
  PointView,
  QuantileBands,
  RunView,
} from './client/report-data.js'

/** Above this many nodes values are drawn as quantile bands, not as one line per node. */
export const MAX_LINES = 60
/** Above these, a topology is not drawn and the page holds only a part of the edges. */
export const MAX_DRAWN_NODES = 200
export const MAX_DRAWN_EDGES = 3000
/** Number of edges kept of a run that is too large to draw; only for the heat map. */
export const MAX_SAMPLED_EDGES = 120
/** Number of nodes in the chart of labels. */
const MAX_LABELLED_NODES = 120
/** Number of incidents per run in the page. */
const MAX_INCIDENTS = 200

/** What a page shows of a run. */
export function runView(run: StoredRun): RunView {
  const { record } = run
  const series = roundSeries(record)
  const rounds = series.map((point) => point.round)
  return {
    seed: run.scenario.seed,
    weighsAll: record.weighsAll,
    rounds: rounds.map((round) => round + 1),
    empty: rounds.length > 0 ? null : emptyText(record),
    nodes: record.nodes.map(({ name, attack, attackRounds }) => ({
      name,
      attack,
      attackRounds: attackRounds === null ? null : [attackRounds[0] + 1, attackRounds[1] + 1],
    })),
    metric: metricView((record.taskFacts ?? ACCURACY_FACTS).metric),
    values: record.nodes.length > MAX_LINES ? quantileBands(record, rounds) : nodeLines(record, rounds),
    points: series.map(pointView),
    panels: panelViews(series),
    verdicts: verdictView(record, rounds),
    incidents: run.incidents.slice(0, MAX_INCIDENTS).map(({ round, kind, text }) => ({
      round: round + 1,
      kind,
      text,
    })),
    labels: run.labels === null ? null : labelView(run.labels),
  }
}

export function metricView({ label, unit, better }: Metric): MetricView {
  return { label, isShare: unit === 'share', isHigherBetter: better === 'higher' }
}

function emptyText({ failed }: RunRecord): string {
  return failed.some(isDivergence)
    ? 'training diverged before the first round ended'
    : 'no round was finished'
}

function labelView(labels: readonly (readonly number[])[]): NonNullable<RunView['labels']> {
  const columns = labels.map((counts, node) => ({ node, counts }))
  return { columns: evenly(columns, MAX_LABELLED_NODES) }
}

function pointView(point: RoundPoint): PointView {
  const { phaseMs } = point
  return {
    worst: rounded(point.worst),
    bytesReceived: rounded(point.bytesReceived, 0),
    bytesSent: rounded(point.bytesSent, 0),
    residentBytes: rounded(point.residentBytes, 0),
    seconds:
      phaseMs === null
        ? null
        : {
            train: rounded(phaseMs.train / 1000)!,
            publish: rounded(phaseMs.publish / 1000)!,
            collect: rounded(phaseMs.collect / 1000)!,
            aggregate: rounded(phaseMs.aggregate / 1000)!,
            evaluate: rounded(phaseMs.evaluate / 1000)!,
            ledger: rounded(phaseMs.ledger / 1000)!,
          },
  }
}

/** The charts of measures over rounds. */
function panelViews(series: readonly RoundPoint[]): PanelView[] {
  const drawn = measureNames().flatMap((name) => {
    const { unit, drawn: how } = measureInfo(name)
    return how === undefined ? [] : [{ unit, how }]
  })
  return Object.entries(PANELS).map(([id, { title, note }]) => {
    const own = drawn.filter(({ how }) => how.panel === id)
    const isShare = own.every(({ unit }) => unit === 'share')
    return {
      id,
      title,
      note,
      unit: isShare ? 'share' : 'number',
      lines: own.map(({ how: { name, color, dash = 'solid', of } }) => ({
        name,
        color,
        dash,
        values: series.map((point) => (isShare ? rounded(of(point)) : of(point))),
      })),
    }
  })
}

function nodeLines(record: RunRecord, rounds: readonly number[]): NodeLines {
  return { kind: 'nodes', values: record.nodes.map((node) => valuesOf(record, node.index, rounds)) }
}

function valuesOf(record: RunRecord, index: number, rounds: readonly number[]): (number | null)[] {
  const byRound = new Map(
    record.records[index]?.rounds.map(({ report }) => [report.round, report.testMetric]),
  )
  return rounds.map((round) => rounded(byRound.get(round) ?? null))
}

function quantileBands(record: RunRecord, rounds: readonly number[]): QuantileBands {
  const bands = (isByzantine: boolean): (Band | null)[] => {
    const lines = record.nodes
      .filter((node) => (node.attack !== null) === isByzantine)
      .map((node) => valuesOf(record, node.index, rounds))
    return rounds.map((_, k) => {
      const values = lines.map((line) => line[k]).filter(isNumber)
      values.sort((a, b) => a - b)
      if (values.length === 0) return null
      const at = (p: number): number => rounded(quantile(values, p))!
      return [at(0), at(0.1), at(0.5), at(0.9), at(1)]
    })
  }
  return { kind: 'bands', honest: bands(false), byzantine: bands(true) }
}

function verdictView(record: RunRecord, rounds: readonly number[]): RunView['verdicts'] {
  const indexOf = new Map(record.nodes.map((node) => [node.peer, node.index]))
  const position = new Map(rounds.map((round, k) => [round, k]))
  const edges = new Map<string, { from: number; to: number; marks: string[] }>()
  const mark = (to: number, at: number, { peer, arrived, accepted }: JudgedModel): void => {
    const from = indexOf.get(peer)
    if (from === undefined) return
    const key = `${from}>${to}`
    const edge = edges.get(key) ?? { from, to, marks: new Array(rounds.length).fill(' ') }
    edges.set(key, edge)
    edge.marks[at] = !arrived ? '-' : accepted ? 'a' : 'r'
  }
  for (const { index } of record.nodes) {
    for (const { report } of record.records[index]?.rounds ?? []) {
      const at = position.get(report.round)!
      for (const neighbour of judgedModels(report)) mark(index, at, neighbour)
    }
  }
  const all: EdgeView[] = [...edges.values()].map(({ from, to, marks }) => ({
    from,
    to,
    marks: marks.join(''),
  }))
  const complete = record.nodes.length <= MAX_DRAWN_NODES && all.length <= MAX_DRAWN_EDGES
  return { complete, total: all.length, edges: complete ? all : sampleEdges(record, all) }
}

/** Only edges judged by honest nodes: half from attackers, half from honest nodes, evenly spread over the judges. */
function sampleEdges(record: RunRecord, all: readonly EdgeView[]): EdgeView[] {
  const isByzantine = (index: number): boolean => record.nodes[index]?.attack !== null
  const judged = all.filter((edge) => !isByzantine(edge.to))
  const fromByzantine = evenly(
    judged.filter((edge) => isByzantine(edge.from)),
    MAX_SAMPLED_EDGES / 2,
  )
  const fromHonest = evenly(
    judged.filter((edge) => !isByzantine(edge.from)),
    MAX_SAMPLED_EDGES - fromByzantine.length,
  )
  return [...fromByzantine, ...fromHonest]
}

function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, k) => items[Math.floor((k * items.length) / count)]!)
}

/** Further digits are not visible and would only enlarge the file. */
function rounded(value: number | null, digits = 4): number | null {
  return value === null ? null : Number(value.toFixed(digits))
}
