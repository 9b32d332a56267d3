import { counted } from '@tempered/errors'
import { type Evidence, isSameEpoch, type Run, type Signer } from '@tempered/protocol'
import type { Rule } from '@tempered/robust-agg'
import { createRunRule } from './aggregate/run-rule.js'
import { runChain } from './chain/chain-run.js'
import type { CommonChainEvents } from './chain/common-chain.js'
import { openAgreement } from './chain/open-agreement.js'
import { checkNoisyRule } from './differential-privacy/privacy-spent.js'
import type { Membership } from './epochs/membership.js'
import { roundOfNextEpoch } from './epochs/next-epoch.js'
import { NodeError } from './errors.js'
import { createConvictions } from './evidence/convictions.js'
import { noFailpoints } from './failpoints.js'
import type { NodeEvents } from './node-events.js'
import type { NodeComponents, NodeInit } from './node-parts.js'
import type { Activity } from './operate/activity.js'
import { withoutOwnFetches } from './private/held-models.js'
import type { ModelSharing } from './private/model-sharing.js'
import { openSharing } from './private/open-sharing.js'
import { createRoundEngine, type RoundEngine, type RoundEngineInit } from './round/engine.js'
import { manifestLayers } from './round/manifest-training.js'
import { createPhaseTimer, type PhaseTimer } from './round/phase-timer.js'
import { createRoundWork, type RoundWork } from './round/round-work.js'
import type { EpochNode } from './running-node.js'
import { createRunningNode } from './running-node.js'
import { createLocalSource } from './state/local-source.js'
import type { NodeDisk, NodeState } from './state/node-state.js'
import { createCatchUp } from './sync/catch-up.js'
import { type RunTopology, runTopology } from './topology.js'
import { createLibp2pNetwork, type Libp2pNetworkComponents } from './transport/libp2p-network.js'
import type { RunNetwork } from './transport/network.js'
import { createWitnessing, type Witnessing, type WitnessingComponents } from './witness/witnessing.js'

/** What a node keeps from one epoch of its run to the next. */
export interface LastingParts {
  readonly disk: NodeDisk
  readonly membership: Membership
  readonly activity: Activity
  readonly events: NodeEvents
  /** Neighbours that were there in the epoch before; undefined in the first one of this process. */
  readonly awaited: ReadonlySet<string> | undefined
  /** Reports evidence of an earlier start, unless it was reported. */
  reportEvidence(evidence: Evidence): void
  /** 0-based round before which this node does not begin; 0 for wherever its ledger ends. */
  readonly notBefore: number
}

/**
 * Puts the parts of a node together for one epoch of its run, on its open storage. Throws NodeError, ProtocolError,
 * RobustAggError; then nothing is open but the storage.
 */
export async function openEpochNode(
  components: NodeComponents,
  given: NodeInit,
  { disk, membership, activity, events, reportEvidence, awaited, notBefore }: LastingParts,
): Promise<EpochNode> {
  const { stores, addressBook } = disk
  const state = await disk.enter(notBefore)
  const init: NodeInit = { ...given, run: state.run }
  const { clock, logger, failpoints = noFailpoints } = components
  const { run, identity, initialParameters } = init
  const { signer } = identity
  const { topology, neighbours, runRule, rule } = placeIn(run, signer, components)
  activity.follow(neighbours)
  membership.enter(state.firstRound, neighbours)
  components.training.enterEpoch?.(run.manifest)
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
    ...{ bans: stores.bans, invitations: stores.invitations, addressBook, membership, clock },
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
  const phases = createPhaseTimer(clock, (round, phase) => events.onPhase?.(round, phase))
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
      awaited,
      isNew: ledger.length === 0 && !membership.base.memberIndex.has(signer.peerId),
      pending: pending !== undefined,
      refusalOf: (peer) => refusals.get(peer),
      ownLength: () => ledger.length,
      ...epochsAhead(membership, run, neighbours),
      quarantined: evidence.all.map(({ offender }) => offender),
      ...roundEvents(events),
      onRound(report) {
        takesPart = true
        events.onRound?.(report)
      },
      onInvalidModel: convictions.invalidModel,
      onAccusation: (accusation, from) => convictions.accusations.consider(accusation, from),
      onQuarantine(found) {
        convictions.record(found)
        events.onEvidence?.(found)
        events.onQuarantine?.(found.offender, found.round, found.kind)
      },
    },
  )
  for (const known of evidence.all) reportEvidence(known)
  return createRunningNode(
    {
      ...{ run, membership, network, engine, state, activity, logger },
      ...{ accusations: convictions.accusations, common: opened?.common },
    },
    { peerId: signer.peerId, refusals, stay: init.stay === true, takesPart: () => takesPart },
    events,
  )
}

/** What the rounds say that only listeners have to know. */
const roundEvents = (
  events: NodeEvents,
): Pick<RoundEngineInit, 'onPublished' | 'onFetching' | 'onFetched' | 'onNotice'> => ({
  onPublished: (round, modelCid) => events.onPublished?.(round, modelCid),
  onFetching: (round, peer) => events.onFetching?.(round, peer),
  onFetched: (round, peer, code) => events.onFetched?.(round, peer, code),
  onNotice: (notice) => events.onNotice?.(notice),
})

/** A node's neighbours in an epoch and the rule it judges them by. Throws E_ACCOUNT, E_TOO_LARGE, RobustAggError. */
function placeIn(run: Run, signer: Signer, { wrapRule }: NodeComponents) {
  const topology = runTopology(run)
  const neighbours = checkedNeighbours(run, topology, signer)
  checkAccount(run, signer)
  const runRule = createRunRule(run.manifest.rule)
  checkNoisyRule(run.manifest)
  const rule = wrapRule?.(runRule) ?? runRule
  rule.checkNeighbourhood(neighbours.length)
  return { topology, neighbours, runRule, rule }
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

/** The peer ids of this node's neighbours. Throws E_TOO_LARGE for more than the run allows. */
function checkedNeighbours(run: Run, topology: RunTopology, { peerId }: Signer): readonly string[] {
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

/** What the rounds ask about the epochs of the run that are known. */
function epochsAhead(
  membership: Membership,
  run: Run,
  neighbours: readonly string[],
): Pick<RoundEngineInit, 'enterRound' | 'nextEpoch'> {
  return {
    enterRound(round) {
      membership.enter(round, neighbours)
      return !isSameEpoch(membership.at(round).epoch, run.epoch)
    },
    nextEpoch(round) {
      membership.enter(round, neighbours)
      return roundOfNextEpoch(membership, run, round)
    },
  }
}

/** The network that the caller injected, or libp2p. */
function openNetwork(components: NodeComponents, init: NodeInit, parts: Libp2pNetworkComponents): RunNetwork {
  const makeLibp2p = (given: Libp2pNetworkComponents): RunNetwork =>
    createLibp2pNetwork(given, {
      ...init,
      seed: init.identity.seed,
      networkKey: init.identity.networkKey,
    })
  return components.createNetwork?.(parts, makeLibp2p) ?? makeLibp2p(parts)
}
