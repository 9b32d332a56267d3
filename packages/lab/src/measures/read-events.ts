import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { failureOf } from '../events/node-failure.js'
import type { RunEvent } from '../events/run-event.js'
import { type FaultEvent, faultEventText, faultNodes } from './fault-events.js'
import type { Incident } from './incident.js'
import type { FailedNode, NodeRecord, Observed, RecordedNode, RunRecord } from './run-record.js'

interface StoppedEvent {
  readonly type: 'stopped'
  readonly lastRound?: number | null
  readonly why?: string
}

type StoredEvent = (RunEvent | FaultEvent | StoppedEvent) & { readonly elapsedMs: number }

export interface StoredEvents {
  readonly record: Omit<RunRecord, 'rule' | 'weighsAll' | 'rounds' | 'nodes'>
  readonly incidents: readonly Incident[]
}

/** Reads `events.ndjson` line by line. Skips a truncated last line, and events of types that are not used. */
export async function readEvents(
  file: string,
  nodes: readonly RecordedNode[],
  rounds: number,
): Promise<StoredEvents> {
  const collector = createCollector(nodes, rounds)
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    const event = parseEvent(line)
    if (event === undefined) continue
    collector.count(event)
    collector.note(event)
  }
  return collector.result()
}

/** Collects a run's events: what is counted, and what is noted as an incident. */
function createCollector(nodes: readonly RecordedNode[], rounds: number) {
  const records: NodeRecord[] = nodes.map(() => ({ rounds: [] }))
  const failed: FailedNode[] = []
  const observed: Observed[] = []
  const incidents: Incident[] = []
  const gone = new Set<number>()
  const byPeer = new Map(nodes.map((node) => [node.peer, node]))
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const nameOf = (index: number): string => nodes[index]?.name ?? `node ${index}`
  let residentBytes: number | null = null
  let stoppedAfter: number | null = null
  /** Round in progress: after the newest that any node reported. */
  let current = 0

  const noteFault = (event: StoredEvent & FaultEvent, add: AddIncident): void => {
    const { action = { type: 'unnamed' } } = event as Partial<FaultEvent>
    const fault: FaultEvent = { type: event.type, action }
    const { type, at: planned } = action
    const round = planned && planned - 1
    const text = faultEventText(fault, nameOf)
    const at = faultNodes(fault)
    if (event.type === 'fault-skipped') {
      add(at, `${text} (not before the end)`, round)
      return
    }
    add(at, text, round, type)
    for (const node of at) {
      if (type === 'kill' || type === 'leave') gone.add(node)
      if (type === 'restart') gone.delete(node)
    }
  }

  return {
    count(event: StoredEvent): void {
      if (event.type === 'round') {
        current = Math.max(current, event.report.round + 1)
        records[event.index]?.rounds.push({ report: event.report, elapsedMs: event.elapsedMs })
      } else if (event.type === 'observed') observed.push(event)
      else if (event.type === 'memory') residentBytes = (residentBytes ?? 0) + event.residentBytes
      else if (event.type === 'stopped') stoppedAfter = event.lastRound ?? null
    },
    note(event: StoredEvent): void {
      const add: AddIncident = (at, text, round = current, kind = `${event.type}`) => {
        const { elapsedMs } = event
        incidents.push({ elapsedMs, kind, round: Math.min(round, rounds - 1), nodes: at, text })
      }
      switch (event.type) {
        case 'failed':
          failed.push(failureOf(nameOf(event.index), event))
          add([event.index], `${nameOf(event.index)} failed: ${event.code}: ${event.message}`)
          break
        case 'host-gone': {
          const how = event.signal ?? `exit code ${event.exitCode}`
          for (const node of event.nodes)
            failed.push({ node, code: 'E_HOST_PROCESS', message: `its process ended (${how})` })
          add(
            event.nodes.flatMap((name) => byName.get(name)?.index ?? []),
            `a process ended (${how}) with ${event.nodes.join(', ')}`,
          )
          break
        }
        case 'trainer':
          add([event.index], `trainer of ${nameOf(event.index)}: ${event.message}`)
          break
        case 'quarantine': {
          const whom = byPeer.get(event.peer)?.name ?? event.peer
          const what = `${event.kind} in round ${event.round + 1}`
          add([event.index], `${nameOf(event.index)} quarantined ${whom}: ${what}`)
          break
        }
        case 'fault':
        case 'fault-skipped':
          noteFault(event as StoredEvent & FaultEvent, add)
          break
        case 'stopped':
          add([], `the run stopped: ${event.why ?? 'a stop condition holds'}`)
          break
      }
    },
    result: (): StoredEvents => ({
      record: { records, failed, observed, residentBytes, gone: [...gone], stoppedAfter },
      incidents,
    }),
  }
}

type AddIncident = (at: readonly number[], text: string, round?: number, kind?: string) => void

function parseEvent(line: string): StoredEvent | undefined {
  try {
    const value = JSON.parse(line) as StoredEvent
    return typeof value === 'object' && value !== null && typeof value.type === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
