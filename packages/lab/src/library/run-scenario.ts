import { availableParallelism } from 'node:os'
import { cacheFolder } from '@tempered/train'
import { startCluster } from '../cluster/cluster.js'
import type { RunEvent } from '../events/run-event.js'
import { newRunPath } from '../run/run-folder.js'
import { runVariants, type ScenarioResult } from '../run/scenario-run.js'
import { loadScenarioSource } from '../scenario/scenario-task.js'
import type { ScenarioInput } from '../scenario/schema.js'
import type { Variant } from '../scenario/variants.js'
import { startSimulation } from '../simulate/simulation.js'
import { readScenario } from './read-input.js'

export interface RunScenarioOptions {
  /** Real nodes in several processes, or all of them in this process in virtual time. Default `cluster`. */
  readonly stage?: 'cluster' | 'simulate'
  /** Folder for the results; it is created. Default `runs/<name>-<time>`. */
  readonly folder?: string
  /** Worker processes per run (training threads in a simulation). Default: one per core. */
  readonly workers?: number
  /** Number of runs at the same time. Default 1. */
  readonly parallel?: number
  /** Level of the nodes' log files. Default `info`. */
  readonly logLevel?: string
  /** Where converted data sets are kept. Default: `TEMPERED_CACHE`, else the user's cache folder. */
  readonly cacheFolder?: string
  /** Stops the runs in progress and starts no others; the result then says `interrupted`. */
  readonly signal?: AbortSignal
  onProgress?(progress: ScenarioProgress): void
}

/** Progress of a scenario. `variant` and `seed` identify the run. */
export type ScenarioProgress =
  | {
      readonly type: 'run-started'
      readonly variant: Variant['name']
      readonly seed: number
      /** From 1. */
      readonly number: number
      readonly of: number
    }
  | {
      readonly type: 'event'
      readonly variant: Variant['name']
      readonly seed: number
      readonly event: RunEvent
      readonly elapsedMs: number
    }

/**
 * Runs a scenario with all its rules, seeds and controls, and judges its assertions, as `tempered scenario run` does. A
 * missed assertion is a result, not an error.
 *
 * @param scenario path of a scenario file, or its content as an object
 * @throws LabError E_CONFIG, E_FILE or E_MODULE for mistakes in it; DataError; whatever running it throws
 * @example
 * const { runs, assertions } = await runScenario('scenarios/sign-flip.yaml', { stage: 'simulate' })
 * console.log(runs[0].measures.worstHonestAccuracy, assertions.every(({ ok }) => ok))
 */
export async function runScenario(
  scenario: string | ScenarioInput,
  options: RunScenarioOptions = {},
): Promise<ScenarioResult> {
  const parsed = await readScenario(scenario)
  const { stage = 'cluster', onProgress, cacheFolder: cache = cacheFolder() } = options
  return runVariants({
    scenario: parsed,
    data: await loadScenarioSource(parsed, cache),
    folder: options.folder ?? newRunPath('runs', parsed.name, new Date()),
    cacheFolder: cache,
    workers: options.workers ?? availableParallelism(),
    logLevel: options.logLevel ?? 'info',
    stage: stage === 'cluster' ? startCluster : startSimulation,
    stageName: stage,
    parallel: options.parallel ?? 1,
    signal: options.signal ?? new AbortController().signal,
    onStart: ({ name, seed }, _, { number, of }) =>
      onProgress?.({ type: 'run-started', variant: name, seed, number, of }),
    onEvent: ({ name, seed }, _, event, elapsedMs) =>
      onProgress?.({ type: 'event', variant: name, seed, event, elapsedMs }),
  })
}
