import { errorMessage } from '@tempered/errors'
import { type Identity, type Logger, type NodeEvents, sleep, systemClock } from '@tempered/node'
import { createAccountSigner, type Evidence, type Run, type SignedHead } from '@tempered/protocol'
import type { SettlementAgent } from '@tempered/settlement'
import type { AccountKey } from './account-file.js'
import { loadSettlement } from './load-settlement.js'
import { openPatiently, type SettlementSettings } from './open-settlement.js'

/** A node's identity that signs for its account too, in a run whose manifest names accounts. */
export function withAccount(identity: Identity, { manifest }: Run, key: AccountKey | undefined): Identity {
  const { settlement } = manifest
  if (settlement === undefined || key === undefined) return identity
  const account = createAccountSigner(Buffer.from(key.slice(2), 'hex'), settlement)
  return { ...identity, signer: { ...identity.signer, account } }
}

export interface NodeSettlement {
  readonly events: Pick<NodeEvents, 'onHead' | 'onEvidence'>
  close(): Promise<void>
}

/**
 * Has heads of a node anchored and its evidence brought to the chain, beside its rounds: a chain that is away is waited
 * for, and rounds never wait.
 */
export function attachSettlement(
  settings: SettlementSettings,
  anchorEvery: number,
  run: Run,
  position: number,
  logger: Logger,
): NodeSettlement {
  const log = (level: 'info' | 'warn', what: string): void => logger[level]({ component: 'settlement' }, what)
  const stopping = new AbortController()
  const heads: SignedHead[] = []
  const evidence: Evidence[] = []
  let agent: SettlementAgent | undefined
  const begin = async (): Promise<void> => {
    const opened = await openPatiently(settings, (what) => log('warn', what), stopping.signal)
    if (opened === undefined) return
    const { registeredRun, SettlementAgent: Agent } = await loadSettlement()
    const registered = await registeredRun(opened.client, run)
    if (registered === undefined)
      log('warn', 'this run is not in the RunRegistry, so no heads of its ledgers are anchored')
    agent = new Agent({
      ...{ run, client: opened.client, outbox: opened.outbox, registered, anchorEvery, log },
      courtesyMs: position * COURTESY_MS,
      sleep: (ms, signal) => sleep(systemClock, ms, signal),
    })
    for (const one of evidence) agent.evidence(one)
    const newest = heads.at(-1)
    if (newest !== undefined) agent.head(newest)
  }
  const beginning = begin().catch((error) => log('warn', `no settlement: ${errorMessage(error)}`))
  return {
    events: {
      onHead(head) {
        if (agent !== undefined) agent.head(head)
        // Only the newest is of interest once the chain is there.
        else heads.splice(0, heads.length, head)
      },
      onEvidence(found) {
        if (agent !== undefined) agent.evidence(found)
        else evidence.push(found)
      },
    },
    async close() {
      stopping.abort()
      await beginning
      await agent?.close()
    },
  }
}

/** What each member leaves to the one before it, so that not all bring the same evidence. */
const COURTESY_MS = 3_000
