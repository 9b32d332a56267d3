import { isCutShort, isDivergence, metricText, scoredRoundsText } from '@tempered/lab/measures'
import type { ScenarioResult } from '@tempered/lab/run'
import type { Scenario } from '@tempered/lab/scenario'
import { bytes, percent, ruleText, seconds } from '@tempered/lab/text'
import pc from 'picocolors'
import { renderTroubles } from './summary.js'
import { foldedTable } from './table.js'

/** One line per run with its result, folded to the width of the terminal; then its failures. */
export function renderRuns({ runs }: ScenarioResult, width: number): string[] {
  // The column tells only where a run was not scored after its last round.
  const hasRounds = runs.some(({ score }) => isCutShort(score))
  const header = [
    'run',
    'rule',
    'seed',
    ...(hasRounds ? ['rounds'] : []),
    'worst',
    'mean',
    'finished',
    'recall',
    'in+out',
    'per round',
    'ledgers',
  ]
  const rows = runs.map(({ variant, score }) => [
    variant.name,
    ruleText(variant.rule, variant.scenario.privacy),
    String(variant.seed),
    ...(hasRounds ? [scoredRoundsText(score)] : []),
    metricText(score.metric, score.worst?.value),
    metricText(score.metric, score.mean),
    `${score.finishedHonest} of ${score.honestNodes}`,
    percent(score.recall),
    bytes(score.bytesPerNodeRound),
    seconds(score.secondsPerRound),
    `${score.ledgers.valid} of ${score.ledgers.checked}`,
  ])
  // A run is identified by its name, its rule and its seed.
  const numbers = new Set(header.flatMap((_, k) => (k < 2 ? [] : [k])))
  const lines = foldedTable([header, ...rows], numbers, width, 3)
  return [
    // The first line of each block is its header.
    ...lines.map((line, k) => (k === 0 || lines[k - 1] === '' ? pc.dim(line) : line)),
    ...runs.flatMap((run) => cutText(run) ?? []),
    ...runs.flatMap(({ variant, folder, score }) =>
      renderTroubles(score, variant.scenario.adversaries.length > 0).map(
        (trouble) => `${folder}: ${trouble}`,
      ),
    ),
  ]
}

function cutText({
  folder,
  score,
  stopped,
  interrupted,
}: ScenarioResult['runs'][number]): string | undefined {
  // A line of its own says so when training diverged.
  if (!isCutShort(score) || score.failed.some(isDivergence)) return undefined
  const why = interrupted
    ? 'interrupted'
    : stopped === null
      ? 'not all honest nodes went on'
      : `stopped (${stopped})`
  return pc.yellow(`${folder}: ${why}; scored after ${scoredRoundsText(score)} rounds`)
}

/** One line per assertion: the expected and the actual value. */
export function renderAssertions(scenario: Scenario, { assertions, interrupted }: ScenarioResult): string[] {
  if (interrupted && scenario.assertions.length > 0) return ['stopped: assertions were not judged']
  return assertions.map(({ assertion, rule, ok, got }) => {
    const of = scenario.rules.length > 1 ? `${rule}: ` : ''
    return ok
      ? `${pc.green('held  ')}  ${of}${assertion}   got ${got}`
      : `${pc.red('missed')}  ${of}wanted ${assertion}, got ${got}`
  })
}
