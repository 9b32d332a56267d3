import { access } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { counted } from '@tempered/errors'
import { createCellPool } from '@tempered/lab/matrix'
import {
  harmText,
  harmTitle,
  type IsPossible,
  openingCandidates,
  openingRuns,
  possibleAttacks,
  type RankedAttack,
  searchWorstAttack,
  type Trial,
  withCandidate,
} from '@tempered/lab/red-team'
import {
  loadScenario,
  loadScenarioSource,
  planRun,
  type ScenarioInput,
  scenarioSchema,
  scenarioTask,
} from '@tempered/lab/scenario'
import { percent } from '@tempered/lab/text'
import { writeFileAtomic } from '@tempered/node'
import { createRule, type PreAggregatorSpec } from '@tempered/robust-agg'
import { cacheFolder, type Metric } from '@tempered/train'
import pc from 'picocolors'
import { stringify } from 'yaml'
import { CliError } from '../errors.js'
import { onInterrupt } from '../interrupt.js'
import { table } from '../terminal/table.js'

export interface LabAttackOptions {
  readonly rule: string
  /** Whether --rule was given. */
  readonly ruleGiven: boolean
  readonly ruleParam?: Readonly<Record<string, number>>
  readonly pre?: readonly PreAggregatorSpec[]
  readonly scenario?: string
  readonly fraction: number
  readonly budget: number
  readonly seeds: readonly number[]
  readonly rounds?: number
  readonly parallel?: number
  readonly out: string
  readonly force?: boolean
  readonly json?: boolean
}

/** Twenty nodes on a random 10-regular graph with non-IID digits, as in the literature on BALANCE. */
const DEFAULT_BASE: ScenarioInput = {
  nodes: 20,
  topology: { name: 'k-regular', params: { k: 10 } },
  data: { split: { kind: 'label-groups', h: 0.8 } },
  model: 'softmax',
  training: { rounds: 20, localSteps: 5 },
}

/** `tempered lab attack`: the worst attacks found, in a table, and the worst one as a scenario that anyone can run. */
export async function labAttack(options: LabAttackOptions): Promise<void> {
  if (options.force !== true && (await exists(options.out)))
    throw new CliError('E_USAGE', `${options.out} already exists; give --force, or another --out`)
  const base = await baseOf(options)
  const parsed = scenarioSchema.parse(base)
  const { training, nodes } = parsed
  const cache = cacheFolder()
  // An invalid rule is reported before anything runs.
  const source = await loadScenarioSource(parsed, cache)
  planRun(parsed, source)
  const metric = scenarioTask(parsed, source).primary
  const isPossible = possibleAttacks(parsed, source.train)
  const parallel = options.parallel ?? availableParallelism()
  const pool = createCellPool(parallel)
  const interruption = onInterrupt(async () => pool.stop())
  let worst = 0
  process.stderr.write(
    `searching for the worst attack on ${parsed.rule.name}: ${counted(options.budget, 'run')} of ${counted(nodes, 'node')}, ` +
      `${percent(options.fraction, 0)} attack\n`,
  )
  const untried = untriedText(options.budget, isPossible)
  if (untried !== undefined) process.stderr.write(`${pc.yellow(untried)}\n`)
  const found = await searchWorstAttack({
    base,
    metric,
    isPossible,
    fraction: options.fraction,
    budget: options.budget,
    seeds: options.seeds,
    rounds: training.rounds,
    parallel,
    runCell: (scenario) => pool.run({ id: '', scenario }),
    onTrial(tried, { runs, budget }) {
      if (options.json) process.stdout.write(`${JSON.stringify(tried)}\n`)
      const isWorst = (tried.harm ?? -1) > worst
      worst = Math.max(worst, tried.harm ?? 0)
      process.stderr.write(`${runs}/${budget}  ${triedText(tried, metric, isWorst)}\n`)
    },
  })
  interruption.dispose()
  pool.stop()
  const out = options.json ? process.stderr : process.stdout
  const first = found[0]
  if (first === undefined) throw new CliError('E_NODES_FAILED', 'no run finished; nothing was found')
  out.write(`\n${renderFound(found, metric).join('\n')}\n`)
  await writeFileAtomic(options.out, worstCaseText(base, options, first, metric, untried))
  out.write(`\nthe worst, as a scenario: ${options.out}\n`)
  if (interruption.exitCode !== undefined) process.exitCode = interruption.exitCode
}

