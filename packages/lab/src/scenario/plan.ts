import { createHash } from 'node:crypto'
import { chainSpec } from '@tempered/chain'
import {
  checkNoisyRule,
  checkPrivateRun,
  createRunRule,
  type Identity,
  identityFromSeed,
  manifestRule,
  privacySpec,
  type RunTopology,
  runChain,
  runTopology,
} from '@tempered/node'
import {
  blobCid,
  DEFAULT_RUN_LIMITS,
  encodeModel,
  PROTOCOL_VERSION,
  type Run,
  sealManifest,
} from '@tempered/protocol'
import { createAttack } from '@tempered/robust-agg/attacks'
import { initialTaskParameters, type PartitionScheme } from '@tempered/train'
import { isLedgerAttack } from '../adversary/ledger-attacks.js'
import { type PlannedAttack, planAttack } from '../adversary/planned-attack.js'
import { LabError } from '../errors.js'
import { checkFaults } from '../faults/fault-checks.js'
import { scenarioPartition } from './data-split.js'
import { placeAdversaries } from './placement.js'
import { type ScenarioSource, scenarioTask } from './scenario-task.js'
import type { Scenario } from './schema.js'
import { checkTrainers, type PlannedTrainer, plannedTrainers } from './trainers.js'

export type { PlannedAttack } from '../adversary/planned-attack.js'
export type { PlannedTrainer } from './trainers.js'

/** One node of a local cluster. */
export interface PlannedNode {
  /** Index in the topology and among the manifest's members. */
  readonly index: number
  /** `node-00`, `node-01` …; its folder in the results. */
  readonly name: string
  readonly identity: Identity
  /** The attack it mounts; undefined for an honest node. */
  readonly attack: PlannedAttack | undefined
  /** The process that trains for it; undefined for a node that trains in the engine. */
  readonly trainer: PlannedTrainer | undefined
}

/** A scenario with everything drawn and checked: the nodes, their manifest and the attackers. */
export interface RunPlan {
  readonly scenario: Scenario
  readonly run: Run
  readonly topology: RunTopology
  readonly nodes: readonly PlannedNode[]
  /** How the training samples are dealt to the nodes. */
  readonly partition: PartitionScheme
  /** Parameters with which every node begins; not to be changed. */
  readonly initialParameters: Float32Array
}

/**
 * Draws topology and initial parameters from the seed, and identities, unless they are given. Throws before anything
 * runs if a part is wrong.
 */
export function planRun(
  scenario: Scenario,
  data: ScenarioSource,
  identities: readonly Identity[] = clusterIdentities(scenario),
): RunPlan {
  const task = scenarioTask(scenario, data)
  const initialParameters = initialOf(scenario, data) ?? initialTaskParameters(task, scenario.seed)
  const rule = createRunRule(scenario.rule)
  const { logitAdjustment, ...training } = scenario.training
  const edges = 'edges' in scenario.topology ? scenario.topology.edges : undefined
  const run = sealManifest({
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: scenario.name,
    seed: scenario.seed,
    task: task.task,
    model: {
      parameterCount: task.parameterCount,
      initialCid: blobCid(encodeModel(initialParameters)).toString(),
    },
    rule: manifestRule(rule),
    training: { ...training, ...(logitAdjustment > 0 ? { logitAdjustment } : {}) },
    topology: {
      name: scenario.topology.name,
      params: scenario.topology.params,
      ...(edges === undefined ? {} : { edges }),
      mixing: scenario.mixing,
    },
    members: identities.map((identity) => identity.signer.peerId),
    deadlines: scenario.deadlines,
    limits: DEFAULT_RUN_LIMITS,
    ...(scenario.chain === undefined
      ? {}
      : { chain: chainSpec(scenario.chain.architecture, scenario.chain.params) }),
    ...(scenario.privacy === undefined ? {} : { privacy: privacySpec(scenario.privacy, identities.length) }),
    ...(scenario.contribution === undefined ? {} : { contribution: scenario.contribution }),
    ...(scenario.differentialPrivacy === undefined
      ? {}
      : { differentialPrivacy: scenario.differentialPrivacy }),
    patienceRounds: scenario.patienceRounds,
  })
  runChain(run)
  checkPrivateRun(run)
  checkNoisyRule(run.manifest)
  const topology = runTopology(run)
  const attacks = assignAttacks(scenario, topology)
  const trainers = plannedTrainers(scenario)
  for (const identity of identities)
    rule.checkNeighbourhood(topology.neighboursOf(identity.signer.peerId).length)
  const width = String(scenario.nodes - 1).length
  const nodes = identities.map((identity, index) => ({
    index,
    name: `node-${String(index).padStart(Math.max(2, width), '0')}`,
    identity,
    attack: attacks.get(index),
    trainer: trainers.get(index),
  }))
  return {
    scenario,
    run,
    topology,
    nodes,
    partition: scenarioPartition(scenario, topology.graph),
    initialParameters,
  }
}

/** The parameters that a run begins with, unless its seed draws them. Throws E_CONFIG when they were not loaded. */
function initialOf({ initial, seed }: Scenario, source: ScenarioSource): Float32Array | undefined {
  const parameters = source.initialParameters?.(seed)
  if (initial !== undefined && parameters === undefined)
    throw new LabError('E_CONFIG', `initial: ${initial} was not read; load the data with loadScenarioSource`)
  return parameters
}

function assignAttacks(scenario: Scenario, { graph }: RunTopology): Map<number, PlannedAttack> {
  const { adversaries, nodes, seed, training } = scenario
  const attacks = adversaries.map((entry) => {
    // Unknown names and parameters are found here, before anything runs.
    const { name, params } = entry.attack
    if (!isLedgerAttack(name)) createAttack(name, params)
    return planAttack(entry, training.rounds)
  })
  const { entryOf, problems } = placeAdversaries({ nodes, seed, adversaries, topology: graph })
  const honest = Array.from({ length: nodes }, (_, index) => index).filter((index) => !entryOf.has(index))
  const faults = { nodes, rounds: training.rounds, topology: graph, honest }
  const first = [...problems, ...checkTrainers(scenario, entryOf), ...checkFaults(scenario.faults, faults)][0]
  if (first !== undefined) throw new LabError('E_CONFIG', `${first.path.join('.')}: ${first.message}`)
  return new Map([...entryOf].map(([index, k]) => [index, attacks[k]!]))
}

function clusterIdentities({ nodes, seed }: Scenario): Identity[] {
  return Array.from({ length: nodes }, (_, index) => clusterIdentity(seed, index))
}

/**
 * Keys of a local cluster come from the seed, so that two runs have the same members in the same order. They
 * protect nothing: a cluster on one machine is for experiments.
 */
function clusterIdentity(seed: number, index: number): Identity {
  return identityFromSeed(
    createHash('sha256').update(`tempered local cluster key\0${seed}\0${index}`).digest(),
  )
}
