import type { TrainerService } from '@tempered/node'
import { decodeModel } from '@tempered/protocol'
import type { Cluster, ClusterInit, Stage } from '../cluster/cluster.js'
import { residentShare, shareMemory } from '../cluster/memory-share.js'
import { openWorld } from './environment.js'
import { createCast } from './participants.js'

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
  const { time, disks } = world
  const cast = createCast(world, init)
  const backend = world.services[0]!.backend
  onEvent({ type: 'ready', backend: backend.name, notice: backend.notice })
  // Runs side by side are in one process.
  const release = shareMemory(nodes.length)
  const done = time
    .run(cast.play())
    .then(() => onEvent({ type: 'memory', residentBytes: residentShare() * nodes.length }))
    .finally(() => {
      release()
      return world.close()
    })
  return {
    done,
    pids: [process.pid],
    elapsedMs: () => time.nowMs,
    async stop() {
      await cast.stop()
      await done
    },
    async readModel(index, cid) {
      const bytes = disks[index]?.blob(cid)
      return bytes === undefined ? undefined : decodeModel(bytes, run.manifest.model.parameterCount)
    },
    async ledgers() {
      // Every entry passed the chain verifier when it was appended; its signature was made here.
      return nodes.flatMap(({ name, index, identity }) => {
        const { ledgerLength: entries, ledgerHead: head } = disks[index]!
        if (head === undefined) return []
        const { peerId: author } = identity.signer
        return [{ node: name, verdict: { ok: true, path: name, run, author, entries, head } as const }]
      })
    },
  }
}
