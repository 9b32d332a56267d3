import { dirname, join, relative, resolve } from 'node:path'
import { versions } from '@tempered/lab'
import { type Consensus, casesOf, consensusSchema } from '@tempered/lab/averaging'
import { loadDocument, loadKind } from '@tempered/lab/documents'
import { mean } from '@tempered/lab/measures'
import { prepareModules } from '@tempered/lab/plugins'
import { writeFileAtomic } from '@tempered/node'
import { createTopology } from '@tempered/robust-agg/topology'
import { makeFolder } from '@tempered/train'
import { CliError } from '../errors.js'
import { warnOfParts } from '../terminal/parts-warning.js'
import { foldedTable, widthOf } from '../terminal/table.js'

export interface LabConsensusOptions {
  readonly out?: string
  readonly seeds?: number[]
  readonly rounds?: number
  readonly json?: boolean
}

interface CaseResult {
  readonly rule: string
  readonly attack: string
  readonly topology: string
  readonly seed: number
  /** After the start and after each round. */
  readonly error: readonly number[]
  readonly disagreement: readonly number[]
}

/** `tempered lab consensus`: averaging under attack, without data. Throws E_FILE, E_CONFIG. */
export async function labConsensus(file: string, options: LabConsensusOptions): Promise<void> {
  const consensus = withOptions(
    await loadKind('consensus', file, () =>
      loadDocument(file, consensusSchema, { prepare: prepareModules(dirname(file)) }),
    ),
    options,
  )
  for (const { name, params, edges, nodes, label = name } of consensus.topologies)
    warnOfParts(createTopology({ name, params, edges }, nodes, consensus.seeds[0]!), `${label}: `)
  const results = casesIn(consensus, file).map(({ rule, attack, topology, seed, run }) => {
    const rounds = run()
    const result: CaseResult = {
      rule,
      attack,
      topology,
      seed,
      error: rounds.map(({ error }) => error),
      disagreement: rounds.map(({ disagreement }) => disagreement),
    }
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    return result
  })
  const path = resolve(options.out ?? join('runs', consensus.name))
  await makeFolder(path)
  const { after } = consensus
  await writeFileAtomic(
    join(path, 'consensus.json'),
    `${JSON.stringify({ consensus, versions: versions(), results }, null, 1)}\n`,
  )
  const out = options.json ? process.stderr : process.stdout
  const rows = groupsOf(results).map((group) => [
    group[0]!.topology,
    group[0]!.attack,
    group[0]!.rule,
    ...after.map((round) => figure(mean(group.map(({ error }) => error[round]!)))),
    figure(mean(group.map(({ disagreement }) => disagreement.at(-1)!))),
  ])
  const head = [
    'topology',
    'attack',
    'rule',
    ...after.map((round) => `error after ${round}`),
    'disagreement at the end',
  ]
  const columns = new Set(head.map((_, k) => k).slice(3))
  out.write(
    `${foldedTable([head, ...rows], columns, widthOf(out), 3).join('\n')}\n\nmean over seeds of the mean squared distance from the honest mean at ` +
      `the start; results: ${relative('.', join(path, 'consensus.json'))}\n`,
  )
}

function withOptions(consensus: Consensus, { seeds, rounds }: LabConsensusOptions): Consensus {
  if (rounds === undefined) return { ...consensus, seeds: seeds ?? consensus.seeds }
  const after = [...new Set(consensus.after.map((round) => Math.min(round, rounds)))]
  return { ...consensus, rounds, after, seeds: seeds ?? consensus.seeds }
}

function casesIn(consensus: Consensus, file: string): ReturnType<typeof casesOf> {
  try {
    return casesOf(consensus)
  } catch (error) {
    throw new CliError('E_CONFIG', `${file}: ${(error as Error).message}`, { file }, error)
  }
}

/** Groups the seeds of each row. */
function groupsOf(results: readonly CaseResult[]): CaseResult[][] {
  const groups = new Map<string, CaseResult[]>()
  for (const result of results) {
    const key = JSON.stringify([result.topology, result.attack, result.rule])
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  return [...groups.values()]
}

function figure(value: number | null): string {
  if (value === null) return '–'
  return value !== 0 && (value < 1e-3 || value >= 1e6) ? value.toExponential(2) : value.toFixed(4)
}
