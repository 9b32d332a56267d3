import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, LEDGER_FILE, sleep } from '@tempered/node'
import { endNode } from './end-node.js'
import type { SoakNode, StartConditions } from './soak-node.js'
import type { SoakFault, SoakFaultKind } from './soak-plan.js'

/** Fewer than a node needs for its files and connections. */
const FEW_DESCRIPTORS = 64
/** What a full disk lets a node append to its ledger before it refuses. */
const ROOM_BYTES = 24 * 1024
/** A node that has not reached its failpoint, or filled its disk, by then is killed. */
const REACH_MS = 60_000

export interface FaultParts {
  readonly clock: Clock
  start(conditions?: StartConditions): Promise<void>
  /** The node does not do what it must. */
  report(finding: string): void
}

/** Carries out a fault and starts the node again, if it has ended. */
export async function carryOut(
  node: SoakNode,
  fault: SoakFault,
  { clock, start, report }: FaultParts,
  signal: AbortSignal,
): Promise<void> {
  const wait = () => sleep(clock, fault.forMs, signal)
  const end = async (how: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const finding = await endNode(clock, node, how)
    if (finding !== undefined) report(finding)
  }
  /** Runs under conditions until it ends by itself, or for so long. */
  const runUnder = async (conditions: StartConditions, ms: number): Promise<void> => {
    await end('SIGTERM')
    await start(conditions)
    const over = new AbortController()
    const stop = (): void => over.abort()
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([node.ended(), sleep(clock, ms, over.signal)])
    signal.removeEventListener('abort', stop)
    stop()
    await end('SIGKILL')
  }
  if (fault.kind === 'freeze') {
    node.signal('SIGSTOP')
    await wait()
    node.signal('SIGCONT')
    return
  }
  const faults: Record<Exclude<SoakFaultKind, 'freeze'>, () => Promise<unknown>> = {
    kill: () => end('SIGKILL').then(wait),
    stop: () => end('SIGTERM').then(wait),
    failpoint: () => runUnder(fault.failpoint === undefined ? {} : { failpoint: fault.failpoint }, REACH_MS),
    descriptors: () => runUnder({ descriptors: FEW_DESCRIPTORS }, fault.forMs),
    async 'full-disk'() {
      const { size } = await stat(join(node.folder, 'state', LEDGER_FILE))
      await runUnder({ fileBytes: size + ROOM_BYTES }, REACH_MS)
    },
  }
  await faults[fault.kind]()
  await start()
}
