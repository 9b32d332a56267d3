import {
  type BySeed,
  divergenceText,
  type Estimates,
  estimate,
  highLossText,
  INTERVAL_METHOD,
  isCutShort,
  type Measures,
  measureNames,
  measuresOf,
  ROLES,
  type Role,
  type RunScore,
  type StoredRun,
  scoredRoundsText,
  scoreRecord,
  type Tradeoff,
  tradeoffOf,
} from '@tempered/lab/measures'
import { type Metric, metricOf } from '@tempered/train'
import type { HashedFile } from './file-hashes.js'
import type { AssertionResult } from './scenario-folder.js'

/** One run in numbers. */
export interface RunSummary {
  readonly path: string
  readonly role: Role
  readonly rule: string
  readonly seed: number
  readonly runId: string | null
  readonly plannedRounds: number
  readonly score: RunScore
  readonly measures: Measures
  readonly versions: Readonly<Record<string, string>>
  readonly files: readonly HashedFile[]
}

/** All seeds of one variant together. */
export interface VariantSummary {
  readonly key: string
  readonly role: Role
  readonly rule: string
  readonly label: string
  readonly runs: readonly RunSummary[]
  readonly measures: Estimates
}

/** Content of `report.json`. */
export interface ScenarioSummary {
  readonly kind: 'tempered/report'
  readonly name: string
  readonly method: string
  readonly command: string
  readonly variants: readonly VariantSummary[]
  /** One per defending rule. */
  readonly balances: readonly Tradeoff[]
  /** The assertions of a scenario run and whether they held. */
  readonly assertions: readonly AssertionResult[]
  /** Where a scenario ran: `cluster` or `simulate`; null where it was not recorded. */
  readonly stage: string | null
  /** Whether the scenario was stopped before its end: runs are incomplete, and some may be missing. */
  readonly interrupted: boolean
  /** Files above the runs that the report was made from. */
  readonly files: readonly HashedFile[]
}

export function runSummary(
  run: StoredRun,
  { path, role, rule }: Pick<RunSummary, 'path' | 'role' | 'rule'>,
  files: readonly HashedFile[],
): RunSummary {
  const score = storedScore(run)
  return {
    path,
    role,
    rule,
    seed: run.scenario.seed,
    runId: run.runId,
    plannedRounds: run.record.rounds,
    score,
    measures: measuresOf(score),
    versions: run.versions,
    files,
  }
}

/** The score of a run from its events; measures that modules added are taken from its summary. */
function storedScore({ record, ledgers, custom }: StoredRun): RunScore {
  const score = scoreRecord(record, ledgers)
  return Object.keys(custom).length === 0 ? score : { ...score, custom }
}

/** Runs by variant, with intervals over seeds. Of two runs of the same variant and seed, the later path counts. */
export function summarise(
  name: string,
  command: string,
  runs: readonly RunSummary[],
): Omit<ScenarioSummary, 'assertions' | 'stage' | 'interrupted' | 'files'> {
  const groups = new Map<string, Map<number, RunSummary>>()
  for (const run of runs) {
    const key = variantKey(run)
    const seeds = groups.get(key) ?? new Map<number, RunSummary>()
    groups.set(key, seeds.set(run.seed, run))
  }
  const variants = [...groups].map(([key, seeds]) => variantSummary(key, [...seeds.values()]))
  variants.sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || (a.rule < b.rule ? -1 : 1))
  const rules = [...new Set(variants.filter(isDefended).map((variant) => variant.rule))]
  const undefended = bySeed(variants.find((variant) => variant.role === 'undefended'))
  const baseline = bySeed(variants.find((variant) => variant.role === 'baseline'))
  const balances = rules.map((rule) =>
    tradeoffOf({
      rule,
      metric: runs[0]?.score.metric,
      attacked: bySeed(variants.find((variant) => variant.role === 'attacked' && variant.rule === rule)),
      honest: bySeed(variants.find((variant) => variant.role === 'honest' && variant.rule === rule)),
      undefended,
      baseline,
    }),
  )
  return { kind: 'tempered/report', name, method: INTERVAL_METHOD, command, variants, balances }
}

/** The metric of a report's runs; all have the same task. */
export function metricOfRuns({ variants }: Pick<ScenarioSummary, 'variants'>): Metric {
  return variants[0]?.runs[0]?.score.metric ?? metricOf('accuracy')
}

/** Runs with the same role and rule are one variant. */
export function variantKey(run: Pick<RunSummary, 'role' | 'rule'>): string {
  return `${run.role}-${run.rule}`
}

export function isDefended(variant: { readonly role: Role }): boolean {
  return variant.role === 'attacked' || variant.role === 'honest'
}

export function isAttacked(variant: { readonly role: Role }): boolean {
  return variant.role === 'attacked' || variant.role === 'undefended'
}

function variantSummary(key: string, unordered: readonly RunSummary[]): VariantSummary {
  const runs = [...unordered].sort((a, b) => a.seed - b.seed)
  const { role, rule } = runs[0]!
  const names = measureNames().filter((name) => runs.some(({ measures }) => measures[name] !== undefined))
  const measures = Object.fromEntries(
    names.map((name) => [name, estimate(runs.map((run) => run.measures[name] ?? null))]),
  ) as Estimates
  return { key, role, rule, label: labelOf(role, rule, runs), runs, measures }
}

function labelOf(role: Role, rule: string, runs: readonly RunSummary[]): string {
  const defence = role === 'undefended' || role === 'baseline' ? 'plain averaging' : rule
  const cut = cutText(runs)
  return `${defence}, ${isAttacked({ role }) ? 'under attack' : 'no attackers'}${cut === undefined ? '' : ` (${cut})`}`
}

/** A sentence for all runs in which training diverged in the same way, or whose loss says that it does. */
export function divergences({ variants }: Pick<ScenarioSummary, 'variants'>): string[] {
  const runsOf = new Map<string, string[]>()
  for (const { label, role, runs } of variants) {
    for (const { seed, score } of runs) {
      const texts = [divergenceText(score.failed), highLossText(score.highLoss ?? [], isAttacked({ role }))]
      for (const text of texts)
        if (text !== undefined) runsOf.set(text, [...(runsOf.get(text) ?? []), `${label}, seed ${seed}`])
    }
  }
  return [...runsOf].map(([text, runs]) => `${runs.join('; ')}: ${text}.`)
}

/** Rounds after which runs were scored, e.g. `4 of 60 rounds`; undefined if all were scored after their last one. */
export function cutText(runs: readonly Pick<RunSummary, 'score'>[]): string | undefined {
  if (!runs.some(({ score }) => isCutShort(score))) return undefined
  const texts = [...new Set(runs.map(({ score }) => scoredRoundsText(score)))]
  return `${texts.join(' or ')} rounds`
}

function bySeed(variant: VariantSummary | undefined): BySeed | undefined {
  if (variant === undefined) return undefined
  return new Map(
    variant.runs.map((run) => [run.seed, { measures: run.measures, scoredRound: run.score.scoredRound }]),
  )
}
