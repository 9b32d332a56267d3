/** The measures by which a task judges a model. */

export interface Metric {
  readonly name: string
  /** In tables and legends. */
  readonly label: string
  readonly better: 'higher' | 'lower'
  /** How people read it: a share of 1, or a plain number. */
  readonly unit: 'share' | 'number'
  readonly meaning: string
}

const METRIC_LIST = [
  {
    name: 'accuracy',
    label: 'accuracy',
    better: 'higher',
    unit: 'share',
    meaning: 'Share of labels that are predicted; with several labels per sample, over all of them.',
  },
  {
    name: 'f1',
    label: 'F1',
    better: 'higher',
    unit: 'number',
    meaning:
      'Mean over the classes of 2·precision·recall/(precision + recall); 0 for a class never predicted.',
  },
  {
    name: 'auroc',
    label: 'AUROC',
    better: 'higher',
    unit: 'number',
    meaning:
      'Mean over the classes of the area under the ROC curve of that class against all others; ties count half, and classes without both kinds of samples are left out.',
  },
  {
    name: 'mae',
    label: 'MAE',
    better: 'lower',
    unit: 'number',
    meaning: 'Mean absolute error, in the units of the column.',
  },
  {
    name: 'rmse',
    label: 'RMSE',
    better: 'lower',
    unit: 'number',
    meaning: 'Root of the mean squared error, in the units of the column.',
  },
  {
    name: 'perplexity',
    label: 'perplexity',
    better: 'lower',
    unit: 'number',
    meaning: 'e to the mean cross entropy per token.',
  },
  { name: 'loss', label: 'loss', better: 'lower', unit: 'number', meaning: "Mean of the task's loss." },
] as const satisfies readonly Metric[]

export type MetricName = (typeof METRIC_LIST)[number]['name']
export const METRICS: ReadonlyMap<MetricName, Metric> = new Map(
  METRIC_LIST.map((metric) => [metric.name, metric]),
)
export const METRIC_NAMES = METRIC_LIST.map(({ name }) => name) as [MetricName, ...MetricName[]]

/** Metrics that can be computed for each kind of output; the first is the default. */
export const METRICS_OF = {
  class: ['accuracy', 'f1', 'auroc', 'loss'],
  labels: ['auroc', 'f1', 'accuracy', 'loss'],
  number: ['mae', 'rmse', 'loss'],
  'next-token': ['perplexity', 'accuracy', 'loss'],
} as const satisfies Record<string, readonly MetricName[]>

export function metricOf(name: MetricName): Metric {
  return METRICS.get(name) as Metric
}
