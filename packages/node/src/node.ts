import {
  accuseModel,
  type Evidence,
  type EvidenceKind,
  LIMITS,
  openEvidence,
  type Run,
} from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import { createRunRule } from './aggregate/run-rule.js'
import type { Clock } from './clock.js'
import { NodeError } from './errors.js'
import { type Accusations, createAccusations } from './evidence/accusations.js'
import type { Judgement } from './evidence/judge.js'
import { type Failpoints, noFailpoints } from './failpoints.js'
import type { Identity } from './identity-file.js'
import type { BlobLookup } from './ledger/blob-folders.js'
import type { Logger } from './logger.js'
import { createRoundEngine, type RoundEngine } from './round/engine.js'
import type { LocalTraining } from './round/local-training.js'
import { createPhaseTimer } from './round/phase-timer.js'
import type { ModelPublisher } from './round/publisher.js'
import type { RoundReport } from './round/report.js'
import { createRoundWork } from './round/round-work.js'
import { openFolderStores } from './state/folder-stores.js'
import { type NodeState, openNodeState } from './state/node-state.js'
import type { NodeStores } from './state/stores.js'
import { createCatchUp } from './sync/catch-up.js'
import { runTopology } from './topology.js'
import { manifestLayers } from './train/manifest-training.js'
import {
  createLibp2pNetwork,
  type Libp2pNetworkComponents,
  type Libp2pNetworkInit,
} from './transport/libp2p-network.js'
import type { RunNetwork } from './transport/network.js'
import { createWitnessing } from './witness/witnessing.js'

export interface NodeInit extends Omit<Libp2pNetworkInit, 'seed'> {
  readonly run: Run
  readonly identity: Identity
  /** Ledger, blobs and lock live here. Made when missing. */
  readonly stateFolder: string
  /** Parameters with which the run begins; must hash to the manifest's `initialCid`. */
  readonly initialParameters: Float32Array
  /** SHA-256 over a secret salt and the description of the node's data, for the ledger; null to commit to nothing. */
  readonly dataCommitment?: Uint8Array | null
  /** Rounds of own models to keep on disk. */
  readonly keepRounds: number
  /** Bytes that stored models may take up on disk; no limit when left out. */
  readonly diskBudgetBytes?: number | undefined
  /** Keep serving models after the last round, until `stop`. */
  readonly stay?: boolean
}

export interface NodeComponents {
  readonly training: LocalTraining
  readonly publisher: ModelPublisher
  readonly clock: Clock
  readonly logger: Logger
  /** The network to run over; libp2p unless another is given. */
  createNetwork?(
    parts: Libp2pNetworkComponents,
    makeLibp2p: (parts: Libp2pNetworkComponents) => RunNetwork,
  ): RunNetwork
  /** What the node aggregates with instead of the manifest's rule: for nodes that cheat, in experiments. */
  wrapRule?(rule: Rule): Rule
  /** Where the node keeps its state instead of its state folder; `createNode` takes it over and releases it. */
  readonly stores?: NodeStores
  /** Where a test may make the node die. */
  readonly failpoints?: Failpoints
}

export interface NodeEvents {
  /** The network is open; others can dial these multiaddrs. */
  onListening?(addresses: readonly string[]): void
  /** The model of a round is on disk and about to be announced. */
  onPublished?(round: number, modelCid: string): void
  onRound?(report: RoundReport): void
  onQuarantine?(peer: string, round: number, kind: EvidenceKind): void
  onRefused?(peer: string, code: string, message: string): void
}

export interface TemperedNode {
  readonly peerId: string
  addresses(): readonly string[]
  /** Tells the node where a member can be dialled, as discovery does. */
  learnAddresses(peer: string, addresses: readonly string[]): void
  /** Cuts the link to a peer, or mends it; see `RunNetwork.setReachable`. */
  setReachable(peer: string, reachable: boolean): void
  /** Round with which this process begins: 0, or the one after the last ledger entry. */
  readonly firstRound: number
  /** Opens the network and works the rounds; resolves when the run is over or the node was stopped. */
  run(): Promise<void>
  /**
   * Brings evidence that needs no more than these blobs: if it convicts, its offender is quarantined here and told to
   * everyone. Throws what `openEvidence` throws for evidence that proves nothing. Call it while the node runs.
   */
  accuse(evidence: Uint8Array, blobs: BlobLookup): Promise<Judgement>
  /** Stops cleanly: a ledger write in progress is finished, connections are closed, the state folder is let go. */
  stop(): Promise<void>
}

