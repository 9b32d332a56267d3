import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { counted } from '@tempered/errors'
import { startCluster } from '@tempered/lab/cluster'
import { placeOf } from '@tempered/lab/documents'
import { divergenceText, isDivergence } from '@tempered/lab/measures'
import { newRunPath, requireNoFailures, runVariants, type ScenarioResult } from '@tempered/lab/run'
import { checkScenario, loadScenario, loadScenarioData, type Scenario } from '@tempered/lab/scenario'
import { startSimulation, TRAINING_MS } from '@tempered/lab/simulate'
import { ruleText } from '@tempered/lab/text'
import { writeScenarioReport } from '@tempered/report'
import { createTopology } from '@tempered/robust-agg/topology'
import { cacheFolder } from '@tempered/train'
import pc from 'picocolors'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { createProgress } from '../terminal/create-progress.js'
import { warnOfIdleAttacks } from '../terminal/idle-attacks.js'
import { warnOfParts } from '../terminal/parts-warning.js'
import { renderAssertions, renderRuns } from '../terminal/scenario-summary.js'
import { renderBalances } from '../terminal/summary.js'
import { widthOf } from '../terminal/table.js'

export interface ScenarioRunOptions {
  readonly stage: 'cluster' | 'simulate' | 'hosts'
  readonly seeds?: readonly number[]
  readonly rounds?: number
  readonly controls: boolean
  readonly parallel: number
  readonly workers?: number
  /** Earlier name of `workers`. */
  readonly hosts?: number
  readonly out: string
  readonly json?: boolean
  /** Only for `--stage hosts`. */
  readonly address?: readonly string[]
  readonly freshKeys?: boolean
  readonly force?: boolean
  readonly image?: string
}

const VIRTUAL_SECONDS = `seconds are virtual time, in which training takes ${TRAINING_MS / 1000} s per round`

/**
 * `tempered scenario run`: runs everything a scenario asks for, then judges its assertions; exit code 8 if one fails.
 */
export async function scenarioRun(file: string, options: ScenarioRunOptions): Promise<void> {
  requireFitting(options)
  const scenario = withOptions(await loadScenario(file), options)
  // Seeds change only random topologies, which are connected.
  warnOfParts(createTopology(scenario.topology, scenario.nodes, scenario.seeds[0]!))
  warnOfIdleAttacks(scenario)
  if (options.stage === 'hosts')
    return (await import('./scenario-machines.js')).scenarioMachines(file, scenario, options)
  const stage = options.stage === 'cluster' ? startCluster : startSimulation
  const cache = cacheFolder()
  const data = await loadScenarioData(file, scenario, cache)
  for (const notice of data.notices ?? []) process.stderr.write(`${pc.dim(notice)}\n`)
  const progress = createProgress(process.stderr, process.stdout)
  const aborting = new AbortController()
  const interruption = onInterrupt(async () => aborting.abort())
  let noticed = false
  const result = await runVariants({
    scenario,
    data,
    folder: newRunPath(options.out, scenario.name, new Date()),
    cacheFolder: cache,
    workers:
      options.workers ?? options.hosts ?? Math.max(1, Math.floor(availableParallelism() / options.parallel)),
    logLevel: 'info',
    stage,
    stageName: options.stage,
    parallel: options.parallel,
    signal: aborting.signal,
    onStart(variant, run, { number, of }) {
      const attackers = run.plan.nodes.filter((node) => node.attack !== undefined).map(({ name }) => name)
      const who = attackersText(attackers)
      progress.note(
        pc.bold(
          `${number}/${of}  ${variant.name}, seed ${variant.seed}: rule ${ruleText(variant.rule, variant.scenario.privacy)}, ${who}`,
        ),
      )
    },
    onEvent(variant, run, event, elapsedMs) {
      if (options.json) {
        const about = { variant: variant.name, seed: variant.seed, elapsedMs: Math.round(elapsedMs) }
        process.stdout.write(`${JSON.stringify({ ...about, ...event })}\n`)
      }
      if (event.type === 'ready' && !noticed) {
        noticed = true
        progress.note(pc.dim(event.notice))
      }
      const about = scenario.seeds.length > 1 ? `${variant.name}, seed ${variant.seed}` : variant.name
      progress.event(run, event, elapsedMs, about)
    },
  }).finally(() => {
    interruption.dispose()
    progress.close()
  })
  const { balances } = await writeScenarioReport(result.folder)
  const out = options.json ? process.stderr : process.stdout
  const lines = [
    '',
    ...renderRuns(result, widthOf(out)),
    ...(options.stage === 'simulate' ? [pc.dim(VIRTUAL_SECONDS)] : []),
    // A single run has nothing to compare with.
    ...(result.runs.length > 1 ? renderBalances(balances, widthOf(out), options.stage === 'simulate') : []),
    '',
    ...renderAssertions(scenario, result),
    `results: ${relative('.', result.folder)}   report: ${relative('.', join(result.folder, 'report.html'))}`,
  ]
  out.write(`${lines.join('\n')}\n`)
  if (options.json) process.stdout.write(`${JSON.stringify(resultLine(result))}\n`)
  if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
  else requireGoals(result)
}

