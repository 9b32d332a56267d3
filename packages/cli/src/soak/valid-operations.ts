import { join } from 'node:path'
import { fetchManifest, LEDGER_FILE, readIdentityFile, systemClock, verifyLedgerFile } from '@tempered/node'
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
  /** Entries that its ledger has been seen to have. */
  shownEntries(): number
  status(): Promise<unknown>
}

const OPERATION_MS = 12_000

/** Does what operators and members do. Rejects when it fails. */
export async function performValid(
  operation: ValidOperation,
  { node, next, port, isSteady, shownEntries, status }: ValidTarget,
): Promise<void> {
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
      await fetchManifest(
        identity,
        `/ip4/127.0.0.1/tcp/${port}`,
        systemClock,
        AbortSignal.timeout(OPERATION_MS),
      )
    },
  }
  await operations[operation]()
}

async function fetchText(url: string, expected = [200]): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(OPERATION_MS) })
  if (!expected.includes(response.status)) throw new Error(`${url}: ${response.status}`)
  return response.text()
}
