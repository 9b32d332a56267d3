import { decodeModel } from '@tempered/protocol'
import type { TrainerService } from '@tempered/train'
import { residentShare, shareMemory } from '../events/memory-share.js'
import type { Stage, StagedRun, StageInit } from '../stage/stage.js'
import { openEnvironment } from './environment.js'
import { createParticipants } from './participants.js'

/**
 * All nodes of a plan in this process: the code of real nodes with memory for disk and network, and time that jumps
 * from event to event. Training is real. `hosts` is the number of training threads. Without faults the models have the
 * same bits as in a cluster.
 */
export const startSimulation: Stage = (init) => simulate(init, undefined)

/** The same with existing training threads, which remain usable afterwards. */
export function simulationStage(services: readonly TrainerService[]): Stage {
  return (init) => simulate(init, services)
}

async function simulate(
  init: StageInit,
  services: readonly TrainerService[] | undefined,
): Promise<StagedRun> {
  const { plan, onEvent } = init
  const { nodes, run } = plan
  const environment = await openEnvironment({
    ...init,
    trainingThreads: init.workers,
    services,
  })
  const { time, disks } = environment
  const participants = createParticipants(environment, init)
  const backend = environment.services[0]!.backend
  onEvent({ type: 'ready', backend: backend.name, notice: backend.notice })
  // Concurrent runs share one process.
  const release = shareMemory(nodes.length)
  const done = time
    .run(participants.play())
    .then(() => onEvent({ type: 'memory', residentBytes: residentShare() * nodes.length }))
    .finally(() => {
      release()
      return environment.close()
    })
  return {
    done,
    pids: [process.pid],
    elapsedMs: () => time.nowMs,
    async stop() {
      const stopped = participants.stop()
      // Nobody waits for what they are computing any more.
      await Promise.all([stopped, environment.trainers.close()])
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
