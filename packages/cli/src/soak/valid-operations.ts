import { join } from 'node:path'
import {
  errorCode,
  fetchManifest,
  LEDGER_FILE,
  readIdentityFile,
  sleep,
  systemClock,
  verifyLedgerFile,
} from '@tempered/node'
import type { SoakNode } from './soak-node.js'
import type { ValidOperation } from './soak-plan.js'

export interface ValidTarget {
  readonly node: SoakNode
  /** Another node, whose key a question is asked with. */
  readonly next: SoakNode
  /** Where the node listens on 127.0.0.1. */
  readonly port: number
  /** Never disturbed. */
  readonly isSteady: boolean
  /** Whether something happens to it, or has happened since the operation began. */
  isDisturbed(): boolean
  /** Entries that its ledger has been seen to have. */
  shownEntries(): number
  status(): Promise<unknown>
}

const OPERATION_MS = 12_000
/** A busy machine may keep a node from answering in time. One that has not answered for so long does not answer. */
const PATIENCE_MS = 90_000
const AGAIN_MS = 1_000

/** Does what operators and members do. Rejects when it fails. */
export async function performValid(operation: ValidOperation, target: ValidTarget): Promise<void> {
  const { node, next, port, isSteady, shownEntries, status } = target
  const operations: Record<ValidOperation, () => Promise<unknown>> = {
    status,
    // It looks back a minute, so that a node that was frozen says so for a while.
    ready: () => fetchText(`http://127.0.0.1:${node.metricsPort}/healthz`, isSteady ? [200] : [200, 503]),
    metrics: () => fetchText(`http://127.0.0.1:${node.metricsPort}/metrics`),
    async verify() {
      const known = shownEntries()
      const verdict = await verifyLedgerFile(join(node.folder, 'state', LEDGER_FILE))
      // It is appended to meanwhile, so its last entry may be half there.
      if (!verdict.ok && verdict.entry < known) throw new Error(verdict.message)
    },
    // As doctor and newcomers ask, with the key of a member.
    async manifest() {
      const identity = await readIdentityFile(join(next.folder, 'identity.key'))
      const limit = systemClock.deadline(OPERATION_MS)
      const asked = fetchManifest(identity, `/ip4/127.0.0.1/tcp/${port}`, systemClock, limit.signal)
      await asked.finally(limit.clear)
    },
  }
  const until = systemClock.monotonicMs() + PATIENCE_MS
  for (;;) {
    try {
      await operations[operation]()
      return
    } catch (error) {
      if (!isLate(error) || target.isDisturbed() || systemClock.monotonicMs() >= until) throw error
    }
    await sleep(systemClock, AGAIN_MS)
  }
}

class Unhealthy extends Error {}

/** Whether it may be for lack of time alone. */
function isLate(error: unknown): boolean {
  return (
    error instanceof Unhealthy ||
    (error as Error).name === 'TimeoutError' ||
    ['E_TIMEOUT', 'E_NO_ANSWER', 'E_NO_CONNECTION'].includes(errorCode(error))
  )
}

async function fetchText(url: string, expected = [200]): Promise<string> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(OPERATION_MS),
    // One that was kept open may be closed by the server at the moment when it is used again.
    headers: { connection: 'close' },
  })
  const text = await response.text()
  if (expected.includes(response.status)) return text
  if (response.status === 503) throw new Unhealthy(`${url}: ${text.trim()}`)
  // A request that was on its way for longer than the server waits, as on a machine that is overloaded.
  if (response.status === 408) throw new Unhealthy(`${url}: 408`)
  throw new Error(`${url}: ${response.status}`)
}