/** The last line for scripts: the results of the runs, and which assertions held. */
function resultLine({ folder, interrupted, assertions, runs }: ScenarioResult): object {
  const runResults = runs.map(({ variant, folder: path, stopped, interrupted: cut, measures, score }) => ({
    variant: variant.name,
    rule: variant.rule,
    seed: variant.seed,
    folder: join(folder, path),
    stopped,
    interrupted: cut,
    scoredRound: score.scoredRound,
    measures,
    ledgers: score.ledgers,
    failed: score.failed,
  }))
  return {
    type: 'result',
    folder,
    report: join(folder, 'report.html'),
    interrupted,
    assertions,
    runs: runResults,
  }
}

/** Longer lists of names are replaced by their number. */
const MOST_NAMES = 12

function attackersText(names: readonly string[]): string {
  if (names.length === 0) return 'no attackers'
  const who = names.length > MOST_NAMES ? `${names.length} nodes` : names.join(', ')
  return `${who} ${names.length === 1 ? 'attacks' : 'attack'}`
}

/** Throws E_GOAL_MISSED (E_DIVERGED if that is why), E_LEDGER_INVALID or what `requireNoFailures` throws, in this order. */
function requireGoals({ assertions, runs }: ScenarioResult): void {
  const missed = assertions.filter(({ ok }) => !ok)
  if (missed.length > 0) {
    requireConvergence(runs, missed, assertions.length)
    const many =
      assertions.length > 1 ? `${missed.length} of ${assertions.length} assertions` : 'the assertion'
    const several = new Set(assertions.map(({ rule }) => rule)).size > 1
    const texts = missed.map(
      ({ assertion, rule, got }) => `${several ? `${rule}: ` : ''}wanted ${assertion}, got ${got}`,
    )
    throw new CliError('E_GOAL_MISSED', `${many} missed: ${texts.join('; ')}`)
  }
  for (const { score, folder } of runs) {
    const bad = score.ledgers.bad[0]
    if (bad !== undefined)
      throw new CliError('E_LEDGER_INVALID', `${folder}: ${bad.node}: ${placeOf(bad.entry)}: ${bad.message}`)
  }
  for (const { score, stopped } of runs) requireNoFailures(score, stopped !== null)
}

/**
 * Throws E_DIVERGED if training diverged in the runs that all of the missed assertions judge: they then say nothing about
 * the rule.
 */
function requireConvergence(
  runs: ScenarioResult['runs'],
  missed: ScenarioResult['assertions'],
  assertions: number,
): void {
  const diverged = runs.filter(({ score }) => score.failed.some(isDivergence))
  const [first] = diverged
  const judges = (
    { variant: { kind, name } }: (typeof runs)[number],
    { assertion, rule }: (typeof missed)[number],
  ) => (kind === 'attacked' ? name === kind || name === `${kind}-${rule}` : assertion.includes(kind))
  if (first === undefined || !missed.every((one) => diverged.some((run) => judges(run, one)))) return
  const where = diverged.map(({ folder }) => folder).join(', ')
  throw new CliError(
    'E_DIVERGED',
    `${missed.length} of ${counted(assertions, 'assertion')} missed; in ${where} ${divergenceText(first.score.failed)}`,
  )
}

/** Throws E_USAGE for flags of `--stage hosts` with another stage. */
function requireFitting(options: ScenarioRunOptions): void {
  if (options.stage === 'hosts') return
  for (const flag of ['address', 'freshKeys', 'force', 'image'] as const) {
    if (options[flag] === undefined) continue
    const name = flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new CliError('E_USAGE', `--${name} is for --stage hosts; this is --stage ${options.stage}`)
  }
}

/**
 * Applies the flags to the scenario. Throws E_CONFIG when they contradict it, e.g. fewer rounds than its faults need.
 */
function withOptions(scenario: Scenario, options: ScenarioRunOptions): Scenario {
  const seeds = options.seeds === undefined ? scenario.seeds : [...options.seeds]
  const { rounds = scenario.training.rounds } = options
  const changed: Scenario = {
    ...scenario,
    seeds,
    seed: seeds[0]!,
    training: { ...scenario.training, rounds },
    controls: options.controls ? scenario.controls : { honest: false, undefended: false, baseline: false },
  }
  const problems = checkScenario(changed)
  if (problems.length === 0) return changed
  const lines = problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new CliError('E_CONFIG', `with these flags the scenario is not valid:\n${lines.join('\n')}`)
}
