import type { OpenChain } from '@tempered/chain'
import { counted } from '@tempered/errors'
import type { Run, Signer } from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import { createRunRule } from './aggregate/run-rule.js'
import { runChain } from './chain/chain-run.js'
import type { CommonChainEvents } from './chain/common-chain.js'
import type { CreateMiner } from './chain/miner.js'
import { openAgreement } from './chain/open-agreement.js'
import type { Clock } from './clock.js'
import { checkNoisyRule } from './differential-privacy/privacy-spent.js'
import { NodeError } from './errors.js'
import { createConvictions } from './evidence/convictions.js'
import { type Failpoints, noFailpoints } from './failpoints.js'
import type { Identity } from './identity-file.js'
import type { Logger } from './logger.js'
import type { NodeEvents } from './node-events.js'
import { createActivity } from './operate/activity.js'
import { withoutOwnFetches } from './private/held-models.js'
import type { ModelSharing } from './private/model-sharing.js'
import { openSharing } from './private/open-sharing.js'
import type { PrivateDeviation } from './private/private-deviation.js'
import { createRoundEngine, type RoundEngine } from './round/engine.js'
import type { LocalTraining } from './round/local-training.js'
import { manifestLayers } from './round/manifest-training.js'
import { createPhaseTimer, type PhaseTimer } from './round/phase-timer.js'
import type { ModelPublisher } from './round/publisher.js'
import { createRoundWork, type RoundWork } from './round/round-work.js'
import { createRunningNode, type TemperedNode } from './running-node.js'
import { openFolderStores } from './state/folder-stores.js'
import { createLocalSource } from './state/local-source.js'
import { type NodeState, openNodeState } from './state/node-state.js'
import type { NodeStores } from './state/stores.js'
import { createCatchUp } from './sync/catch-up.js'
import { type RunTopology, runTopology } from './topology.js'
import {
  createLibp2pNetwork,
  type Libp2pNetworkComponents,
  type Libp2pNetworkInit,
} from './transport/libp2p-network.js'
import type { RunNetwork } from './transport/network.js'
import { createWitnessing, type Witnessing, type WitnessingComponents } from './witness/witnessing.js'

export interface NodeInit extends Omit<Libp2pNetworkInit, 'seed'> {
  readonly run: Run
  readonly identity: Identity
  /** Contains ledger, blobs and lock. Created if missing. */
  readonly stateFolder: string
  /** Parameters with which the run begins; must hash to the manifest's `initialCid`. */
  readonly initialParameters: Float32Array
  /** SHA-256 over a secret salt and the description of the node's data, for the ledger; null to commit to nothing. */
  readonly dataCommitment?: Uint8Array | null
  /** How many rounds of the node's own models are kept on disk. */
  readonly keepRounds: number
  /** Bytes that stored models may take up on disk; default: no limit. */
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
  /** Replaces the manifest's rule, for Byzantine nodes in experiments. */
  wrapRule?(rule: Rule): Rule
  /** Replaces the architecture of the run's common chain, for Byzantine nodes in experiments. */
  wrapChain?(chain: OpenChain): OpenChain
  /** Where the node keeps its state instead of its state folder; `createNode` takes it over and releases it. */
  readonly stores?: NodeStores
  /** Whether heads of other members are co-signed; default true. Not where no head can become final, as in simulations. */
  readonly coSigns?: boolean
  /** What mines in runs whose chain asks for it; default: this thread. */
  readonly createMiner?: CreateMiner | undefined
  /** How long a round may go without a block of the common chain; default: for ever, as members may come back. */
  readonly agreementLimitMs?: number | undefined
  /** What a Byzantine node in an experiment does otherwise in private rounds. */
  readonly privateDeviation?: PrivateDeviation | undefined
  /** Points at which a test may kill the node. */
  readonly failpoints?: Failpoints
}

