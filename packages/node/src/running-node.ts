import { type Evidence, type EvidenceKind, openEvidence, type Run, type SignedHead } from '@tempered/protocol'
import type { CommonChain, CommonChainEvents } from './chain/common-chain.js'
import { NodeError } from './errors.js'
import type { Accusations } from './evidence/accusations.js'
import type { Judgement } from './evidence/judge.js'
import type { BlobLookup } from './ledger/blob-folders.js'
import type { Logger } from './logger.js'
import type { RoundEngine } from './round/engine.js'
import type { RoundReport } from './round/report.js'
import type { Notice } from './round/state.js'
import type { NodeState } from './state/node-state.js'
import type { RunNetwork } from './transport/network.js'

export interface NodeEvents extends CommonChainEvents {
  /** The network is open; others can dial these multiaddrs. */
  onListening?(addresses: readonly string[]): void
  /** In a private run a model is about to be shared. Only experiments may use it: it must not leave the node. */
  onShare?(round: number, model: Float32Array): void
  /** The model of a round is on disk and about to be announced. */
  onPublished?(round: number, modelCid: string): void
  onRound?(report: RoundReport): void
  /** The rounds do not go as usual: nobody answers, a neighbour is given up, rounds are skipped … */
  onNotice?(notice: Notice): void
  /** Evidence of this or an earlier start; each piece once per process. */
  onEvidence?(evidence: Evidence): void
  /** The node has signed a head of its own ledger. */
  onHead?(head: SignedHead): void
  onQuarantine?(peer: string, round: number, kind: EvidenceKind): void
  onRefused?(peer: string, code: string, message: string): void
}

export interface TemperedNode {
  readonly peerId: string
  addresses(): readonly string[]
  /** Undefined in a run without a common chain. */
  readonly common: CommonChain | undefined
  /** Adds addresses of a member, as discovery does. */
  learnAddresses(peer: string, addresses: readonly string[]): void
  /** Cuts or restores the link to a peer; see `RunNetwork.setReachable`. */
  setReachable(peer: string, reachable: boolean): void
  /** The first round of this process: 0, or the one after the last ledger entry. */
  readonly firstRound: number
  /** Opens the network and runs the rounds; resolves when the run is over or the node was stopped. */
  run(): Promise<void>
  /**
   * Submits evidence with the blobs it needs: if it convicts, the offender is quarantined here and the evidence is
   * published. Throws what `openEvidence` throws for evidence that proves nothing. Call it while the node runs.
   */
  accuse(evidence: Uint8Array, blobs: BlobLookup): Promise<Judgement>
  /** Stops cleanly: a ledger write in progress is finished, connections are closed, the state folder is released. */
  stop(): Promise<void>
}

export interface RunningNodeComponents {
  readonly run: Run
  readonly accusations: Accusations
  readonly common: CommonChain | undefined
  readonly network: RunNetwork
  readonly engine: RoundEngine
  readonly state: NodeState
  readonly logger: Logger
}

export interface RunningNodeInit {
  readonly peerId: string
  /** Gets the code of the newest refusal between a peer and this node. */
  readonly refusals: Map<string, string>
  /** Keep serving models after the last round, until `stop`. */
  readonly stay: boolean
  /** Whether this process has closed a round of the run. */
  takesPart(): boolean
}

/** Starts and stops the parts of a node in order: network, rounds; accusations, rounds, network, state. */
export function createRunningNode(
  { run, accusations, common, network, engine, state, logger }: RunningNodeComponents,
  { peerId, refusals, stay, takesPart }: RunningNodeInit,
  events: NodeEvents,
): TemperedNode {
  let leave!: () => void
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    leave()
    stopping ??= (async () => {
      accusations.stop()
      await engine.stop()
      await network.stop()
      await state.close()
    })()
    return stopping
  }
  return {
    peerId,
    common,
    addresses: () => network.addresses(),
    learnAddresses: (peer, addresses) => network.learnAddresses(peer, addresses),
    setReachable: (peer, reachable) => network.setReachable(peer, reachable),
    firstRound: state.firstRound,
    accuse: async (bytes, blobs) => accusations.bring(openEvidence(bytes, run), blobs),
    async run() {
      let endForTwin!: (error: NodeError) => void
      const twin = new Promise<never>((_, reject) => {
        endForTwin = reject
      })
      twin.catch(() => undefined)
      try {
        await network.start({
          ...engine.handlers,
          refused(peer, code, message) {
            // Dialling continues, since a peer may come back with the right manifest; it is reported only once.
            if (refusals.get(peer) === code) return
            refusals.set(peer, code)
            logger.error({ peer, code }, message)
            events.onRefused?.(peer, code, message)
            // Another node has this node's key. Of two that have not begun both end; one that takes part goes on.
            if (peer === peerId && code === 'E_KEY' && !takesPart())
              endForTwin(new NodeError('E_KEY', message))
          },
        })
        logger.info({ addresses: network.addresses() }, 'listening')
        events.onListening?.(network.addresses())
        await Promise.race([engine.run(), twin])
        if (stay) await left
      } finally {
        await stop()
      }
    },
    stop,
  }
}
