/** The data of a scenario page: `report/` embeds it as JSON, and the scripts next to this file read it. */
export interface ReportData {
  readonly kind: 'scenario'
  /** In display order. */
  readonly variants: readonly VariantView[]
  readonly balances: readonly TradeoffView[]
}

/** The metric by which runs are judged. */
export interface MetricView {
  readonly label: string
  /** Shown in percent. */
  readonly isShare: boolean
  readonly isHigherBetter: boolean
}

export interface VariantView {
  readonly key: string
  /** For people, e.g. `balance under attack`. */
  readonly label: string
  readonly rule: string
  readonly isAttacked: boolean
  readonly defended: boolean
  readonly runs: readonly RunView[]
  /** Worst honest node by round, over seeds: mean, smallest and largest. */
  readonly worstByRound: readonly (Spread | null)[]
}

export interface Spread {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** One run, reduced to what the charts need. Lists are by position in `rounds` unless stated otherwise. */
export interface RunView {
  readonly seed: number
  /** The rule weighs all models instead of refusing some. */
  readonly weighsAll: boolean
  /** Rounds, counted from 1. */
  readonly rounds: readonly number[]
  /** Why there is nothing to draw over rounds; null if there is something. */
  readonly empty: string | null
  readonly nodes: readonly {
    readonly name: string
    readonly attack: string | null
    /** First and last round of its attack, from 1; null for an honest node. */
    readonly attackRounds: readonly [number, number] | null
  }[]
  readonly metric: MetricView
  /** Its values on test samples. */
  readonly values: NodeLines | QuantileBands
  readonly points: readonly PointView[]
  readonly panels: readonly PanelView[]
  readonly verdicts: VerdictView
  readonly incidents: readonly IncidentView[]
  /** null when the run does not record the distribution of labels. */
  readonly labels: LabelView | null
}

export interface LabelView {
  /** Nodes, by index, and their training samples of each class; evenly thinned out for many nodes. */
  readonly columns: readonly { readonly node: number; readonly counts: readonly number[] }[]
}

export interface NodeLines {
  readonly kind: 'nodes'
  /** Value of the metric by node index. */
  readonly values: readonly (readonly (number | null)[])[]
}

/** For runs with too many nodes to draw one line per node. */
export interface QuantileBands {
  readonly kind: 'bands'
  readonly honest: readonly (Band | null)[]
  readonly byzantine: readonly (Band | null)[]
}

/** Smallest, 10 %, 50 %, 90 % quantile and largest value of the metric. */
export type Band = readonly [number, number, number, number, number]

export interface PointView {
  /** Value of the metric at the worst honest node. */
  readonly worst: number | null
  readonly bytesReceived: number | null
  readonly bytesSent: number | null
  /** Per node. */
  readonly residentBytes: number | null
  /** Seconds by phase, mean over honest nodes. */
  readonly seconds: Readonly<Record<PhaseName, number>> | null
}

/** A chart of measures over rounds, as in the table of measures. */
export interface PanelView {
  /** Its place in the page: element `chart-<id>`. */
  readonly id: string
  readonly title: string
  readonly note: string
  readonly unit: 'share' | 'number'
  readonly lines: readonly MeasureLine[]
}

export interface MeasureLine {
  readonly name: string
  readonly color: 'honest' | 'byzantine' | 'good' | 'bad' | 'third'
  readonly dash: 'solid' | 'dashed' | 'dotted'
  /** By round, as `RunView.rounds`. */
  readonly values: readonly (number | null)[]
}

export type PhaseName = 'train' | 'publish' | 'collect' | 'aggregate' | 'evaluate' | 'ledger'

export interface VerdictView {
  /** Whether `edges` is complete, so that the topology can be drawn from it. */
  readonly complete: boolean
  /** Directed edges between nodes of the run. */
  readonly total: number
  readonly edges: readonly EdgeView[]
}

export interface EdgeView {
  /** Index of the node whose model it was. */
  readonly from: number
  /** Index of the node that judged it. */
  readonly to: number
  /** One letter per round: `a` accepted, `r` refused, `-` nothing arrived, a space when the judge did not report. */
  readonly marks: string
}

export interface IncidentView {
  /** From 1. */
  readonly round: number
  readonly kind: string
  readonly text: string
}

export interface EstimateView {
  readonly mean: number
  readonly low: number | null
  readonly high: number | null
}

/** Benefit and cost of one rule; metrics as differences. */
export interface TradeoffView {
  readonly rule: string
  readonly benefits: readonly FigureView[]
  readonly costs: readonly FigureView[]
}

export interface FigureView {
  readonly label: string
  /** A difference in percentage points, or a share of a whole. */
  readonly scale: 'points' | 'share'
  readonly value: EstimateView
}
