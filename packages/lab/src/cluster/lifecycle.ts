import { createPresence } from '../faults/presence.js'
import type { RunPlan } from '../scenario/plan.js'
import type { Worker } from './worker.js'
import type { Workers } from './workers.js'

/**
 * The nodes of a running cluster as they come and go: kills and restarts them, and releases those that wait for
 * neighbours that will never come.
 */
export interface Lifecycle {
  /** The nodes of a worker are being started. */
  started(worker: Worker): void
  published(index: number, round: number): void
  /** A node is done, has failed, or was killed. */
  ended(worker: Worker, index: number): void
  /** Kills the process of a node. It counts as ended, not as failed. */
  kill(index: number): void
  /** Calls `launch` once the node's earlier process, if any, has exited. */
  begin(index: number, launch: () => void): Promise<void>
  /** Whether a killed node waits for its process to exit before it starts again. */
  readonly isRestarting: boolean
}

export interface LifecycleInit {
  readonly plan: RunPlan
  readonly workers: Workers
  /** Indices of nodes that faults will still start. */
  coming(): Iterable<number>
}

export function createLifecycle({ plan, workers, coming }: LifecycleInit): Lifecycle {
  const presence = createPresence(plan.topology.graph, plan.run.manifest.training.rounds)
  /** Exits of killed processes, by node. */
  const dying = new Map<number, Promise<void>>()
  const restarting = new Set<number>()

  const releaseStranded = (): void => {
    const expected = new Set([...restarting, ...coming()])
    for (const index of presence.stranded((other) => expected.has(other)))
      workers.runnerOf(index)?.send({ type: 'leave', index })
  }

  const ended = (worker: Worker, index: number): void => {
    worker.running.delete(index)
    presence.gone(index)
    workers.broadcast({ type: 'honest-gone', index })
    releaseStranded()
  }

  return {
    started(worker) {
      for (const { index } of worker.nodes) presence.started(index)
    },
    published: (index, round) => presence.published(index, round),
    ended,
    kill(index) {
      const worker = workers.runnerOf(index)
      if (worker === undefined) return
      ended(worker, index)
      dying.set(index, worker.exited)
      worker.child.kill('SIGKILL')
    },
    async begin(index, launch) {
      restarting.add(index)
      await dying.get(index)
      restarting.delete(index)
      launch()
      // The others may have finished in the meantime.
      releaseStranded()
    },
    get isRestarting() {
      return restarting.size > 0
    },
  }
}