async function baseOf(options: LabAttackOptions): Promise<ScenarioInput> {
  const given = options.scenario === undefined ? undefined : await loadScenario(options.scenario)
  const { rules: _, seeds: __, ...plain } = given ?? { rules: undefined, seeds: undefined, ...DEFAULT_BASE }
  const { name, params, pre } = createRule(options.rule, options.ruleParam ?? {}, { pre: options.pre ?? [] })
  const rule =
    given !== undefined && !options.ruleGiven
      ? given.rule
      : {
          name,
          params: withoutNulls(params),
          pre: pre.map((one) => ({ name: one.name, params: withoutNulls(one.params) })),
        }
  const rounds = options.rounds ?? plain.training?.rounds
  return {
    ...plain,
    name: `worst-case-${rule.name}`,
    seed: options.seeds[0]!,
    adversaries: [],
    assertions: [],
    controls: { honest: false, undefended: false, baseline: false },
    rule,
    training: { ...plain.training, ...(rounds === undefined ? {} : { rounds }) },
    // Only the last round counts.
    evaluation: { every: rounds ?? 1_000_000, samples: plain.evaluation?.samples ?? 500 },
  }
}

function withoutNulls(params: Readonly<Record<string, number | null>> | undefined): Record<string, number> {
  const known = Object.entries(params ?? {}).filter((entry): entry is [string, number] => entry[1] !== null)
  return Object.fromEntries(known)
}

function triedText({ text, seed, harm, error }: Trial, metric: Metric, isWorst: boolean): string {
  const what = error === undefined ? harmText(metric, harm) : pc.red(error)
  const line = `${text}, seed ${seed}: ${what}`
  return isWorst ? pc.bold(line) : line
}

function renderFound(found: readonly RankedAttack[], metric: Metric): string[] {
  const rows = found
    .slice(0, 10)
    .map(({ text, harm, seeds }) => [text, harmText(metric, harm), String(seeds)])
  return table([['attack', harmTitle(metric), 'seeds'], ...rows], new Set([1, 2]))
}

/** A scenario with the attack, its controls switched on, and a comment on its origin. */
function worstCaseText(
  base: ScenarioInput,
  options: LabAttackOptions,
  found: RankedAttack,
  metric: Metric,
  untried: string | undefined,
): string {
  const { fraction, budget, seeds } = options
  const what = metric.name === 'accuracy' ? 'test error of the worst honest node' : harmTitle(metric)
  const { controls: _, assertions: __, evaluation: ___, seed: ____, ...rest } = base
  const scenario = { ...withCandidate(rest, fraction, found.candidate), seeds: [...seeds] }
  return (
    `# The worst of ${budget} runs that \`tempered lab attack\` tried against ${scenarioSchema.parse(base).rule.name}: ${found.text}.\n` +
    `# Shows: ${what} ${harmText(metric, found.harm)}, mean over ${found.seeds} of the seeds; a lower ` +
    'bound on what an attacker can do.\n' +
    (untried === undefined ? '' : `# Not all attacks were tried: ${untried}.\n`) +
    stringify(scenario, { aliasDuplicateObjects: false })
  )
}

/** undefined when the budget tries every attack that is possible here. */
function untriedText(budget: number, isPossible: IsPossible): string | undefined {
  const known = openingCandidates(isPossible).length
  const unseen = known - openingRuns(budget, isPossible)
  if (unseen === 0) return undefined
  return `the budget leaves ${unseen} of ${known} attacks untried; --budget ${Math.ceil((4 * known) / 3)} tries them all once`
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
