import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { LabError } from '../errors.js'
import { ruleText } from '../text/rule-text.js'
import { describeMeasure } from './catalogue.js'
import { weighsAll } from './filter-quality.js'
import type { Incident } from './incident.js'
import type { CustomMeasure } from './measure-info.js'
import { readEvents } from './read-events.js'
import { readLabels } from './read-labels.js'
import type { RecordedNode, RunRecord } from './run-record.js'
import type { LedgerCount, RunScore } from './run-score.js'
import { taskFactsOf } from './task-facts.js'

/** A run as stored in its folder. */
export interface StoredRun {
  readonly folder: string
  readonly record: RunRecord
  readonly ledgers: LedgerCount
  /** Measures that modules added to the run, as stored in its summary. Their code is not run again. */
  readonly custom: Readonly<Record<string, CustomMeasure>>
  /** The resolved scenario, as text and as parsed; its shape is not checked beyond what `record` needs. */
  readonly scenarioText: string
  readonly scenario: StoredScenario
  /** The rule with its pre-aggregators, as named in reports. */
  readonly ruleTitle: string
  /** Whether its rule is plain averaging with nothing before it: no defence. */
  readonly isPlain: boolean
  readonly runId: string | null
  readonly versions: Readonly<Record<string, string>>
  /** Everything else that happened, in order: quarantines, faults, failures. */
  readonly incidents: readonly Incident[]
  /** Samples of each class that each node was dealt, by node index; null in folders that do not contain them. */
  readonly labels: readonly (readonly number[])[] | null
}

export interface StoredScenario {
  readonly name: string
  readonly seed: number
  readonly adversaries?: readonly {
    readonly nodes?: readonly number[]
    readonly attack: { readonly name: string }
    readonly from?: number
    readonly to?: number
  }[]
  /** The attackers as drawn in the plan. */
  readonly attackers?: readonly {
    readonly node: number
    readonly attack: string
    /** First and last round of the attack, from 1; folders of older versions do not contain them. */
    readonly from?: number
    readonly to?: number
  }[]
  readonly [key: string]: unknown
}

/** Files that make a folder a run folder. */
export const RUN_FILES = ['scenario.yaml', 'manifest.json', 'events.ndjson'] as const

/** Reads a run folder. Throws E_FILE, with the path, when a file is missing or malformed. */
export async function readRun(folder: string): Promise<StoredRun> {
  const text = async (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((cause) => {
      throw new LabError('E_FILE', `${join(folder, name)}: cannot be read; is this a run folder?`, {}, cause)
    })
  const scenarioText = await text('scenario.yaml')
  const scenario = parseAs<StoredScenario>(join(folder, 'scenario.yaml'), () => parse(scenarioText))
  const manifestText = await text('manifest.json')
  const manifest = parseAs<StoredManifest>(join(folder, 'manifest.json'), () => JSON.parse(manifestText))
  const nodes = nodesOf(scenario, manifest)
  const { rounds } = manifest.training
  const events = await readEvents(join(folder, 'events.ndjson'), nodes, rounds)
  const summary = await readFile(join(folder, 'summary.json'), 'utf8').then(
    (json) => parseAs<StoredSummary>(join(folder, 'summary.json'), () => JSON.parse(json)),
    (): StoredSummary => ({}),
  )
  return {
    folder,
    record: {
      rule: manifest.rule.name,
      weighsAll: weighsAll(manifest.rule, manifest.privacy),
      rounds,
      taskFacts: taskFactsOf(manifest.task),
      nodes,
      ...events.record,
    },
    ruleTitle: ruleText(manifest.rule, manifest.privacy),
    isPlain:
      manifest.privacy === undefined &&
      manifest.rule.name === 'average' &&
      (manifest.rule.pre ?? []).length === 0,
    ledgers: summary.ledgers ?? { checked: 0, valid: 0, bad: [] },
    custom: customOf(summary),
    scenarioText,
    scenario,
    runId: typeof scenario.run === 'string' ? scenario.run : null,
    versions: (scenario.versions ?? {}) as Record<string, string>,
    incidents: events.incidents,
    labels: await readLabels(folder, nodes),
  }
}

type StoredSummary = Partial<Pick<RunScore, 'ledgers' | 'custom'>>

interface StoredManifest {
  readonly rule: { readonly name: string; readonly pre?: readonly { readonly name: string }[] }
  readonly task?: unknown
  readonly privacy?: { readonly rule?: { readonly name: string } }
  readonly training: { readonly rounds: number }
  readonly members: readonly string[]
}

/** The added measures that can be shown. Registers their names in this process. */
function customOf({ custom = {} }: StoredSummary): Readonly<Record<string, CustomMeasure>> {
  const known = Object.entries(custom).filter(([name, measure]) => describeMeasure(name, measure))
  return Object.fromEntries(known)
}

function parseAs<T>(file: string, read: () => unknown): T {
  try {
    const value = read()
    if (typeof value === 'object' && value !== null) return value as T
  } catch (cause) {
    throw new LabError('E_FILE', `${file}: ${cause instanceof Error ? cause.message : cause}`, {}, cause)
  }
  throw new LabError('E_FILE', `${file}: expected an object`)
}

function nodesOf(scenario: StoredScenario, manifest: StoredManifest): RecordedNode[] {
  const { rounds } = manifest.training
  const attacks = new Map<number, Pick<RecordedNode, 'attack' | 'attackRounds'>>()
  const add = (index: number, attack: string, from = 1, to = rounds): void =>
    void attacks.set(index, { attack, attackRounds: [from - 1, to - 1] })
  const { adversaries = [], attackers = [] } = scenario
  for (const { nodes, attack, from, to } of adversaries)
    for (const index of nodes ?? []) add(index, attack.name, from, to)
  for (const { node, attack, ...window } of attackers) {
    // Folders of older versions list the drawn attackers but not their rounds, which are in the entry.
    const hasWindow = window.from !== undefined
    if (!hasWindow && attacks.get(node)?.attack === attack) continue
    const { from, to } = hasWindow
      ? window
      : (adversaries.find((entry) => entry.attack.name === attack) ?? {})
    add(node, attack, from, to)
  }
  const width = Math.max(2, String(manifest.members.length - 1).length)
  return manifest.members.map((peer, index) => ({
    index,
    name: `node-${String(index).padStart(width, '0')}`,
    peer,
    ...(attacks.get(index) ?? { attack: null, attackRounds: null }),
  }))
}
