/** Metrics of a task, collected batch by batch. */

import type { Samples } from '../data/dataset.js'
import type { MetricName } from '../task/metrics.js'
import { type OpenTask, outputCount } from '../task/task.js'
import type { FilledRows } from './batch-filling.js'
import type { ClassScore, Evaluation } from './trainer.js'

/** Collects the outputs of an evaluation. */
export interface ScoreKeeper {
  /**
   * Outputs of the samples `order[0 … batch)`, batch × outputs row-major, the sum of their losses, and their inputs.
   */
  add(outputs: Float32Array, loss: number, order: Uint32Array, batch: number, filled: FilledRows): void
  finish(): Evaluation
}

export function createScoreKeeper(open: OpenTask, samples: Samples, count: number): ScoreKeeper {
  const { task } = open
  const scorers: Record<typeof task.output.type, () => Scorer> = {
    class: () => new ClassScorer(open, samples, count),
    labels: () => new LabelScorer(open, samples, count),
    number: () => new NumberScorer(open, samples),
    'next-token': () => new TokenScorer(open, samples),
  }
  const scorer = scorers[task.output.type]()
  let lossSum = 0
  return {
    add(outputs, loss, order, batch, filled) {
      lossSum += loss
      scorer.add(outputs, order, batch, filled)
    },
    finish() {
      const loss = lossSum / count
      const metrics: Evaluation['metrics'] = {}
      for (const name of task.metrics) metrics[name] = name === 'loss' ? loss : scorer.value(name, loss)
      const { perClass } = scorer
      const primary = metrics[open.primary.name as MetricName] ?? Number.NaN
      return { loss, metrics, primary, samples: count, ...(perClass === undefined ? {} : { perClass }) }
    },
  }
}

interface Scorer {
  readonly perClass?: ClassScore[]
  add(outputs: Float32Array, order: Uint32Array, batch: number, filled: FilledRows): void
  value(name: MetricName, loss: number): number
}

/** Index of the largest of `length` numbers from `from` on, the first of equals; −1 when all are NaN. */
function argmax(values: Float32Array, from: number, length: number): number {
  let best = -1
  let highest = Number.NEGATIVE_INFINITY
  for (let c = 0; c < length; c++) {
    const value = values[from + c] as number
    if (value > highest || (best < 0 && value === highest)) {
      highest = value
      best = c
    }
  }
  return best
}

/** 2·precision·recall/(precision + recall). */
function f1(hits: number, predicted: number, actual: number): number {
  return hits === 0 ? 0 : (2 * hits) / (predicted + actual)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length
}

class ClassScorer implements Scorer {
  readonly perClass: ClassScore[]
  private readonly predicted: Float64Array
  private readonly labels: Uint8Array | Int32Array
  private readonly curve: RankCurve | undefined
  private correct = 0
  private seen = 0

  constructor({ task }: OpenTask, samples: Samples, count: number) {
    const classes = outputCount(task)
    this.labels = samples.targets as Uint8Array | Int32Array
    this.perClass = Array.from({ length: classes }, () => ({ correct: 0, total: 0 }))
    this.predicted = new Float64Array(classes)
    if (task.metrics.includes('auroc')) this.curve = new RankCurve(classes, count)
  }

  add(outputs: Float32Array, order: Uint32Array, batch: number): void {
    const classes = this.predicted.length
    for (let k = 0; k < batch; k++) {
      const label = this.labels[order[k] as number] as number
      const best = argmax(outputs, k * classes, classes)
      const score = this.perClass[label] as ClassScore
      score.total++
      this.seen++
      if (best >= 0) this.predicted[best] = (this.predicted[best] as number) + 1
      if (best === label) {
        score.correct++
        this.correct++
      }
      this.curve?.add(softmaxRow(outputs, k * classes, classes), (c) => c === label)
    }
  }

  value(name: MetricName): number {
    if (name === 'accuracy') return this.correct / this.seen
    if (name === 'auroc') return this.curve?.mean() ?? Number.NaN
    return mean(this.perClass.map(({ correct, total }, c) => f1(correct, this.predicted[c] as number, total)))
  }
}

function softmaxRow(outputs: Float32Array, from: number, length: number): Float64Array {
  const row = Float64Array.from(outputs.subarray(from, from + length))
  const highest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  let sum = 0
  for (let c = 0; c < length; c++) sum += row[c] = Math.exp((row[c] as number) - highest)
  return row.map((value) => value / sum)
}

class LabelScorer implements Scorer {
  private readonly targets: Float32Array
  private readonly hits: Float64Array
  private readonly predicted: Float64Array
  private readonly actual: Float64Array
  private readonly curve: RankCurve | undefined
  private right = 0
  private seen = 0

  constructor({ task }: OpenTask, samples: Samples, count: number) {
    const outputs = outputCount(task)
    this.targets = samples.targets as Float32Array
    this.hits = new Float64Array(outputs)
    this.predicted = new Float64Array(outputs)
    this.actual = new Float64Array(outputs)
    if (task.metrics.includes('auroc')) this.curve = new RankCurve(outputs, count)
  }