/** Opens the state of a node and puts its parts together. Throws NodeError, ProtocolError, RobustAggError. */
export async function createNode(
  components: NodeComponents,
  init: NodeInit,
  events: NodeEvents = {},
): Promise<TemperedNode> {
  const { clock, logger, failpoints = noFailpoints } = components
  const { run, identity, stateFolder } = init
  const { signer } = identity
  if (!run.memberIndex.has(signer.peerId)) {
    throw new NodeError(
      'E_NOT_A_MEMBER',
      `this node, ${signer.peerId}, is not among the members of run ${run.id}`,
    )
  }
  const topology = runTopology(run)
  const neighbours = topology.neighboursOf(signer.peerId)
  const { maxNeighbours } = run.manifest.limits
  if (neighbours.length > maxNeighbours) {
    throw new NodeError(
      'E_TOO_LARGE',
      `this node has ${neighbours.length} neighbours, the run allows ${maxNeighbours}`,
    )
  }
  const mixing = topology.mixingOf(signer.peerId)
  const runRule = createRunRule(run.manifest.rule)
  const rule = components.wrapRule?.(runRule) ?? runRule
  rule.checkNeighbourhood(neighbours.length)

  const state = await openNodeState(
    {
      run,
      signer,
      stores: components.stores ?? (await openFolderStores(stateFolder)),
      initialParameters: init.initialParameters,
      diskBudgetBytes: init.diskBudgetBytes,
    },
    logger,
  )
  const { ledger, blobs, witness, history, evidence, pending } = state
  const makeLibp2p = (parts: Libp2pNetworkComponents) =>
    createLibp2pNetwork(parts, { ...init, seed: identity.seed })
  const parts: Libp2pNetworkComponents = {
    run,
    signer,
    neighbours,
    local: {
      announcements: history.announcements,
      head: history.head,
      digests: witness.digests,
      evidence: () => evidence.all,
      blob: (cid) => blobs.get(cid),
      entries: (from) => ledger.entries(from, LIMITS.maxEntriesPerReply),
      finalHeads: witness.finalHeads,
      newestHead: witness.newestHead,
    },
    clock,
    logger: logger.child({ component: 'network' }),
  }
  const network = components.createNetwork?.(parts, makeLibp2p) ?? makeLibp2p(parts)
  const phases = createPhaseTimer(clock)
  const { training, publisher } = components
  const work = createRoundWork(
    { run, signer, training, publisher, rule, ledger, witness, blobs, history, clock, failpoints },
    phases,
    {
      mixing,
      parameters: state.parameters,
      pending,
      memory: runRule.usesMemory ? state.memory : undefined,
      initial: runRule.usesInitial ? init.initialParameters : undefined,
      dataCommitment: init.dataCommitment ?? null,
      keepRounds: init.keepRounds,
      layers: manifestLayers(run.manifest),
      neighboursOf: topology.neighboursOf,
    },
  )
  const witnessing = createWitnessing({
    run,
    self: signer.peerId,
    neighbours,
    witness,
    history,
    network,
    clock,
    logger: logger.child({ component: 'witness' }),
    failpoints,
    saveFinals: state.saveFinals,
  })
  const catchUp = createCatchUp({
    run,
    topology,
    network,
    clock,
    logger: logger.child({ component: 'sync' }),
    openLedgerCopy: state.openLedgerCopy,
  })
  /** Blobs have convinced this node: it quarantines the offender and tells the others. */
  const convict = (found: Evidence): void => {
    engine.convict(found)
    void network.publishEvidence(found)
  }
  const accusations = createAccusations({
    run,
    network,
    blobs,
    logger: logger.child({ component: 'evidence' }),
    onConvicted: convict,
  })
  const engine: RoundEngine = createRoundEngine(
    {
      run,
      network,
      work,
      witnessing,
      catchUp,
      phases,
      clock,
      logger: logger.child({ component: 'round' }),
      failpoints,
    },
    {
      neighbours,
      firstRound: state.firstRound,
      pending: pending !== undefined,
      ownLength: () => ledger.length,
      quarantined: evidence.all.map(({ offender }) => offender),
      onPublished: (round, modelCid) => events.onPublished?.(round, modelCid),
      onRound: (report) => events.onRound?.(report),
      onInvalidModel(announcement, bytes) {
        const accusation = accuseModel(announcement)
        blobs.pin(announcement.body.model.toString())
        blobs
          .put(bytes.slice())
          .then(() => convict(accusation))
          .catch((error) => logger.error({ err: error }, 'evidence could not be written'))
      },
      onAccusation: (accusation, from) => accusations.consider(accusation, from),
      onQuarantine(found) {
        evidence.record(found).catch((error) => logger.error({ err: error }, 'evidence could not be written'))
        events.onQuarantine?.(found.offender, found.round, found.kind)
      },
    },
  )
  return assemble({
    run,
    accusations,
    network,
    engine,
    state,
    peerId: signer.peerId,
    logger,
    events,
    stay: init.stay === true,
  })
}

interface NodeParts {
  readonly run: Run
  readonly accusations: Accusations
  readonly network: RunNetwork
  readonly engine: RoundEngine
  readonly state: NodeState
  readonly peerId: string
  readonly logger: Logger
  readonly events: NodeEvents
  readonly stay: boolean
}

function assemble({
  run,
  accusations,
  network,
  engine,
  state,
  peerId,
  logger,
  events,
  stay,
}: NodeParts): TemperedNode {
  const refusals = new Set<string>()
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
    addresses: () => network.addresses(),
    learnAddresses: (peer, addresses) => network.learnAddresses(peer, addresses),
    setReachable: (peer, reachable) => network.setReachable(peer, reachable),
    firstRound: state.firstRound,
    accuse: async (bytes, blobs) => accusations.bring(openEvidence(bytes, run), blobs),
    async run() {
      try {
        await network.start({
          ...engine.handlers,
          refused(peer, code, message) {
            // Dialling goes on, since a peer may come back with the right manifest; it is told once.
            if (refusals.has(`${peer} ${code}`)) return
            refusals.add(`${peer} ${code}`)
            logger.error({ peer, code }, message)
            events.onRefused?.(peer, code, message)
          },
        })
        logger.info({ addresses: network.addresses() }, 'listening')
        events.onListening?.(network.addresses())
        await engine.run()
        if (stay) await left
      } finally {
        await stop()
      }
    },
    stop,
  }
}