/** Opens the state of a node and puts its parts together. Throws NodeError, ProtocolError, RobustAggError. */
export async function createNode(
  components: NodeComponents,
  init: NodeInit,
  given: NodeEvents = {},
): Promise<TemperedNode> {
  const { clock, logger, failpoints = noFailpoints } = components
  const { run, identity } = init
  const { signer } = identity
  const topology = runTopology(run)
  const neighbours = checkedNeighbours(run, topology, signer)
  checkAccount(run, signer)
  const activity = createActivity(clock, neighbours)
  const events = activity.watchEvents(given)
  const runRule = createRunRule(run.manifest.rule)
  checkNoisyRule(run.manifest)
  const rule = components.wrapRule?.(runRule) ?? runRule
  rule.checkNeighbourhood(neighbours.length)
  const stores = components.stores ?? (await openFolderStores(init.stateFolder))
  const { initialParameters, diskBudgetBytes } = init
  const state = await openNodeState({ run, signer, stores, initialParameters, diskBudgetBytes }, logger)
  const { ledger, blobs, witness, evidence, pending } = state
  const opening = openNetwork(components, init, {
    run,
    signer,
    neighbours,
    contacts: contactsOf(run, signer, neighbours),
    local: createLocalSource(
      state,
      signer.peerId,
      (cid) => engine.openModel(cid) ?? agreement?.openModel(cid),
      (height) => agreement?.blocks(height) ?? [],
      (author, from) => opened?.copyOf(author, from) ?? [],
      {
        open: (cid, peer) => shared?.exchange.open(cid, peer),
        words: (round) => shared?.exchange.wordsOf(round) ?? [],
      },
    ),
    ...{ bans: stores.bans, clock },
    logger: logger.child({ component: 'network' }),
  })
  const shared = await openSharing(components, {
    run,
    identity,
    network: opening,
    state,
    initial: initialParameters,
    deviation: components.privateDeviation,
    onShare: events.onShare && ((round, model) => events.onShare?.(round, model)),
    onContradiction: (found) => convictions.convict(found),
    onNotice: (notice) => engine.notice(notice),
    onError: (error) => engine.fail(error),
  })
  const network = shared === undefined ? opening : withoutOwnFetches(opening, shared.sharing.held)
  const phases = createPhaseTimer(clock)
  const work = openRoundWork(components, init, {
    state,
    topology,
    runRule,
    rule,
    phases,
    sharing: shared?.sharing,
  })
  const witnessing = openWitnessing(components, init, {
    state,
    neighbours,
    network: reportingHeads(network, events),
  })
  const catchUp = createCatchUp({
    run,
    topology,
    network,
    clock,
    logger: logger.child({ component: 'sync' }),
    openLedgerCopy: state.openLedgerCopy,
  })
  const convictions = createConvictions(
    { run, network, blobs, evidence, logger: logger.child({ component: 'evidence' }) },
    (found) => engine.convict(found),
  )
  const chain = runChain(run)
  const opened = await openAgreement(
    components,
    {
      run,
      chain: chain && (components.wrapChain?.(chain) ?? chain),
      signer,
      network,
      state,
      openModel: (cid) => engine.openModel(cid),
    },
    {
      newestHead: witness.newestHead,
      onNotice: (notice) => engine.notice(notice),
      onError: (error) => engine.fail(error),
    },
    chainEvents(events),
  )
  const agreement = opened?.agreement
  const refusals = new Map<string, string>()
  let takesPart = false
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
      agreement,
      exchange: shared?.exchange,
      lastEntry: () => ledger.last,
    },
    {
      neighbours,
      spread: topology.eccentricityOf(signer.peerId),
      firstRound: state.firstRound,
      pending: pending !== undefined,
      refusalOf: (peer) => refusals.get(peer),
      ownLength: () => ledger.length,
      quarantined: evidence.all.map(({ offender }) => offender),
      onPublished: (round, modelCid) => events.onPublished?.(round, modelCid),
      onRound(report) {
        takesPart = true
        events.onRound?.(report)
      },
      onNotice: (notice) => events.onNotice?.(notice),
      onInvalidModel: convictions.invalidModel,
      onAccusation: (accusation, from) => convictions.accusations.consider(accusation, from),
      onQuarantine(found) {
        convictions.record(found)
        events.onEvidence?.(found)
        events.onQuarantine?.(found.offender, found.round, found.kind)
      },
    },
  )
  for (const known of evidence.all) events.onEvidence?.(known)
  const { accusations } = convictions
  return createRunningNode(
    { run, network, engine, state, activity, logger, accusations, common: opened?.common },
    { peerId: signer.peerId, refusals, stay: init.stay === true, takesPart: () => takesPart },
    events,
  )
}

interface RoundWorkParts {
  readonly state: NodeState
  readonly topology: RunTopology
  /** The run's rule, and what a Byzantine node has in its place. */
  readonly runRule: Rule
  readonly rule: Rule
  readonly phases: PhaseTimer
  readonly sharing: ModelSharing | undefined
}

