import { counted } from '@tempered/errors'
import {
  type BackendChoice,
  cacheFolder,
  loadMeasured,
  type Measured,
  metricOf,
  openPredictor,
} from '@tempered/train'
import { table } from '../terminal/table.js'
import { findUsable } from './model-source.js'

export interface ModelEvalOptions {
  /** 1-based. */
  readonly round?: number
  readonly data: string
  readonly test?: string | number
  readonly backend?: BackendChoice
  readonly blobs?: readonly string[]
  readonly json?: boolean
}

/**
 * `tempered model eval`: loss and metrics of a model on all samples of a source, on its own test samples if it has some,
 * or on what --test names.
 */
export async function modelEval(path: string, options: ModelEvalOptions): Promise<void> {
  const { node, round = null, task, parameters } = await findUsable(path, options.round, options.blobs)
  const predictor = await openPredictor(task, parameters, options.backend)
  const measured = await loadMeasured(
    { source: options.data, ...(options.test === undefined ? {} : { test: options.test }) },
    cacheFolder(),
    task,
  )
  for (const notice of measured.notices) process.stderr.write(`note: ${notice}\n`)
  const { loss, metrics, samples, perClass } = await predictor.evaluate(measured.samples)
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ node, round, data: measured.source, part: measured.part, samples, loss, metrics, perClass: perClass ?? null })}\n`,
    )
    return
  }
  const shown = task.task.metrics
    .filter((name) => name !== 'loss')
    .map((name) => [metricOf(name).label, Number((metrics[name] ?? Number.NaN).toPrecision(4)).toString()])
  const rows = [...shown, ['loss', Number(loss.toPrecision(4)).toString()], ['samples', String(samples)]]
  process.stdout.write(
    `${node}${round === null ? '' : `, round ${round}`}, on ${measuredText(measured, options.test)}\n${table(rows, new Set([1])).join('\n')}\n`,
  )
}

/** What was measured, for the heading. */
function measuredText(
  { part, source, samples: { count } }: Measured,
  test: string | number | undefined,
): string {
  const samples = counted(count, 'sample')
  if (part === 'all') return `all ${samples} of ${source}`
  if (part === 'a share') return `a share of ${test} of ${source}, ${samples}`
  return `the ${counted(count, 'test sample')} of ${source}`
}
