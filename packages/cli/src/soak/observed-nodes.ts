import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { askStatus } from '../operate/ask-status.js'
import type { StatusDocument } from '../operate/status-document.js'
import type { SoakNodeRecord, SoakRecord } from './soak-checker.js'
import { type ProcessUse, processUse, type SoakNode, type StartConditions } from './soak-node.js'

/** The nodes of a soak with what they have shown of themselves. Nodes are named by their index. */
export interface ObservedNodes {
  start(k: number, conditions?: StartConditions): Promise<void>
  /** What a node says of itself; rejects when it does not run or answer. */
  status(k: number): Promise<StatusDocument>
  /** Resolves when the process of a node has closed a round. */
  joined(k: number): Promise<void>
  /** Heads that a node has shown, the newest last. */
  shown(k: number): SoakNodeRecord['shown']
  /** Notes what each of the first nodes holds. */
  measure(when: 'before' | 'after', count: number): Promise<void>
  use(k: number): SoakNodeRecord['use']
  /** What the first nodes have dropped so far. */
  rejects(count: number): Promise<SoakRecord['rejects']>
  /** Ends all nodes, those by force that do not end by themselves. */
  stop(): Promise<void>
  /** Processes of any start that are still there. */
  left(): number[]
}

/** How long nodes may take to join after their start, and to stop. */
const JOIN_MS = 180_000
const STOP_MS = 30_000
const POLL_MS = 200

export function observeNodes(nodes: readonly SoakNode[], signal: AbortSignal): ObservedNodes {
  const pids = new Set<number>()
  const shown = nodes.map((): { entries: number; head: string }[] => [])
  const uses = { before: new Map<number, ProcessUse>(), after: new Map<number, ProcessUse>() }

  const status = async (k: number): Promise<StatusDocument> => {
    const found = await askStatus(join(nodes[k]!.folder, 'state'))
    if (found === undefined) throw new Error('it does not run')
    const { entries, head } = found.ledger
    if (entries > (shown[k]!.at(-1)?.entries ?? 0)) shown[k]!.push({ entries, head })
    return found
  }
  return {
    async start(k, conditions) {
      await nodes[k]!.start(conditions)
      const { pid } = nodes[k]!
      if (pid !== undefined) pids.add(pid)
    },
    status,
    async joined(k) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(JOIN_MS)])
      while (!limit.aborted) {
        const found = await status(k).catch(() => undefined)
        if (found !== undefined && found.lastRound !== null) return
        await pause(POLL_MS)
      }
      if (signal.aborted) return
      throw new Error(
        `${nodes[k]!.name} has closed no round within ${JOIN_MS / 1000} s of its start; its log is ${nodes[k]!.folder}.log`,
      )
    },
    shown: (k) => shown[k]!,
    async measure(when, count) {
      for (let k = 0; k < count; k++) {
        const { pid } = nodes[k]!
        const use = pid === undefined ? undefined : await processUse(pid)
        if (use !== undefined) uses[when].set(k, use)
      }
    },
    use(k) {
      const [before, after] = [uses.before.get(k), uses.after.get(k)]
      return before === undefined || after === undefined ? undefined : { before, after }
    },
    async rejects(count) {
      const sums = new Map<string, { kind: string; code: string; count: number }>()
      for (let k = 0; k < count; k++) {
        const found = await status(k).catch(() => undefined)
        for (const reject of found?.guard?.rejects ?? []) {
          const name = `${reject.kind} ${reject.code}`
          sums.set(name, { ...reject, count: (sums.get(name)?.count ?? 0) + reject.count })
        }
      }
      return [...sums.values()]
    },
    async stop() {
      for (const node of nodes) {
        node.signal('SIGCONT')
        node.signal('SIGTERM')
      }
      await Promise.race([Promise.all(nodes.map((node) => node.ended())), pause(STOP_MS)])
      for (const node of nodes) node.signal('SIGKILL')
      await Promise.all(nodes.map((node) => node.ended()))
    },
    left: () => [...pids].filter(isAlive),
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
