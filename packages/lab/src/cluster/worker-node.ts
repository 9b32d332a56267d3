import {
  identityFromSeed,
  type LocalNodeComponents,
  type NodeEvents,
  openLocalNode,
  openNodeTrainer,
  openProcessNode,
  type RunTopology,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import { encodeModel, type Run } from '@tempered/protocol'
import type { DataSource, TrainerService } from '@tempered/train'
import type { Logger } from 'pino'
import { createAdversary } from '../adversary/adversary.js'
import type { HonestModels } from '../adversary/honest-models.js'
import { reportedRound } from '../events/reported-round.js'
import { withoutAbsent } from '../faults/absent-peers.js'
import { type Conditions, linkName } from '../faults/conditions.js'
import { slowLinks } from '../faults/slow-links.js'
import { slowTrainer, slowTrainers } from '../faults/slow-trainer.js'
import { agreementLimitMs } from '../stage/agreement-limit.js'
import type { FromWorker, TrainerProcess, WorkerLaunch, WorkerNode } from './worker-messages.js'

/** What all nodes of a worker share. */
export interface WorkerNodeComponents {
  readonly run: Run
  readonly topology: RunTopology
  readonly models: HonestModels
  /** Undefined where every node has a trainer of its own. */
  readonly source: DataSource | undefined
  readonly service: TrainerService
  readonly logger: Logger
  /** Ends trainers that are still starting. */
  readonly signal: AbortSignal
  /** Current state of links and trainers, as faults left them. */
  conditions(): Conditions
  send(message: FromWorker | TrainerProcess): void
}

/** A node of a cluster, and its trainer if that is a process of its own. */
export interface OpenedNode {
  readonly node: TemperedNode
  /** Ends the trainer. To be called after the node. */
  close(): Promise<void>
}

/** Opens one node of a cluster: an ordinary node with its attack, if it has one, and the scenario's faults injected. */
export async function openWorkerNode(
  parts: WorkerNodeComponents,
  init: WorkerLaunch,
  { index, name, seed, stateFolder, attack, trainer: planned }: WorkerNode,
): Promise<OpenedNode> {
  const { run, topology, models, source, service, conditions, send, signal } = parts
  const { manifest } = run
  const identity = identityFromSeed(seed)
  const logger = parts.logger.child({ node: name })
  const adversary = createAdversary({
    node: { index, attack },
    manifest,
    initialParameters: init.initialParameters,
    honest: init.honest,
    topology,
    models,
    clock: systemClock,
    train: planned === undefined ? source?.train : undefined,
  })
  const neighbours = topology.graph.neighbours(index)
  const absent = init.absent
    .filter((other) => neighbours.includes(other))
    .map((other) => manifest.members[other]!)
  const createNetwork: LocalNodeComponents['createNetwork'] = (networkParts, makeLibp2p) => {
    const make: typeof makeLibp2p = (of) =>
      slowLinks(withoutAbsent(makeLibp2p(of), absent), {
        clock: systemClock,
        deadlines: manifest.deadlines,
        speedOf: (peer) => conditions().slow[linkName(index, run.memberIndex.get(peer) ?? -1)],
      })
    return adversary.createNetwork?.(networkParts, make) ?? make(networkParts)
  }
  const components = {
    ...adversary,
    createNetwork,
    clock: systemClock,
    logger,
    agreementLimitMs: agreementLimitMs(manifest),
  }
  const settings = {
    run,
    identity,
    initialParameters: init.initialParameters,
    stateFolder,
    evaluation: init.evaluation,
    keepRounds: init.keepRounds,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    mdns: false,
  }
  const events: NodeEvents = {
    onListening: (addresses) => send({ type: 'listening', index, peer: identity.signer.peerId, addresses }),
    ...(attack === undefined &&
      init.hasSideChannel && {
        onShare: (round: number, model: Float32Array) =>
          send({ type: 'secret', index, round, model: encodeModel(model) }),
      }),
    onPublished: (round, modelCid) => send({ type: 'published', index, round, modelCid }),
    onRound: (report) => send({ type: 'round', index, report: reportedRound(report) }),
    onNotice: (notice) => send({ type: 'notice', index, notice }),
    onQuarantine: (peer, round, kind) => send({ type: 'quarantine', index, peer, round, kind }),
  }
  const slowness = (): number => conditions().trainers[index] ?? 1
  if (planned === undefined) {
    const node = await openLocalNode(
      { ...components, service: slowTrainers(service, systemClock, slowness) },
      {
        ...settings,
        // Loaded where a node of this process trains in the engine.
        source: source!,
        share: {
          scheme: init.partition,
          part: index,
          parts: manifest.members.length,
          seed: manifest.seed,
        },
      },
      events,
    )
    return { node, close: async () => undefined }
  }
  const onProcess = (pid: number, isRunning: boolean): void =>
    send({ type: 'trainer-process', pid, isRunning })
  const onTrouble = (message: string): void => send({ type: 'trainer', index, message })
  const trainer = await openNodeTrainer({ ...planned, run, index, logger, signal, onProcess, onTrouble })
  try {
    const node = await openProcessNode(
      components,
      { ...settings, trainer: slowTrainer(trainer, systemClock, slowness) },
      events,
    )
    return { node, close: () => trainer.close() }
  } catch (error) {
    await trainer.close()
    throw error
  }
}
