import { availableParallelism } from 'node:os'
import { cacheFolder } from '@tempered/train'
import { LabError } from '../errors.js'
import type { RunEvent } from '../events/run-event.js'
import { type Measures, measuresOf } from '../measures/catalogue.js'
import { isDivergence } from '../measures/divergence.js'
import type { RunRecord } from '../measures/run-record.js'
import type { RunScore } from '../measures/run-score.js'
import { type RoundPoint, roundSeries } from '../measures/series.js'
import { startRecordedRun } from '../run/recorded-run.js'
import { planRun } from '../scenario/plan.js'
import { loadScenarioSource } from '../scenario/scenario-task.js'
import type { ScenarioInput } from '../scenario/schema.js'
import { startSimulation } from '../simulate/simulation.js'
import { readScenario } from './read-input.js'

export interface SimulateOptions {
  /** Number of training threads. Default: one per core. The result does not depend on it. */
  readonly trainingThreads?: number
  /** Where converted data sets are kept. Default: `TEMPERED_CACHE`, else the user's cache folder. */
  readonly cacheFolder?: string
  /** Stops the simulation; `simulate` then rejects with its reason. */
  readonly signal?: AbortSignal
  /** Everything that happens, with milliseconds since the start. */
  onEvent?(event: RunEvent, elapsedMs: number): void
}

export interface SimulationResult {
  /** The run in numbers; `measures` has them by the names that assertions use. */
  readonly score: RunScore
  readonly measures: Measures
  /** One point per round, in order. */
  readonly rounds: readonly RoundPoint[]
  /** Everything that nodes reported. */
  readonly record: RunRecord
}

/**
 * Simulates one run: the first seed and the first rule of a scenario, without its controls and without writing a file.
 * Node code and training are real; time is virtual. Rules, attacks and measures that this process has registered can be
 * used by name.
 *
 * @param scenario path of a scenario file, or its content as an object
 * @throws LabError E_CONFIG, E_FILE or E_MODULE for mistakes in it, E_DIVERGED or E_NODES_FAILED when nodes failed; DataError
 * @example
 * const { measures } = await simulate({ nodes: 10, model: 'softmax', rule: 'median', adversaries: [{ count: 2, attack: 'alie' }] })
 * console.log(measures.worstHonestAccuracy)
 */
export async function simulate(
  scenario: string | ScenarioInput,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  const parsed = await readScenario(scenario)
  const { signal, cacheFolder: cache = cacheFolder() } = options
  const plan = planRun(parsed, await loadScenarioSource(parsed, cache))
  signal?.throwIfAborted()
  const run = await startRecordedRun({
    plan,
    folder: '',
    cacheFolder: cache,
    workers: options.trainingThreads ?? availableParallelism(),
    logLevel: 'silent',
    stage: startSimulation,
    writeFiles: false,
    onEvent: (event, elapsedMs) => options.onEvent?.(event, elapsedMs),
  })
  const stop = (): void => void run.stop()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const score = await run.finish()
    signal?.throwIfAborted()
    const [first] = score.failed
    if (first !== undefined) {
      const code = isDivergence(first) ? 'E_DIVERGED' : 'E_NODES_FAILED'
      throw new LabError(code, `${first.node}: ${first.code}: ${first.message}`)
    }
    const record = run.record()
    return { score, measures: measuresOf(score), rounds: roundSeries(record), record }
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
