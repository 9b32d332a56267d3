import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { counted } from '@tempered/errors'
import {
  newRunPath,
  type RecordedRun,
  requireNoFailures,
  requireValidLedgers,
  startRecordedRun,
} from '@tempered/lab/run'
import {
  defaultTopology,
  loadScenario,
  loadScenarioData,
  loadScenarioSource,
  planRun,
  type Scenario,
  scenarioSchema,
} from '@tempered/lab/scenario'
import { ruleText } from '@tempered/lab/text'
import { writeScenarioReport } from '@tempered/report'
import { type BackendChoice, type BuiltInModel, cacheFolder } from '@tempered/train'
import pc from 'picocolors'
import { onInterrupt } from '../interrupt.js'
import { createProgress } from '../terminal/create-progress.js'
import { warnOfParts } from '../terminal/parts-warning.js'
import { renderScores, renderTroubles } from '../terminal/summary.js'

export interface ClusterRunOptions {
  readonly nodes?: number
  readonly rounds?: number
  readonly seed?: number
  readonly rule?: string
  readonly model?: BuiltInModel
  readonly backend?: BackendChoice
  readonly workers?: number
  /** Earlier name of `workers`. */
  readonly hosts?: number
  readonly isolation: 'shared' | 'process'
  readonly out: string
  readonly json?: boolean
}

/**
 * `tempered cluster run`: a scenario (flags override the file) on real nodes; exit code 6 if a ledger does not verify.
 */
export async function clusterRun(file: string | undefined, options: ClusterRunOptions): Promise<void> {
  const scenario = withOptions(file === undefined ? undefined : await loadScenario(file), options)
  const cache = cacheFolder()
  const data = await (file === undefined
    ? loadScenarioSource(scenario, cache)
    : loadScenarioData(file, scenario, cache))
  const plan = planRun(scenario, data)
  warnOfParts(plan.topology.graph)
  const folder = newRunPath(options.out, scenario.name, new Date())
  const workers =
    options.isolation === 'process'
      ? scenario.nodes
      : (options.workers ?? options.hosts ?? availableParallelism())
  const progress = createProgress(process.stderr, process.stdout)
  const attackers = plan.nodes.filter((node) => node.attack !== undefined).length
  progress.note(
    `${counted(scenario.nodes, 'node')} (${attackers} attacking) in ${counted(Math.min(workers, scenario.nodes), 'process', 'processes')}, ` +
      `rule ${ruleText(plan.run.manifest.rule, plan.run.manifest.privacy)}, run ${plan.run.id}`,
  )
  let noticed = false
  const run: RecordedRun = await startRecordedRun({
    plan,
    folder,
    cacheFolder: cache,
    workers,
    logLevel: 'info',
    onEvent(event, elapsedMs) {
      if (options.json)
        process.stdout.write(`${JSON.stringify({ elapsedMs: Math.round(elapsedMs), ...event })}\n`)
      if (event.type === 'ready' && !noticed) {
        noticed = true
        progress.note(pc.dim(event.notice))
      }
      queueMicrotask(() => progress.event(run, event, elapsedMs))
    },
  })
  const interruption = onInterrupt(() => run.stop())
  const score = await run.finish()
  interruption.dispose()
  progress.close()
  const out = options.json ? process.stderr : process.stdout
  const lines = ['', ...renderScores([{ title: score.rule, score }]), ...renderTroubles(score, attackers > 0)]
  const report = await writeScenarioReport(folder).then(() => join(folder, 'report.html'))
  out.write(`${lines.join('\n')}\n\nresults: ${relative('.', folder)}   report: ${relative('.', report)}\n`)
  if (interruption.exitCode !== undefined) {
    process.exitCode = interruption.exitCode
    return
  }
  requireValidLedgers(score, plan)
  requireNoFailures(score, run.stoppedEarly !== undefined)
}

/** Applies the flags to the scenario. If the file does not set a topology, the default follows the number of nodes. */
function withOptions(scenario: Scenario | undefined, options: ClusterRunOptions): Scenario {
  const { nodes, seed, model, backend, rule, rounds } = options
  const { topology, ...rest } = scenario ?? scenarioSchema.parse({})
  const isDefault = isDeepStrictEqual(topology, defaultTopology(rest.nodes))
  return scenarioSchema.parse({
    ...rest,
    ...(isDefault ? {} : { topology }),
    ...(nodes === undefined ? {} : { nodes }),
    // One run has one seed and one rule: the first ones of the file.
    seed: seed ?? rest.seed,
    seeds: undefined,
    ...(model === undefined ? {} : { model }),
    ...(backend === undefined ? {} : { backend }),
    rule: rule === undefined ? rest.rule : { name: rule },
    rules: undefined,
    ...(rounds === undefined ? {} : { training: { ...rest.training, rounds } }),
  })
}
