import { type ChainSpec, chainSpec } from '@tempered/chain'
import {
  blobCid,
  DEFAULT_RUN_LIMITS,
  encodeModel,
  type Manifest,
  PROTOCOL_VERSION,
  type Run,
  sealManifest,
} from '@tempered/protocol'
import type { PreAggregatorSpec } from '@tempered/robust-agg'
import { type BuiltInModel, imageTask, initialTaskParameters, type OpenTask } from '@tempered/train'
import { createRunRule, manifestRule } from './aggregate/run-rule.js'
import { runChain } from './chain/chain-run.js'
import { checkNoisyRule } from './differential-privacy/privacy-spent.js'
import { checkPrivateRun } from './private/open-sharing.js'
import { type PrivacyInit, privacySpec } from './private/privacy-spec.js'
import { runTopology } from './topology.js'

/** What all members of a run agree on; what is left out has the defaults of `tempered manifest create`. */
export interface RunManifestInit {
  /** Peer ids; a member's position is its index in the topology. */
  readonly members: readonly string[]
  /** Default `run`. */
  readonly name?: string
  /** Initial parameters, minibatch order and random topologies are drawn from it. Default 1. */
  readonly seed?: number
  /** What is learnt; default: to classify images with `model`. */
  readonly task?: OpenTask
  /** The model when there is no `task`. Default `mlp`. */
  readonly model?: BuiltInModel
  /** Height, width, channels of the images when there is no `task`. Default [28, 28, 1]. */
  readonly inputShape?: readonly [number, number, number]
  /** Number of classes when there is no `task`. Default 10. */
  readonly classes?: number
  /** The model with which every node begins; default: drawn from the seed. */
  readonly initialParameters?: Float32Array
  /** Default `DEFAULT_RULE`. A rule that is given by name alone has the parameters of its paper. */
  readonly rule?: {
    readonly name: string
    readonly params?: Readonly<Record<string, number>>
    readonly pre?: readonly PreAggregatorSpec[]
  }
  /** Default `complete`. */
  readonly topology?: { readonly name: string; readonly params?: Readonly<Record<string, number>> }
  readonly training?: Partial<Manifest['training']>
  /** Accounts of the members, in their order, on a chain where they stake; default: none. */
  readonly settlement?: Manifest['settlement']
  /** A common chain; default: none. */
  readonly chain?: ChainSpec
  /** Scores of what members contribute, every so many rounds; default: none. */
  readonly contribution?: Manifest['contribution']
  /** Private rounds; default: none. */
  readonly privacy?: PrivacyInit
  /** Noise that hides what members train on; default: none. */
  readonly differentialPrivacy?: Manifest['differentialPrivacy']
  /** Who decides about changes of the run; default: more than two thirds of its members. */
  readonly membership?: Manifest['membership']
  /** Milliseconds; see the manifest. */
  readonly deadlines?: Partial<Manifest['deadlines']>
}

/** Deadlines of a run, ms, where nothing else is said. */
export const DEFAULT_DEADLINES: Manifest['deadlines'] = {
  joinMs: 120_000,
  collectMs: 60_000,
  dialMs: 20_000,
  firstByteMs: 20_000,
  transferMs: 60_000,
  reconnectMs: 5_000,
}

/**
 * The rule of a run that names none: BALANCE with a ball of at least four of the node's own steps. As published, its
 * ball is relative to the length of the model, which says nothing when training begins at zero or steps are long: it
 * then refuses every honest neighbour. Four own steps admit them for every built-in model, on rings too
 * (packages/lab/test/e2e/default-rule.test.ts).
 */
export const DEFAULT_RULE = {
  name: 'balance',
  params: { gamma: 0.3, kappa: 1, alpha: 0.5, steps: 4 },
} as const

const DEFAULT_TRAINING: Manifest['training'] = {
  rounds: 20,
  localSteps: 20,
  batchSize: 32,
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 0,
  schedule: { kind: 'constant' },
}

/**
 * The manifest of a run, sealed: its hash is the run id. Draws the initial model, and checks that the rule can work in
 * every member's neighbourhood. Throws RobustAggError, TrainError, ProtocolError E_MANIFEST.
 *
 * @example
 * const run = createRunManifest({ members: [alice.signer.peerId, bob.signer.peerId], rule: { name: 'median' } })
 */
export function createRunManifest(init: RunManifestInit): Run {
  const { seed = 1, inputShape = [28, 28, 1], classes = 10, members } = init
  const task = init.task ?? imageTask(init.model ?? 'mlp', { shape: inputShape, classes })
  const initial = init.initialParameters ?? initialTaskParameters(task, seed)
  const given: NonNullable<RunManifestInit['rule']> = init.rule ?? DEFAULT_RULE
  const { name, params = {}, pre = [] } = given
  const rule = createRunRule({
    name,
    params: { ...params },
    pre: pre.map((step) => ({ name: step.name, params: { ...step.params } })),
  })
  const { name: topologyName, params: topologyParams = {} } = init.topology ?? { name: 'complete' }
  const run = sealManifest({
    kind: 'tempered/manifest',
    version: PROTOCOL_VERSION,
    name: init.name ?? 'run',
    seed,
    task: task.task,
    model: { parameterCount: task.parameterCount, initialCid: blobCid(encodeModel(initial)).toString() },
    rule: manifestRule(rule),
    training: { ...DEFAULT_TRAINING, ...init.training },
    topology: { name: topologyName, params: { ...topologyParams }, mixing: 'uniform' },
    members: [...members],
    deadlines: { ...DEFAULT_DEADLINES, ...init.deadlines },
    limits: DEFAULT_RUN_LIMITS,
    ...(init.chain === undefined ? {} : { chain: chainSpec(init.chain.architecture, init.chain.params) }),
    ...(init.contribution === undefined ? {} : { contribution: init.contribution }),
    ...(init.privacy === undefined ? {} : { privacy: privacySpec(init.privacy, members.length) }),
    ...(init.differentialPrivacy === undefined ? {} : { differentialPrivacy: init.differentialPrivacy }),
    ...(init.settlement === undefined ? {} : { settlement: init.settlement }),
    ...(init.membership === undefined ? {} : { membership: init.membership }),
    patienceRounds: 2,
  })
  runChain(run)
  checkPrivateRun(run)
  checkNoisyRule(run.manifest)
  const { neighboursOf } = runTopology(run)
  for (const member of members) rule.checkNeighbourhood(neighboursOf(member).length)
  return run
}
