import {
  createNode,
  createProcessTraining,
  type LocalTraining,
  type NodeEvents,
  openLocalTraining,
  silentLogger,
  type TemperedNode,
  virtualMiner,
} from '@tempered/node'
import type { Rule } from '@tempered/robust-agg'
import type { DataSource, Samples } from '@tempered/train'
import { createAdversary } from '../adversary/adversary.js'
import { withoutAbsent } from '../faults/absent-peers.js'
import { type Conditions, linkName } from '../faults/conditions.js'
import { slowLinks } from '../faults/slow-links.js'
import type { PlannedNode } from '../scenario/plan.js'
import { agreementLimitMs } from '../stage/agreement-limit.js'
import type { Environment } from './environment.js'
import { simulatedTraining } from './simulated-training.js'

/** Real milliseconds of aggregation since the last call; virtual time does not include them. */
export interface AggregationTime {
  takeMs(): number
}

export interface SimulatedNode {
  readonly node: TemperedNode
  readonly aggregation: AggregationTime
}

export interface NodeConditions {
  /** Current state of links and trainers, as faults left them. */
  conditions(): Conditions
  /** Indices of nodes that will join later. */
  readonly absent: readonly number[]
  readonly events: NodeEvents
}

/** The same node as in a cluster, but with state and network in memory, and in virtual time. */
export async function openSimulatedNode(
  environment: Environment,
  planned: PlannedNode,
  { conditions, absent, events }: NodeConditions,
): Promise<SimulatedNode> {
  const { plan, time, hub, source, services } = environment
  const { run, scenario, topology } = plan
  const { index, identity, name, attack } = planned
  const clock = time.clockOf(index)
  const adversary = createAdversary({
    node: { index, attack },
    manifest: run.manifest,
    initialParameters: environment.initialParameters,
    honest: environment.honest,
    topology,
    models: environment.models,
    clock,
    train: planned.trainer === undefined ? source.train : undefined,
  })
  const openOn = (samples: Samples, isPoisoned = true): Promise<LocalTraining> =>
    openLocalTraining(services[index % services.length]!, {
      run,
      // Loaded where a node trains in the engine.
      source: source as DataSource,
      samples,
      evaluation: scenario.evaluation,
      identity,
      isPoisoned,
      indices: environment.parts[index]!,
    })
  const training = await time.hold(index, async () => {
    const trainer = await environment.trainers.open(planned)
    const plain =
      trainer === undefined
        ? environment.shareScores(await openOn((source as DataSource).train, false))
        : createProcessTraining(trainer, { run, identity, evaluation: scenario.evaluation })
    return (await adversary.wrapTraining?.(plain, openOn)) ?? plain
  })
  const neighbours = topology.graph.neighbours(index)
  const absentPeers = absent
    .filter((other) => neighbours.includes(other))
    .map((other) => run.manifest.members[other]!)
  let aggregationMs = 0
  const timed = (rule: Rule): Rule => ({
    ...rule,
    aggregate(input, out) {
      const begun = performance.now()
      try {
        return rule.aggregate(input, out)
      } finally {
        aggregationMs += performance.now() - begun
      }
    },
  })
  const node = await createNode(
    {
      ...adversary,
      training: simulatedTraining(training, {
        time,
        owner: index,
        clock,
        slowness: () => conditions().trainers[index] ?? 1,
      }),
      clock,
      logger: silentLogger,
      openStores: () => environment.disks[index]!.open(),
      changes: environment.disks[index]!.changes,
      // Heads reach only neighbours, so none could become final; those of a chain are neighbours of all, and blocks name heads.
      coSigns: run.manifest.chain !== undefined,
      createMiner: virtualMiner,
      agreementLimitMs: agreementLimitMs(run.manifest),
      createNetwork(parts) {
        const connect = (inner: typeof parts) =>
          slowLinks(withoutAbsent(hub.connect(inner), absentPeers), {
            clock,
            deadlines: run.manifest.deadlines,
            speedOf: (peer) => conditions().slow[linkName(index, run.memberIndex.get(peer) ?? -1)],
          })
        return adversary.createNetwork?.(parts, connect) ?? connect(parts)
      },
      wrapRule: (rule) => timed(adversary.wrapRule?.(rule) ?? rule),
    },
    {
      run,
      identity,
      stateFolder: name,
      initialParameters: environment.initialParameters,
      keepRounds: environment.keepRounds,
      listen: [],
      bootstrap: [],
      mdns: false,
    },
    events,
  )
  return {
    node,
    aggregation: {
      takeMs() {
        const taken = aggregationMs
        aggregationMs = 0
        return taken
      },
    },
  }
}
