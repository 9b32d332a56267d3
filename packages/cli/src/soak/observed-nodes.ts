import { join } from 'node:path'
import { type Clock, sleep, systemClock } from '@tempered/node'
import { askStatus } from '../operate/ask-status.js'
import type { StatusDocument } from '../operate/status-document.js'
import { endNode } from './end-node.js'
import type { SoakNodeRecord, SoakRecord } from './soak-checker.js'
import { type ProcessUse, processUse, type SoakNode, type StartConditions } from './soak-node.js'

/** The nodes of a soak with what they have shown of themselves. Nodes are named by their index. */
export interface ObservedNodes {
  start(k: number, conditions?: StartConditions): Promise<void>
  /** What a node says of itself; rejects when it does not run or answer. */
  status(k: number): Promise<StatusDocument>
  /** Resolves when the process of a node has closed a round; rejects when it ends before, or takes too long. */
  joined(k: number): Promise<void>
  /** Heads that a node has shown, the newest last. */
  shown(k: number): SoakNodeRecord['shown']
  /** Notes what each of the first nodes holds. */
  measure(when: 'before' | 'after', count: number): Promise<void>
  use(k: number): SoakNodeRecord['use']
  /** What the first nodes have dropped so far. */
  rejects(count: number): Promise<SoakRecord['rejects']>
  /** Ends all nodes, those by force that do not end by themselves, and says which those were. */
  stop(): Promise<string[]>
  /** Processes of any start that are still there. */
  left(): number[]
}

/** How long nodes may take to join after their start. */
export const JOIN_MS = 300_000
const POLL_MS = 200

export function observeNodes(
  nodes: readonly SoakNode[],
  signal: AbortSignal,
  clock: Clock = systemClock,
): ObservedNodes {
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
      const node = nodes[k]!
      const until = clock.monotonicMs() + JOIN_MS
      while (!signal.aborted) {
        if (!node.isRunning)
          throw new Error(
            `${node.name} ended by itself before it had closed a round (${await node.ended()}); last in its log: ${await node.lastWords()}`,
          )
        const found = await status(k).catch(() => undefined)
        if (found !== undefined && found.lastRound !== null) return
        if (clock.monotonicMs() >= until)
          throw new Error(
            `${node.name} has closed no round within ${JOIN_MS / 1000} s of its start; its log is ${node.folder}.log`,
          )
        await sleep(clock, POLL_MS, signal)
      }
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
      const findings = nodes.map((node) => {
        node.signal('SIGCONT')
        return endNode(clock, node, 'SIGTERM')
      })
      return (await Promise.all(findings)).filter((finding) => finding !== undefined)
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
