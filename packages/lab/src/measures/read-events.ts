import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { RunEvent } from '../stage/run-event.js'
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

/** Reads `events.ndjson` line by line. A last line that was cut is left out, and so are kinds that nothing is made of. */
export async function readEvents(
  file: string,
  nodes: readonly RecordedNode[],
  rounds: number,
): Promise<StoredEvents> {
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
  /** Round under way: after the newest that anybody reported. */
  let underWay = 0
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    const event = parseEvent(line)
    if (event === undefined) continue
    const { elapsedMs } = event
    const incident = (
      at: readonly number[],
      text: string,
      round = underWay,
      kind = `${event.type}`,
    ): void => {
      incidents.push({ elapsedMs, kind, round: Math.min(round, rounds - 1), nodes: at, text })
    }
    switch (event.type) {
      case 'round':
        underWay = Math.max(underWay, event.report.round + 1)
        records[event.index]?.rounds.push({ report: event.report, elapsedMs })
        break
      case 'observed':
        observed.push(event)
        break
      case 'memory':
        residentBytes = (residentBytes ?? 0) + event.residentBytes
        break
      case 'failed':
        failed.push({ node: nameOf(event.index), code: event.code, message: event.message })
        incident([event.index], `${nameOf(event.index)} failed: ${event.code}: ${event.message}`)
        break
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
        const whom = byPeer.get(event.peer)?.name ?? event.peer
        const what = `${event.kind} in round ${event.round + 1}`
        incident([event.index], `${nameOf(event.index)} quarantined ${whom}: ${what}`)
        break
      }
      case 'fault':
      case 'fault-skipped': {
        const { action = { type: 'unnamed' } } = event as unknown as Partial<FaultEvent>
        const fault: FaultEvent = { type: event.type, action }
        const at = faultNodes(fault)
        const { type, at: planned } = fault.action
        if (event.type === 'fault' && (type === 'kill' || type === 'leave'))
          for (const node of at) gone.add(node)
        if (event.type === 'fault' && type === 'restart') for (const node of at) gone.delete(node)
        const text = faultEventText(fault, nameOf)
        const round = planned && planned - 1
        if (event.type === 'fault') incident(at, text, round, type)
        else incident(at, `${text} (not before the end)`, round)
        break
      }
      case 'stopped':
        stoppedAfter = event.lastRound ?? null
        incident([], `the run stopped: ${event.why ?? 'a stop condition holds'}`)
        break
    }
  }
  return { record: { records, failed, observed, residentBytes, gone: [...gone], stoppedAfter }, incidents }
}

function parseEvent(line: string): StoredEvent | undefined {
  try {
    const value = JSON.parse(line) as StoredEvent
    return typeof value === 'object' && value !== null && typeof value.type === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
