import {
  createMemoryDisk,
  createMemoryHub,
  createSharedReader,
  createVirtualTime,
  type LocalTraining,
  type MemoryDisk,
  type MemoryHub,
  type VirtualTime,
} from '@tempered/node'
import {
  createTrainerService,
  type DataSource,
  partition,
  type RemoteTrainer,
  splitLabels,
  type TrainerService,
} from '@tempered/train'
import { createHonestModels, type HonestModels } from '../adversary/honest-models.js'
import type { RunPlan } from '../scenario/plan.js'
import { loadScenarioSamples } from '../scenario/scenario-task.js'
import type { StageInit } from '../stage/stage.js'
import { createSharedScores } from './shared-scores.js'
import { createSimulatedTrainers, type SimulatedTrainers } from './simulated-trainers.js'

/** What all nodes of a simulation share. */
export interface Environment {
  readonly plan: RunPlan
  readonly time: VirtualTime
  readonly hub: MemoryHub
  /** Without samples where every node has a trainer of its own. */
  readonly source: Partial<DataSource>
  /** Training samples of each node. */
  readonly parts: readonly Uint32Array[]
  /** Training threads; node i trains in thread i mod their number. */
  readonly services: readonly TrainerService[]
  /** Processes that train instead. */
  readonly trainers: SimulatedTrainers
  /** The nodes' disks, by index: they outlive a kill. */
  readonly disks: readonly MemoryDisk[]
  /** Rounds for which a node keeps its own models. */
  readonly keepRounds: number
  /** What attackers see of honest nodes. */
  readonly models: HonestModels
  /** Indices of the honest nodes. */
  readonly honest: readonly number[]
  readonly initialParameters: Float32Array
  /** Has nodes that train in the engine share what they measure of the same models. */
  readonly shareScores: (training: LocalTraining) => LocalTraining
  close(): Promise<void>
}

export interface EnvironmentInit extends Pick<StageInit, 'folder' | 'logLevel' | 'onEvent'> {
  readonly plan: RunPlan
  readonly cacheFolder: string
  readonly trainingThreads: number
  /** Existing training threads to use instead. */
  readonly services?: readonly TrainerService[] | undefined
}

/** Virtual milliseconds that a message takes. */
const LATENCY_MS = 1
/** Virtual bandwidth of a link, in bytes per millisecond: 1 Gbit/s. */
const BYTES_PER_MS = 125_000
/** Larger runs keep only the newest entries of each ledger, and the models of the newest rounds. */
const SMALL_RUN = 64
const HELD_ENTRIES = 4
/** The aggregate of the last round is the model that the next one begins with. */
const HELD_ROUNDS = 2
/** Owner of the timers that belong to no node. */
const NOBODY = -1

export async function openEnvironment({
  plan,
  cacheFolder,
  trainingThreads,
  services: given,
  ...places
}: EnvironmentInit): Promise<Environment> {
  const { scenario, run, nodes } = plan
  // A node that starts again, or comes late, needs whole ledgers.
  // Members of a chain read each other's ledgers.
  const holdsAll = nodes.length <= SMALL_RUN || scenario.faults.length > 0 || scenario.chain !== undefined
  const reader = createSharedReader()
  const time = createVirtualTime()
  const source = await loadScenarioSamples(scenario, cacheFolder)
  const services =
    given?.map(scopedService) ??
    (await Promise.all(
      Array.from({ length: trainingThreads }, () => createTrainerService({ backend: scenario.backend })),
    ))
  const trainers = createSimulatedTrainers(plan, places)
  return {
    plan,
    time,
    hub: createMemoryHub({
      latencyMs: LATENCY_MS,
      bytesPerMs: BYTES_PER_MS,
      audience: 'neighbours',
      reader,
      parameterCount: run.manifest.model.parameterCount,
    }),
    source,
    parts: partsOf(plan, source),
    services,
    trainers,
    disks: nodes.map(() =>
      createMemoryDisk({
        openAnnouncement: reader.openCarried,
        ...(holdsAll ? {} : { heldEntries: HELD_ENTRIES }),
      }),
    ),
    keepRounds: holdsAll ? scenario.keepRounds : Math.min(scenario.keepRounds, HELD_ROUNDS),
    models: createHonestModels(run.manifest.model.parameterCount, time.clockOf(NOBODY)),
    honest: nodes.flatMap((node) => (node.attack === undefined ? [node.index] : [])),
    initialParameters: plan.initialParameters,
    shareScores: createSharedScores(),
    async close() {
      await Promise.all([trainers.close(), ...services.map((service) => service.close())])
    },
  }
}

function partsOf({ run, nodes, partition: scheme }: RunPlan, { train }: Partial<DataSource>): Uint32Array[] {
  if (train === undefined) return []
  return partition({ ...splitLabels(train), nodes: nodes.length, scheme, seed: run.manifest.seed })
}

/** A service whose `close` frees the trainers that were opened through it and leaves its thread alone. */
function scopedService(service: TrainerService): TrainerService {
  const opened: RemoteTrainer[] = []
  return {
    backend: service.backend,
    async open(spec) {
      const trainer = await service.open(spec)
      opened.push(trainer)
      return trainer
    },
    async close() {
      for (const trainer of opened.splice(0)) trainer.dispose()
    },
  }
}
