import { join } from 'node:path'
import { drawnInitialParameters } from '@tempered/node'
import type { Conditions } from '../faults/conditions.js'
import type { PlannedNode, RunPlan } from '../scenario/plan.js'
import { LOG_FOLDER, type StageInit } from '../stage/stage.js'
import { nodeFolder } from './node-folders.js'
import { startWorker, type Worker } from './worker.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

/** The worker processes of a cluster. */
export interface Workers extends Iterable<Worker> {
  /** Number of processes that have not exited. */
  readonly count: number
  /** Starts a process for some nodes, which learn the addresses that were announced before. */
  launch(nodes: readonly PlannedNode[], logName: string, state: LaunchState): Worker
  broadcast(message: ToWorker): void
  /** Announces the addresses of a node to running workers and to those that start later. */
  announce(peer: string, addresses: readonly string[]): void
  /** The worker that currently runs a node. */
  runnerOf(index: number): Worker | undefined
  killAll(): void
}

/** The effects of faults before a worker starts. */
export interface LaunchState {
  readonly conditions: Conditions
  /** Indices of nodes that will join later. */
  readonly absent: readonly number[]
}

export interface WorkersInit extends Pick<StageInit, 'folder' | 'cacheFolder' | 'logLevel'> {
  readonly plan: RunPlan
  onMessage(worker: Worker, message: FromWorker): void
  /** It has exited and is not counted any more. */
  onExit(worker: Worker, exitCode: number | null, signal: string | null): void
}

export function createWorkers(init: WorkersInit): Workers {
  const { plan, folder } = init
  const { scenario, run } = plan
  const honest = plan.nodes.filter((node) => node.attack === undefined).map((node) => node.index)
  const hasSideChannel = plan.nodes.some(({ attack }) => attack !== undefined && attack.knowledge !== 'own')
  const workers = new Set<Worker>()
  const addresses = new Map<string, ToWorker & { type: 'addresses' }>()

  const broadcast = (message: ToWorker): void => {
    for (const worker of workers) worker.send(message)
  }

  return {
    [Symbol.iterator]: () => workers[Symbol.iterator](),
    get count() {
      return workers.size
    },
    broadcast,
    launch(nodes, logName, { conditions, absent }) {
      const logFile = join(folder, LOG_FOLDER, `${logName}.log`)
      const worker: Worker = startWorker(
        nodes,
        logFile,
        (message) => init.onMessage(worker, message),
        (exitCode, signal) => {
          workers.delete(worker)
          init.onExit(worker, exitCode, signal)
        },
      )
      workers.add(worker)
      worker.send({
        type: 'launch',
        launch: {
          manifest: run.bytes,
          initialParameters:
            drawnInitialParameters(run.manifest) === undefined ? plan.initialParameters : undefined,
          nodes: nodes.map((node) => ({
            index: node.index,
            name: node.name,
            seed: node.identity.seed,
            stateFolder: nodeFolder(folder, node),
            attack: node.attack,
            trainer: node.trainer,
          })),
          modules: scenario.modules ?? [],
          honest,
          source: scenario.data,
          partition: plan.partition,
          conditions,
          absent,
          hasSideChannel,
          cacheFolder: init.cacheFolder,
          evaluation: scenario.evaluation,
          backend: scenario.backend,
          keepRounds: scenario.keepRounds,
          logFile,
          logLevel: init.logLevel,
        },
      })
      for (const message of addresses.values()) worker.send(message)
      return worker
    },
    announce(peer, listening) {
      const message = { type: 'addresses', peer, addresses: listening } as const
      addresses.set(peer, message)
      broadcast(message)
    },
    runnerOf: (index) => [...workers].find((worker) => worker.running.has(index)),
    killAll() {
      for (const { child } of workers) if (child.exitCode === null) child.kill('SIGKILL')
    },
  }
}
