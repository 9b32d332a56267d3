import { errorCode, errorMessage } from '@tempered/errors'
import { type Identity, type Logger, type NodeEvents, sleep, systemClock } from '@tempered/node'
import { createAccountSigner, type Evidence, type Run, type SignedHead } from '@tempered/protocol'
import type { Outbox, SettlementAgent } from '@tempered/settlement'
import type { NodeConfig } from '../config/node-config.js'
import { CliError } from '../errors.js'
import type { AccountKey } from './account-file.js'
import { loadSettlement } from './load-settlement.js'
import { configSettings, openPatiently, type SettlementSettings } from './open-settlement.js'

/** A node's identity that signs for its account too, in a run whose manifest names accounts. */
export function withAccount(identity: Identity, { manifest }: Run, key: AccountKey | undefined): Identity {
  const { settlement } = manifest
  if (settlement === undefined || key === undefined) return identity
  const account = createAccountSigner(Buffer.from(key.slice(2), 'hex'), settlement)
  return { ...identity, signer: { ...identity.signer, account } }
}

export interface NodeSettlement {
  /** The node's, which signs for its account as well. */
  readonly identity: Identity
  readonly events: Pick<NodeEvents, 'onHead' | 'onEvidence'>
  /** @param patiently whether to wait some seconds for pending transactions to be mined */
  close(patiently: boolean): Promise<void>
}

/**
 * Anchors a node's ledger heads and submits its evidence, in the background: rounds never wait for the chain. While the
 * RPC does not answer, requests are repeated.
 */
export async function attachSettlement(
  config: NodeConfig,
  run: Run,
  plain: Identity,
  logger: Logger,
): Promise<NodeSettlement | undefined> {
  if (config.settlement === undefined) return undefined
  const settings = await configSettings(config)
  const { settlement } = run.manifest
  if (settlement === undefined) {
    logger.warn({ component: 'settlement' }, 'settlement is off: the manifest of this run has no accounts')
    return undefined
  }
  checkPlace(config, settlement, settings)
  const { anchorEvery } = config.settlement
  const identity = withAccount(plain, run, settings.key)
  const position = run.memberIndex.get(identity.signer.peerId) ?? 0
  const { begun, ...rest } = beside(settings, anchorEvery, run, position, logger)
  // Permanent errors are reported before any training; an RPC that does not answer, or is slow, is not waited for.
  const limit = systemClock.deadline(START_MS)
  const late = new Promise<void>((resolve) =>
    limit.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([begun, late]).finally(() => limit.clear())
  return { identity, ...rest }
}

/** Throws CliError E_CONFIG for a run whose contracts are not those of the configuration. */
function checkPlace(
  { file }: NodeConfig,
  { chainId, contract }: NonNullable<Run['manifest']['settlement']>,
  { place }: SettlementSettings,
): void {
  if (place.chainId === chainId && place.contracts.slashing === contract) return
  throw new CliError(
    'E_CONFIG',
    `${file}, settlement: the run uses contract ${contract} on chain ${chainId}, but the configuration has ` +
      `${place.contracts.slashing} on chain ${place.chainId}; use the contracts of the run`,
    { file },
  )
}

function beside(
  settings: SettlementSettings,
  anchorEvery: number,
  run: Run,
  position: number,
  logger: Logger,
): Omit<NodeSettlement, 'identity'> & { readonly begun: Promise<void> } {
  const log = (level: 'info' | 'warn', what: string): void => logger[level]({ component: 'settlement' }, what)
  const stopping = new AbortController()
  const heads: SignedHead[] = []
  const evidence: Evidence[] = []
  let agent: SettlementAgent | undefined
  let outbox: Outbox | undefined
  /** Asks again until the RPC answers. */
  const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (errorCode(error) !== 'E_RPC' || stopping.signal.aborted) throw error
        log('warn', `${errorMessage(error)}; retrying`)
      }
      await sleep(systemClock, RETRY_MS, stopping.signal)
    }
  }
  const begin = async (): Promise<void> => {
    const opened = await openPatiently(settings, (what) => log('warn', what), stopping.signal)
    if (opened === undefined) return
    outbox = opened.outbox
    const { registeredRun, SettlementAgent: Agent } = await loadSettlement()
    const registered = await patiently(() => registeredRun(opened.client, run))
    if (registered === undefined)
      log(
        'warn',
        'this run is not in the RunRegistry, so ledger heads are not anchored; register it with `tempered settlement open-run`',
      )
    agent = new Agent({
      ...{ run, client: opened.client, outbox: opened.outbox, registered, anchorEvery, log },
      courtesyMs: position * COURTESY_MS,
      sleep: (ms, signal) => sleep(systemClock, ms, signal),
    })
    for (const one of evidence) agent.evidence(one)
    const newest = heads.at(-1)
    if (newest !== undefined) agent.head(newest)
  }
  const begun = begin()
  const beginning = begun.catch((error) => log('warn', `settlement is off: ${errorMessage(error)}`))
  return {
    begun,
    events: {
      onHead(head) {
        if (agent !== undefined) agent.head(head)
        // Only the newest matters once the chain is connected.
        else heads.splice(0, heads.length, head)
      },
      onEvidence(found) {
        if (agent !== undefined) agent.evidence(found)
        else evidence.push(found)
      },
    },
    async close(patiently) {
      if (patiently && agent !== undefined) {
        const limit = systemClock.deadline(LAST_MS)
        await Promise.race([
          agent.idle(),
          new Promise((resolve) => limit.signal.addEventListener('abort', resolve)),
        ])
        limit.clear()
      }
      stopping.abort()
      outbox?.close()
      await beginning
      agent?.close()
    },
  }
}

const RETRY_MS = 5_000
/** How long a node waits at its start for the RPC to say that it serves the right chain. */
const START_MS = 5_000
/** How long a node that is done waits for its last transactions. */
const LAST_MS = 30_000
/** How much longer each member waits than the one before it, so that not all submit the same evidence. */
const COURTESY_MS = 3_000
