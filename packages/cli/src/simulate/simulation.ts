import {
  errorCode,
  errorMessage,
  type RoundReport,
  type TemperedNode,
  type TrainerService,
} from '@tempered/node'
import { decodeModel } from '@tempered/protocol'
import type { Cluster, ClusterInit, Stage } from '../cluster/cluster.js'
import { withoutAnnouncements } from '../cluster/host-messages.js'
import type { PlannedNode } from '../scenario/plan.js'
import { openSimulatedNode } from './simulated-node.js'
import { openWorld } from './world.js'

/**
 * All nodes of a plan in this process: the code of real nodes with memory for disk and network, and time that jumps
 * from event to event. Training is real. `hosts` is the number of training threads. Without faults the models have the
 * same bits as in a cluster.
 */
export const startSimulation: Stage = (init) => simulate(init, undefined)

/** The same with training threads that are there already, and are there for others afterwards. */
export function simulationStage(services: readonly TrainerService[]): Stage {
  return (init) => simulate(init, services)
}

async function simulate(
  init: ClusterInit,
  services: readonly TrainerService[] | undefined,
): Promise<Cluster> {
  const { plan, onEvent } = init
  const { nodes, run } = plan
  const world = await openWorld({
    plan,
    cacheFolder: init.cacheFolder,
    trainingThreads: init.hosts,
    services,
  })
  const { time, models, disks } = world
  const running = new Map<number, TemperedNode>()
  let stopped = false

  const start = async (planned: PlannedNode): Promise<void> => {
    const { index } = planned
    const { node, aggregation } = await openSimulatedNode(world, planned, () => 1, {
      onPublished(round, modelCid) {
        if (planned.attack === undefined)
          models.note(index, round, async () => requireBlob(disks[index]!.blob(modelCid), modelCid))
      },
      onRound(report: RoundReport) {
        // Aggregating is real work; virtual time did not see it.
        const phaseMs = { ...report.phaseMs, aggregate: aggregation.takeMs() }
        onEvent({ type: 'round', index, report: withoutAnnouncements({ ...report, phaseMs }) })
      },
      onQuarantine: (peer, round, kind) => onEvent({ type: 'quarantine', index, peer, round, kind }),
    })
    if (stopped) {
      await node.stop()
      return
    }
    running.set(index, node)
    await node.run()
  }

  const startAll = async (): Promise<void> => {
    await Promise.all(
      nodes.map((planned) =>
        start(planned).then(
          () => onEvent({ type: 'done', index: planned.index }),
          (error) => {
            models.gone(planned.index)
            onEvent({
              type: 'failed',
              index: planned.index,
              code: errorCode(error),
              message: errorMessage(error),
            })
          },
        ),
      ),
    )
  }

  const backend = world.services[0]!.backend
  onEvent({ type: 'ready', backend: backend.name, notice: backend.notice })
  const done = time
    .run(startAll())
    .finally(() => world.close())
    .then(() => onEvent({ type: 'memory', residentBytes: process.memoryUsage.rss() }))
  return {
    done,
    pids: [process.pid],
    elapsedMs: () => time.nowMs,
    async stop() {
      stopped = true
      await Promise.all([...running.values()].map((node) => node.stop()))
      await done
    },
    async readModel(index, cid) {
      const bytes = disks[index]?.blob(cid)
      return bytes === undefined ? undefined : decodeModel(bytes, run.manifest.model.parameterCount)
    },
    async ledgers() {
      // Every entry passed the chain verifier when it was appended.
      return nodes.flatMap(({ name, index, identity }) => {
        const { ledgerLength: entries, ledgerHead: head } = disks[index]!
        if (head === undefined) return []
        const { peerId: author } = identity.signer
        return [{ node: name, verdict: { ok: true, path: name, run, author, entries, head } as const }]
      })
    },
  }
}

function requireBlob(bytes: Uint8Array | undefined, cid: string): Uint8Array {
  if (bytes === undefined) throw new RangeError(`blob ${cid} is not held any more`)
  return bytes
}
