import {
  identityFromSeed,
  type LocalNodeComponents,
  openLocalNode,
  type RunTopology,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import type { Run } from '@tempered/protocol'
import type { DataSource, TrainerService } from '@tempered/train'
import type { Logger } from 'pino'
import { createAdversary } from '../adversary/adversary.js'
import type { HonestModels } from '../adversary/honest-models.js'
import { reportedRound } from '../events/reported-round.js'
import { withoutAbsent } from '../faults/absent-peers.js'
import { type Conditions, linkName } from '../faults/conditions.js'
import { slowLinks } from '../faults/slow-links.js'
import { slowTrainers } from '../faults/slow-trainer.js'
import type { FromWorker, WorkerLaunch, WorkerNode } from './worker-messages.js'

/** What all nodes of a worker share. */
export interface WorkerNodeComponents {
  readonly run: Run
  readonly topology: RunTopology
  readonly models: HonestModels
  readonly source: DataSource
  readonly service: TrainerService
  readonly logger: Logger
  /** Current state of links and trainers, as faults left them. */
  conditions(): Conditions
  send(message: FromWorker): void
}

/** Opens one node of a cluster: an ordinary node with its attack, if it has one, and the scenario's faults injected. */
export function openWorkerNode(
  components: WorkerNodeComponents,
  init: WorkerLaunch,
  { index, name, seed, stateFolder, attack }: WorkerNode,
): Promise<TemperedNode> {
  const { run, topology, models, source, service, logger, conditions, send } = components
  const { manifest } = run
  const identity = identityFromSeed(seed)
  const adversary = createAdversary({
    node: { index, attack },
    manifest,
    initialParameters: init.initialParameters,
    honest: init.honest,
    topology,
    models,
    clock: systemClock,
    train: source.train,
  })
  const neighbours = topology.graph.neighbours(index)
  const absent = init.absent
    .filter((other) => neighbours.includes(other))
    .map((other) => manifest.members[other]!)
  const createNetwork: LocalNodeComponents['createNetwork'] = (parts, makeLibp2p) => {
    const make: typeof makeLibp2p = (of) =>
      slowLinks(withoutAbsent(makeLibp2p(of), absent), {
        clock: systemClock,
        deadlines: manifest.deadlines,
        speedOf: (peer) => conditions().slow[linkName(index, run.memberIndex.get(peer) ?? -1)],
      })
    return adversary.createNetwork?.(parts, make) ?? make(parts)
  }
  return openLocalNode(
    {
      ...adversary,
      createNetwork,
      service: slowTrainers(service, systemClock, () => conditions().trainers[index] ?? 1),
      clock: systemClock,
      logger: logger.child({ node: name }),
    },
    {
      run,
      identity,
      initialParameters: init.initialParameters,
      stateFolder,
      source,
      share: {
        scheme: init.partition,
        part: index,
        parts: manifest.members.length,
        seed: manifest.seed,
      },
      evaluation: init.evaluation,
      keepRounds: init.keepRounds,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      mdns: false,
    },
    {
      onListening: (addresses) => send({ type: 'listening', index, peer: identity.signer.peerId, addresses }),
      onPublished: (round, modelCid) => send({ type: 'published', index, round, modelCid }),
      onRound: (report) => send({ type: 'round', index, report: reportedRound(report) }),
      onNotice: (notice) => send({ type: 'notice', index, notice }),
      onQuarantine: (peer, round, kind) => send({ type: 'quarantine', index, peer, round, kind }),
    },
  )
}
