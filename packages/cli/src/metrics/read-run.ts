import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parse } from 'yaml'
import type { ClusterEvent, Observed } from '../cluster/cluster.js'
import { CliError } from '../errors.js'
import { faultText, stopText } from '../report/fault-text.js'
import type { FailedNode, NodeRecord, RecordedNode, RunRecord } from './run-record.js'
import type { LedgerCount } from './score.js'

/** A run as its folder has it. */
export interface StoredRun {
  readonly folder: string
  readonly record: RunRecord
  readonly ledgers: LedgerCount
  /** The resolved scenario, as text and as parsed; its shape is not checked beyond what `record` needs. */
  readonly scenarioText: string
  readonly scenario: StoredScenario
  readonly runId: string | null
  readonly versions: Readonly<Record<string, string>>
  /** Whatever else happened, in order: quarantines, faults, failures. */
  readonly incidents: readonly Incident[]
}

export interface StoredScenario {
  readonly name: string
  readonly seed: number
  /** What each attacker does, by index; placements are resolved. */
  readonly attackers?: Readonly<Record<number, string>>
  readonly [key: string]: unknown
}

export interface Incident {
  readonly elapsedMs: number
  readonly kind: string
  /** Round from 0 that the newest report before it told of; null before the first. */
  readonly round: number | null
  /** Nodes that it happened to, by index. */
  readonly nodes: readonly number[]
  /** What happened, in words. */
  readonly text: string
}

/** Files that make a folder a run folder. */
export const RUN_FILES = ['scenario.yaml', 'manifest.json', 'events.ndjson'] as const

/** Reads a run folder. Throws E_FILE when a file is missing or is not what it should be; says which. */
export async function readRun(folder: string): Promise<StoredRun> {
  const text = async (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((cause) => {
      throw new CliError('E_FILE', `${join(folder, name)}: cannot be read; is this a run folder?`, {}, cause)
    })
  const scenarioText = await text('scenario.yaml')
  const scenario = parseAs<StoredScenario>(join(folder, 'scenario.yaml'), () => parse(scenarioText))
  const manifestText = await text('manifest.json')
  const manifest = parseAs<StoredManifest>(join(folder, 'manifest.json'), () => JSON.parse(manifestText))
  const nodes = nodesOf(scenario, manifest)
  const events = await readEvents(join(folder, 'events.ndjson'), nodes)
  const summary = await readFile(join(folder, 'summary.json'), 'utf8').then(
    (json) => parseAs<{ ledgers?: LedgerCount }>(join(folder, 'summary.json'), () => JSON.parse(json)),
    () => ({}) as { ledgers?: LedgerCount },
  )
  return {
    folder,
    record: { rule: manifest.rule.name, rounds: manifest.training.rounds, nodes, ...events.record },
    ledgers: summary.ledgers ?? { checked: 0, valid: 0, bad: [] },
    scenarioText,
    scenario,
    runId: typeof scenario.run === 'string' ? scenario.run : null,
    versions: (scenario.versions ?? {}) as Record<string, string>,
    incidents: events.incidents,
  }
}

interface StoredManifest {
  readonly rule: { readonly name: string }
  readonly training: { readonly rounds: number }
  readonly members: readonly string[]
}

function parseAs<T>(file: string, read: () => unknown): T {
  try {
    const value = read()
    if (typeof value === 'object' && value !== null) return value as T
  } catch (cause) {
    throw new CliError('E_FILE', `${file}: ${cause instanceof Error ? cause.message : cause}`, {}, cause)
  }
  throw new CliError('E_FILE', `${file}: an object is expected`)
}

function nodesOf(scenario: StoredScenario, manifest: StoredManifest): RecordedNode[] {
  const width = Math.max(2, String(manifest.members.length - 1).length)
  return manifest.members.map((peer, index) => ({
    index,
    name: `node-${String(index).padStart(width, '0')}`,
    peer,
    attack: scenario.attackers?.[index] ?? null,
  }))
}

type StoredEvent = ClusterEvent & { elapsedMs: number }

async function readEvents(
  file: string,
  nodes: readonly RecordedNode[],
): Promise<{ record: Omit<RunRecord, 'rule' | 'rounds' | 'nodes'>; incidents: Incident[] }> {
  const records: NodeRecord[] = nodes.map(() => ({ rounds: [] }))
  const failed: FailedNode[] = []
  const observed: Observed[] = []
  const incidents: Incident[] = []
  let residentBytes: number | null = null
  let newest: number | null = null
  const byPeer = new Map(nodes.map((node) => [node.peer, node]))
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    const event = parseEvent(line)
    if (event === undefined) continue
    const { elapsedMs } = event
    const incident = (at: readonly number[], text: string): void => {
      incidents.push({ elapsedMs, kind: event.type, round: newest, nodes: at, text })
    }
    switch (event.type) {
      case 'round':
        newest = Math.max(newest ?? 0, event.report.round)
        records[event.index]?.rounds.push({ report: event.report, elapsedMs })
        break
      case 'observed':
        observed.push(event)
        break
      case 'memory':
        residentBytes = (residentBytes ?? 0) + event.residentBytes
        break
      case 'failed': {
        const node = nodes[event.index]?.name ?? `node ${event.index}`
        failed.push({ node, code: event.code, message: event.message })
        incident([event.index], `${node} failed: ${event.code}: ${event.message}`)
        break
      }
      case 'host-gone': {
        const how = event.signal ?? `exit code ${event.exitCode}`
        for (const node of event.nodes)
          failed.push({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` })
        incident(
          event.nodes.flatMap((name) => byName.get(name)?.index ?? []),
          `a process ended (${how}) with ${event.nodes.join(', ')}`,
        )
        break
      }
      case 'quarantine': {
        const who = nodes[event.index]?.name ?? `node ${event.index}`
        const whom = byPeer.get(event.peer)?.name ?? event.peer
        incident([event.index], `${who} quarantined ${whom}: ${event.kind} in round ${event.round + 1}`)
        break
      }
      case 'fault':
      case 'fault-skipped':
        incident(
          'node' in event.action ? [event.action.node] : [],
          `${event.type === 'fault-skipped' ? 'the run ended before: ' : ''}${faultText(event.action, (index) => nodes[index]?.name ?? `node ${index}`)}`,
        )
        break
      case 'stopped':
        incident([], stopText(event))
        break
    }
  }
  return { record: { records, failed, observed, residentBytes }, incidents }
}

/** An event, or undefined for a line that was cut when its writer was killed. */
function parseEvent(line: string): StoredEvent | undefined {
  try {
    const value = JSON.parse(line) as StoredEvent
    return typeof value === 'object' && value !== null && typeof value.type === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
