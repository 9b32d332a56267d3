import { join, relative } from 'node:path'
import { writeFileAtomic } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { stringify } from 'yaml'
import type { RunEvent } from '../events/run-event.js'
import type { Measures } from '../measures/catalogue.js'
import { measuresOf } from '../measures/catalogue.js'
import { isCutShort, type RunScore } from '../measures/run-score.js'
import { type AssertionOutcome, type JudgedRun, judgeAssertions } from '../scenario/judge-assertions.js'
import { planRun } from '../scenario/plan.js'
import type { ScenarioSource } from '../scenario/scenario-task.js'
import type { Scenario } from '../scenario/schema.js'
import { type Variant, variantsOf } from '../scenario/variants.js'
import type { Stage } from '../stage/stage.js'
import { versions } from '../versions.js'
import { type RecordedRun, startRecordedRun } from './recorded-run.js'

export interface ScenarioRunInit {
  readonly scenario: Scenario
  readonly data: ScenarioSource
  /** Created when missing; each run has its own folder `<variant>/seed-<n>` below it. */
  readonly folder: string
  readonly cacheFolder: string
  /** Host processes of each run. */
  readonly workers: number
  readonly logLevel: string
  readonly stage: Stage
  /** Named in the summary. */
  readonly stageName: string
  /** Number of runs at the same time; the others wait. */
  readonly parallel: number
  /** Aborts the scenario: current runs stop, the others do not start. */
  readonly signal: AbortSignal
  onStart(variant: Variant, run: RecordedRun, place: { readonly number: number; readonly of: number }): void
  /** Every event, after it was recorded. */
  onEvent(variant: Variant, run: RecordedRun, event: RunEvent, elapsedMs: number): void
}

/** One run of a scenario and its result. */
export interface VariantResult {
  readonly variant: Variant
  /** Relative to the scenario's folder. */
  readonly folder: string
  readonly score: RunScore
  readonly measures: Measures
  /** Which stop condition ended it, if one did. */
  readonly stopped: string | null
  /** Whether it was ended from outside before its last round: by a signal, or because another run failed. */
  readonly interrupted: boolean
}

export interface ScenarioResult {
  readonly folder: string
  /** In the order of `variantsOf`, without those that did not start. */
  readonly runs: readonly VariantResult[]
  /** Empty when the scenario was interrupted and cannot be judged. */
  readonly assertions: readonly AssertionOutcome[]
  readonly interrupted: boolean
}

/**
 * Runs a scenario with all its rules, seeds and controls, and judges its assertions. Writes `scenario.yaml` (resolved),
 * `summary.json` and a folder per run. Throws whatever planning and running throw; a missed assertion is a result, not
 * an error.
 */
export async function runVariants(init: ScenarioRunInit): Promise<ScenarioResult> {
  const { scenario, folder } = init
  const failure = new AbortController()
  const signal = AbortSignal.any([init.signal, failure.signal])
  // All runs are planned before the first one starts, so that mistakes show at once and not after an hour.
  const planned = variantsOf(scenario).map((variant) => ({
    variant,
    plan: planRun(variant.scenario, init.data),
  }))
  await makeFolder(folder)
  await writeFileAtomic(
    join(folder, 'scenario.yaml'),
    stringify({ ...scenario, versions: versions() }, { aliasDuplicateObjects: false }),
  )

  const results: (VariantResult & JudgedRun)[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < planned.length && !signal.aborted) {
      const number = next++
      results[number] = await runVariant({ ...init, signal }, planned[number]!, {
        number: number + 1,
        of: planned.length,
      })
    }
  }
  const workers = Array.from({ length: Math.min(init.parallel, planned.length) }, () =>
    work().catch((error) => {
      // The other runs stop before the error is rethrown.
      failure.abort()
      throw error
    }),
  )
  for (const outcome of await Promise.allSettled(workers))
    if (outcome.status === 'rejected') throw outcome.reason

  const runs = results.filter((result) => result !== undefined)
  const interrupted = signal.aborted
  const assertions = interrupted ? [] : judgeAssertions(scenario, runs)
  const summary = {
    name: scenario.name,
    stage: init.stageName,
    seeds: scenario.seeds,
    interrupted,
    ok: !interrupted && assertions.every(({ ok }) => ok),
    assertions,
    runs: runs.map(({ variant, folder: path, score, measures, stopped, interrupted }) => ({
      variant: variant.name,
      kind: variant.kind,
      rule: variant.rule,
      seed: variant.seed,
      folder: path,
      stopped,
      interrupted,
      measures,
      score,
    })),
  }
  await writeFileAtomic(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  return { folder, runs, assertions, interrupted }
}

async function runVariant(
  init: ScenarioRunInit,
  { variant, plan }: { variant: Variant; plan: ReturnType<typeof planRun> },
  place: { readonly number: number; readonly of: number },
): Promise<VariantResult & JudgedRun> {
  const folder = join(init.folder, variant.name, `seed-${variant.seed}`)
  const quarantines = new Map<number, Set<number>>()
  const run: RecordedRun = await startRecordedRun({
    plan,
    folder,
    cacheFolder: init.cacheFolder,
    workers: init.workers,
    logLevel: init.logLevel,
    stage: init.stage,
    onEvent(event, elapsedMs) {
      if (event.type === 'quarantine') {
        const offender = plan.run.memberIndex.get(event.peer)
        const known = quarantines.get(event.index) ?? new Set()
        if (offender !== undefined) quarantines.set(event.index, known.add(offender))
      }
      init.onEvent(variant, run, event, elapsedMs)
    },
  })
  init.onStart(variant, run, place)
  const stop = (): void => void run.stop()
  if (init.signal.aborted) stop()
  init.signal.addEventListener('abort', stop, { once: true })
  const score = await run.finish()
  init.signal.removeEventListener('abort', stop)

  const last =
    run.stoppedEarly === undefined ? plan.run.manifest.training.rounds - 1 : run.stoppedEarly.lastRound
  const finished = plan.nodes.filter(
    ({ index, attack }) =>
      attack === undefined && run.records[index]!.rounds.some(({ report }) => report.round === last),
  )
  return {
    variant,
    folder: relative(init.folder, folder),
    score,
    measures: measuresOf(score),
    stopped: run.stoppedEarly?.why ?? null,
    interrupted: init.signal.aborted && run.stoppedEarly === undefined && isCutShort(score),
    scoredRound: score.scoredRound,
    ledgersVerify: score.ledgers.bad.length === 0,
    quarantined: new Map(finished.map(({ index }) => [index, quarantines.get(index) ?? new Set()])),
  }
}
