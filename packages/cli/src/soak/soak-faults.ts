import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { LEDGER_FILE } from '@tempered/node'
import type { SoakNode, StartConditions } from './soak-node.js'
import type { SoakFault, SoakFaultKind } from './soak-plan.js'

/** Fewer than a node needs for its files and connections. */
const FEW_DESCRIPTORS = 64
/** What a full disk lets a node append to its ledger before it refuses. */
const ROOM_BYTES = 24 * 1024
/** A node that has not reached its failpoint, or filled its disk, by then is killed. */
const REACH_MS = 60_000

/** Carries out a fault and starts the node again, if it has ended. */
export async function carryOut(
  node: SoakNode,
  fault: SoakFault,
  start: (conditions?: StartConditions) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const wait = () => pause(fault.forMs, undefined, { signal }).catch(() => undefined)
  const end = async (how: NodeJS.Signals): Promise<void> => {
    node.signal(how)
    await node.ended()
  }
  /** Runs under conditions until it ends by itself, or for so long. */
  const runUnder = async (conditions: StartConditions, ms: number): Promise<void> => {
    await end('SIGTERM')
    await start(conditions)
    await Promise.race([node.ended(), pause(ms, undefined, { signal }).catch(() => undefined)])
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