  add(outputs: Float32Array, order: Uint32Array, batch: number): void {
    const length = this.hits.length
    for (let k = 0; k < batch; k++) {
      const from = (order[k] as number) * length
      for (let c = 0; c < length; c++) {
        const positive = (outputs[k * length + c] as number) > 0
        const actual = (this.targets[from + c] as number) >= 0.5
        this.seen++
        if (positive === actual) this.right++
        if (positive) this.predicted[c] = (this.predicted[c] as number) + 1
        if (actual) this.actual[c] = (this.actual[c] as number) + 1
        if (positive && actual) this.hits[c] = (this.hits[c] as number) + 1
      }
      this.curve?.add(
        outputs.subarray(k * length, (k + 1) * length),
        (c) => (this.targets[from + c] as number) >= 0.5,
      )
    }
  }

  value(name: MetricName): number {
    if (name === 'accuracy') return this.right / this.seen
    if (name === 'auroc') return this.curve?.mean() ?? Number.NaN
    const { hits, predicted, actual } = this
    return mean(Array.from(hits, (hit, c) => f1(hit, predicted[c] as number, actual[c] as number)))
  }
}

/** In the units of the columns: differences are multiplied by each column's deviation. */
class NumberScorer implements Scorer {
  private readonly targets: Float32Array
  private readonly deviations: number[]
  private absolute = 0
  private squared = 0
  private seen = 0

  constructor({ task: { output } }: OpenTask, samples: Samples) {
    this.targets = samples.targets as Float32Array
    this.deviations = output.type === 'number' ? output.columns.map(({ deviation }) => deviation) : []
  }

  add(outputs: Float32Array, order: Uint32Array, batch: number): void {
    const length = this.deviations.length
    for (let k = 0; k < batch; k++) {
      const from = (order[k] as number) * length
      for (let c = 0; c < length; c++) {
        const error =
          ((outputs[k * length + c] as number) - (this.targets[from + c] as number)) *
          (this.deviations[c] as number)
        this.absolute += Math.abs(error)
        this.squared += error * error
        this.seen++
      }
    }
  }

  value(name: MetricName): number {
    return name === 'mae' ? this.absolute / this.seen : Math.sqrt(this.squared / this.seen)
  }
}

class TokenScorer implements Scorer {
  private readonly stored: number
  private readonly vocabulary: number
  private right = 0
  private seen = 0

  constructor({ task }: OpenTask, samples: Samples) {
    this.stored = samples.shape[0] as number
    this.vocabulary = outputCount(task)
  }

  add(outputs: Float32Array, _: Uint32Array, batch: number, { inputs, order }: FilledRows): void {
    const length = this.stored - 1
    for (let k = 0; k < batch; k++) {
      const from = (order[k] as number) * this.stored + 1
      for (let t = 0; t < length; t++) {
        const token = inputs[from + t] as number
        if (token === 0) continue
        this.seen++
        if (argmax(outputs, (k * length + t) * this.vocabulary, this.vocabulary) === token) this.right++
      }
    }
  }

  value(name: MetricName, loss: number): number {
    return name === 'perplexity' ? Math.exp(loss) : this.right / this.seen
  }
}

/** Area under the ROC curve of each class, from all scores of an evaluation. */
class RankCurve {
  private readonly scores: Float64Array[]
  private readonly marks: Uint8Array[]
  private used = 0

  constructor(classes: number, count: number) {
    this.scores = Array.from({ length: classes }, () => new Float64Array(count))
    this.marks = Array.from({ length: classes }, () => new Uint8Array(count))
  }

  add(row: Float32Array | Float64Array, isPositive: (index: number) => boolean): void {
    const at = this.used++
    this.scores.forEach((scores, c) => {
      scores[at] = row[c] as number
      ;(this.marks[c] as Uint8Array)[at] = isPositive(c) ? 1 : 0
    })
  }

  /** Mean over the classes that have samples of both kinds; NaN when none has. */
  mean(): number {
    return mean(this.scores.map((_, c) => this.area(c)).filter((area) => !Number.isNaN(area)))
  }

  /** The rank-sum statistic of Mann and Whitney over the number of pairs; equal scores share their mean rank. */
  private area(c: number): number {
    const scores = this.scores[c] as Float64Array
    const marks = this.marks[c] as Uint8Array
    const order = Uint32Array.from({ length: this.used }, (_, k) => k).sort(
      (a, b) => (scores[a] as number) - (scores[b] as number),
    )
    let positives = 0
    let rankSum = 0
    for (let begin = 0; begin < order.length; ) {
      let end = begin + 1
      while (end < order.length && scores[order[end] as number] === scores[order[begin] as number]) end++
      const rank = (begin + 1 + end) / 2
      for (let k = begin; k < end; k++) {
        if (marks[order[k] as number] === 0) continue
        positives++
        rankSum += rank
      }
      begin = end
    }
    const negatives = order.length - positives
    if (positives === 0 || negatives === 0) return Number.NaN
    return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
  }
}