/** The steps of the node's rounds, which begin where its ledger ends. */
function openRoundWork(
  { training, publisher, clock, failpoints = noFailpoints }: NodeComponents,
  { run, identity: { signer }, initialParameters, dataCommitment = null, keepRounds }: NodeInit,
  { state, topology, runRule, rule, phases, sharing }: RoundWorkParts,
): RoundWork {
  const { ledger, blobs, witness, history, pending, parameters, memory } = state
  return createRoundWork(
    {
      ...{ run, signer, training, publisher, rule, ledger, witness, blobs, history },
      ...{ clock, phases, failpoints, sharing },
    },
    {
      mixing: topology.mixingOf(signer.peerId),
      parameters,
      pending,
      memory: runRule.usesMemory ? memory : undefined,
      initial: runRule.usesInitial ? initialParameters : undefined,
      dataCommitment,
      keepRounds,
      layers: manifestLayers(run.manifest),
      neighboursOf: topology.neighboursOf,
    },
  )
}

function openWitnessing(
  { clock, logger, coSigns = true, failpoints = noFailpoints }: NodeComponents,
  { run, identity: { signer } }: NodeInit,
  {
    state,
    neighbours,
    network,
  }: Pick<WitnessingComponents, 'neighbours' | 'network'> & { readonly state: NodeState },
): Witnessing {
  const { witness, history, saveFinals } = state
  return createWitnessing({
    ...{ run, neighbours, witness, history, network, clock, failpoints, coSigns, saveFinals },
    self: signer.peerId,
    logger: logger.child({ component: 'witness' }),
  })
}

/** As they are when they happen: whoever gave them may change them. */
const chainEvents = (events: NodeEvents): CommonChainEvents => ({
  onFinal: (block) => events.onFinal?.(block),
  onSaid: (author, words) => events.onSaid?.(author, words),
})

/** A network that reports the heads of this node's own ledger once they are published. */
function reportingHeads(
  network: RunNetwork,
  events: NodeEvents,
): Pick<RunNetwork, 'publishHead' | 'fetchDigests'> {
  return {
    fetchDigests: network.fetchDigests,
    async publishHead(message) {
      await network.publishHead(message)
      events.onHead?.(message.head)
    },
  }
}

/** Whom a node keeps connections with: its neighbours, and in a private run everybody, as groups are drawn anew. */
function contactsOf({ manifest }: Run, { peerId }: Signer, neighbours: readonly string[]): readonly string[] {
  return manifest.privacy === undefined ? neighbours : manifest.members.filter((peer) => peer !== peerId)
}

/** The peer ids of this node's neighbours. Throws E_NOT_A_MEMBER, and E_TOO_LARGE for more than the run allows. */
function checkedNeighbours(run: Run, topology: RunTopology, { peerId }: Signer): readonly string[] {
  if (!run.memberIndex.has(peerId)) {
    throw new NodeError(
      'E_NOT_A_MEMBER',
      `this node, ${peerId}, is not among the members of run ${run.id}; make a manifest that names it ` +
        "(manifest create --member), or use a member's key",
    )
  }
  const neighbours = topology.neighboursOf(peerId)
  const { maxNeighbours } = run.manifest.limits
  if (neighbours.length > maxNeighbours) {
    throw new NodeError(
      'E_TOO_LARGE',
      `this node has ${counted(neighbours.length, 'neighbour')}, the run allows ${maxNeighbours}`,
    )
  }
  return neighbours
}

/** Throws E_ACCOUNT unless the node signs with the account that the manifest names for it, or with none where it names none. */
function checkAccount(run: Run, { peerId, account }: Signer): void {
  const { settlement } = run.manifest
  const named = settlement?.accounts[run.memberIndex.get(peerId)!]
  if (named === account?.address) return
  const wrong =
    named === undefined
      ? 'this run names no accounts, but this node would sign for one'
      : `this run names account ${named} for this node, which ${account === undefined ? 'has no key of an account' : `has the key of ${account.address}`}`
  throw new NodeError(
    'E_ACCOUNT',
    `${wrong}; set \`settlement.key\` in node.yaml to the key file of that account`,
    {
      named,
    },
  )
}

/** The network that the caller injected, or libp2p. */
function openNetwork(components: NodeComponents, init: NodeInit, parts: Libp2pNetworkComponents): RunNetwork {
  const makeLibp2p = (given: Libp2pNetworkComponents): RunNetwork =>
    createLibp2pNetwork(given, { ...init, seed: init.identity.seed })
  return components.createNetwork?.(parts, makeLibp2p) ?? makeLibp2p(parts)
}
