import {
  allocateModel,
  createChainVerifier,
  decodeModel,
  documentCid,
  equalBytes,
  type FinalHead,
  firstNonFinite,
  isChangeBlock,
  type ModelBuffer,
  type Run,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.js'
import { RUN_RULES } from '../epochs/run-rules.js'
import { errorCode, errorMessage, NodeError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { NodeState } from '../state/node-state.js'
import type { RunNetwork } from '../transport/network.js'
import { medoid } from './medoid.js'

/** How a late node takes over the progress of its neighbours. */
export interface CatchUp {
  /**
   * Fetches and checks the ledgers of these neighbours, concurrently, and returns the one of their newest models that
   * is closest to the others; undefined when there is none. Never rejects because of a neighbour.
   */
  newestModel(peers: readonly string[]): Promise<ModelBuffer | undefined>
  stop(): void
}

export interface CatchUpInit {
  readonly run: Run
  readonly network: Pick<RunNetwork, 'fetchEntries' | 'fetchFinalHeads' | 'fetchModel'>
  readonly clock: Clock
  readonly logger: Logger
  /** Copies of neighbours' ledgers are kept, so that an interrupted catch-up continues where it stopped. */
  readonly openLedgerCopy: NodeState['openLedgerCopy']
}

/** Most models that are compared; more would not make the choice safer, but the start slower. */
const MAX_CANDIDATES = 8

export function createCatchUp(init: CatchUpInit): CatchUp {
  const { run, network, clock, logger, openLedgerCopy } = init
  const openedRun = run.viewOf(undefined) ?? run
  const controller = new AbortController()

  /** Fetches and checks what is missing of a neighbour's chain, and keeps it on disk; returns all entries' CIDs. */
  const fetchChain = async (peer: string, signal: AbortSignal) => {
    const verifier = createChainVerifier(openedRun, peer, RUN_RULES)
    const cids: CID[] = []
    const accept = (bytes: Uint8Array): void => {
      const entry = verifier.acceptBlock(bytes)
      if (entry !== undefined) cids.push(entry.cid)
    }
    const log = await openLedgerCopy(peer, accept)
    try {
      for (;;) {
        const entries = await network.fetchEntries(peer, verifier.length, signal)
        if (entries.length === 0) return { newest: verifier.last, cids }
        for (const bytes of entries) {
          // A copy that broke off between a change and the entry after it has that change already.
          if (isChangeBlock(bytes) && verifier.changes.some((known) => equalBytes(known.bytes, bytes)))
            continue
          accept(bytes)
          await log.append(documentCid(bytes), bytes)
        }
      }
    } finally {
      await log.close()
    }
  }

  /** Rejects a chain that is shorter than, or differs from, what a quorum of the members has signed. */
  const checkAgainstFinals = (peer: string, cids: readonly CID[], finals: readonly FinalHead[]): void => {
    for (const { author, height, entry } of finals.map(({ head }) => head.body)) {
      if (author === peer && !cids[height]?.equals(entry)) {
        throw new NodeError(
          'E_ROLLED_BACK',
          `its ledger of ${cids.length} entries does not have entry ${height + 1}, which is final`,
        )
      }
    }
  }

  const candidate = async (
    peer: string,
    finals: readonly FinalHead[],
    signal: AbortSignal,
  ): Promise<{ readonly round: number; readonly model: ModelBuffer } | undefined> => {
    try {
      const { newest, cids } = await fetchChain(peer, signal)
      checkAgainstFinals(peer, cids, finals)
      if (newest === undefined) return undefined
      const model = allocateModel(run.manifest.model.parameterCount)
      await network.fetchModel(peer, newest.body.aggregate.toString(), model.bytes, signal)
      const parameters = decodeModel(model.bytes, run.manifest.model.parameterCount)
      if (firstNonFinite(parameters) >= 0)
        throw new NodeError('E_NOT_FINITE', 'its newest model is not finite')
      return { round: newest.body.round, model }
    } catch (error) {
      logger.warn(
        { peer, code: errorCode(error) },
        `nothing to take over from this neighbour: ${errorMessage(error)}`,
      )
      return undefined
    }
  }

  return {
    async newestModel(peers) {
      const { signal, clear } = clock.deadline(run.manifest.deadlines.transferMs, controller.signal)
      try {
        const known = await Promise.all(
          peers.map((peer) => network.fetchFinalHeads(peer, signal).catch(() => [])),
        )
        const found = await Promise.all(peers.map((peer) => candidate(peer, known.flat(), signal)))
        const candidates = found
          .filter((one) => one !== undefined)
          .sort((a, b) => b.round - a.round)
          .slice(0, MAX_CANDIDATES)
        if (candidates.length === 0) return undefined
        const chosen = candidates[medoid(candidates.map(({ model }) => model.parameters))]!
        logger.info({ round: chosen.round, from: candidates.length }, 'starts from a model of the neighbours')
        return chosen.model
      } finally {
        clear()
      }
    },
    stop: () => controller.abort(new DOMException('stop', 'AbortError')),
  }
}
