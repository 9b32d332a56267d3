import { approvalOf, type ChangeMessage, openEvidence, type Run } from '@tempered/protocol'
import type { CommonChain } from './chain/common-chain.js'
import type { Membership } from './epochs/membership.js'
import { roundOfNextEpoch } from './epochs/next-epoch.js'
import { NodeError } from './errors.js'
import type { Accusations } from './evidence/accusations.js'
import type { Judgement } from './evidence/judge.js'
import type { BlobLookup } from './ledger/blob-folders.js'
import type { Logger } from './logger.js'
import type { NodeEvents } from './node-events.js'
import type { Activity } from './operate/activity.js'
import { type NodeStatus, nodeStatus } from './operate/node-status.js'
import type { RoundEngine, RoundsEnd } from './round/engine.js'
import type { NodeState } from './state/node-state.js'
import type { NetworkHandlers, RunNetwork } from './transport/network.js'

/** A node in one epoch of its run. */
export interface EpochNode extends Omit<TemperedNode, 'run' | 'membership'> {
  /** The run in this epoch. */
  readonly view: Run
  /** Where the node could be dialled when the rounds ended. */
  lastAddresses(): readonly string[]
  /** Neighbours that were there when the rounds ended. */
  liveNeighbours(): ReadonlySet<string>
  /** Opens the network and runs the rounds; resolves when the run is over, when the node was stopped, or with the next round when that is of another epoch. Then everything is closed. */
  run(): Promise<RoundsEnd>
}

export interface TemperedNode {
  readonly peerId: string
  addresses(): readonly string[]
  /** Undefined in a run without a common chain. */
  readonly common: CommonChain | undefined
  /** Adds addresses of a member that whoever runs this node knows. */
  learnAddresses(peer: string, addresses: readonly string[]): void
  /** Cuts or restores the link to a peer; see `RunNetwork.setReachable`. */
  setReachable(peer: string, reachable: boolean): void
  /** The first round of this process: 0, or the one after the last ledger entry. */
  readonly firstRound: number
  /** What the node does at this moment; costs no more than memory. */
  status(): NodeStatus
  /** Changes of the run: what is decided, what waits, and the node's own signature under it. */
  readonly membership: Membership
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

/** The largest change that goes by gossip with all signatures under it, in bytes. */
const MAX_GOSSIPED_BYTES = 48 * 1024

/** A change with all signatures under it, or, where those are too many for gossip, with this node's own. */
function signedPart(message: ChangeMessage, self: string): Uint8Array {
  if (message.bytes.byteLength <= MAX_GOSSIPED_BYTES) return message.bytes
  return (approvalOf(message, self) ?? message).bytes
}

export interface RunningNodeComponents {
  readonly run: Run
  readonly membership: Membership
  readonly accusations: Accusations
  readonly common: CommonChain | undefined
  readonly network: RunNetwork
  readonly engine: RoundEngine
  readonly state: NodeState
  readonly activity: Activity
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

/** Starts and stops the parts of a node in one epoch, in order: network, rounds; accusations, rounds, network. Its storage stays open. */
export function createRunningNode(
  { run, membership, accusations, common, network, engine, state, activity, logger }: RunningNodeComponents,
  { peerId, refusals, stay, takesPart }: RunningNodeInit,
  events: NodeEvents,
): EpochNode {
  let leave!: () => void
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  let stopping: Promise<void> | undefined
  let live: ReadonlySet<string> = new Set()
  let lastAddresses: readonly string[] = []
  /** Resolves when a decided change lets a node go on that is through. */
  const otherEpoch = (): Promise<RoundsEnd> =>
    new Promise((resolve) => {
      const round = Math.max(run.manifest.training.rounds, state.firstRound)
      const check = (): void => {
        const nextRound = roundOfNextEpoch(membership, run, round)
        if (nextRound !== undefined) resolve({ nextRound })
      }
      const end = membership.onNews(check)
      void left.then(end)
      check()
    })
  const stop = (): Promise<void> => {
    leave()
    stopping ??= (async () => {
      accusations.stop()
      tell()
      await membership.saved().catch(() => undefined)
      await engine.stop()
      await network.stop()
    })()
    return stopping
  }
  /** Tells the other members of what this node has signed, or has heard of elsewhere than by gossip. */
  const tell = membership.onNews((message, offer, via) => {
    if (via !== 'gossip' && stopping === undefined)
      network.publishChange(signedPart(message, peerId)).catch(() => undefined)
    if (offer === 'decided') engine.changed()
  })
  return {
    peerId,
    view: run,
    common,
    lastAddresses: () => lastAddresses,
    liveNeighbours: () => live,
    addresses: () => network.addresses(),
    learnAddresses: (peer, addresses) => network.learnAddresses(peer, addresses),
    setReachable: (peer, reachable) => network.setReachable(peer, reachable),
    firstRound: state.firstRound,
    status: () =>
      nodeStatus({
        ...{ peerId, run, membership, network, engine, state, activity },
        refusalOf: (peer) => refusals.get(peer),
      }),
    accuse: async (bytes, blobs) => accusations.bring(openEvidence(bytes, run), blobs),
    async run() {
      let endForTwin!: (error: NodeError) => void
      const twin = new Promise<never>((_, reject) => {
        endForTwin = reject
      })
      twin.catch(() => undefined)
      try {
        const handlers: NetworkHandlers = {
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
        }
        await network.start(activity.watchHandlers(handlers))
        logger.info({ addresses: network.addresses() }, 'listening')
        events.onListening?.(network.addresses())
        const end = await Promise.race([engine.run(), twin])
        lastAddresses = network.addresses()
        live = new Set([...engine.state.neighbours].flatMap(([peer, one]) => (one.live ? [peer] : [])))
        if (end.nextRound !== undefined || !stay) return end
        return await Promise.race([left.then(() => ({})), otherEpoch()])
      } finally {
        await stop()
      }
    },
    stop,
  }
}
