import { readFile } from 'node:fs/promises'
import {
  logFormatters,
  manifestTask,
  preloadNetwork,
  runTopology,
  systemClock,
  type TemperedNode,
} from '@tempered/node'
import { openManifest } from '@tempered/protocol'
import { createTrainerService, loadData } from '@tempered/train'
import { pino } from 'pino'
import { createHonestModels } from '../adversary/honest-models.js'
import { shareMemory } from '../events/memory-share.js'
import { nodeFailed } from '../events/node-failure.js'
import { linkName } from '../faults/conditions.js'
import { loadUsedModules } from '../plugins/load-module.js'
import { reportEnd } from './node-work.js'
import type { FromWorker, ToWorker, TrainerProcess, WorkerLaunch, WorkerNode } from './worker-messages.js'
import { openWorkerNode } from './worker-node.js'

/**
 * A worker process of a local cluster: runs some of its nodes on the same code as `tempered node start`, with one
 * training thread for all of them. It ends when its launcher closes the IPC channel.
 */

// The launcher decides when to stop; Ctrl-C, a closed terminal and a stopped service reach every process of the group.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined)

/** Messages that have not left this process. */
const leaving = new Set<Promise<void>>()

const send = (message: FromWorker | TrainerProcess): void => {
  if (!process.connected) return
  const sent = new Promise<void>((resolve) => {
    // An error means that the launcher has gone.
    process.send?.(message, undefined, undefined, () => resolve())
  }).finally(() => leaving.delete(sent))
  leaving.add(sent)
}

let worker: { receive(message: ToWorker): void; stop(): Promise<void> } | undefined
/** Messages that arrived before the worker was ready for them. */
const early: ToWorker[] = []

process.on('message', (message: ToWorker) => {
  if (message.type === 'launch') {
    launch(message.launch).catch((error) => {
      for (const { index } of message.launch.nodes) {
        send(nodeFailed(index, error))
      }
      process.disconnect()
    })
  } else if (message.type === 'stop') {
    void end()
  } else if (worker === undefined) early.push(message)
  else worker.receive(message)
})
process.on('disconnect', () => void end())

async function end(): Promise<void> {
  await worker?.stop()
  await Promise.all(leaving)
  process.exit(0)
}

async function launch(init: WorkerLaunch): Promise<void> {
  await loadUsedModules(init.modules)
  const run = openManifest(init.manifest)
  const { manifest } = run
  const logger = pino(
    { level: init.logLevel, base: {}, formatters: logFormatters },
    pino.destination({ dest: init.logFile, sync: false }),
  )
  // libp2p has thrown from stream callbacks before. Log the error and keep the nodes running.
  process.on('uncaughtException', (error) =>
    logger.error({ err: error, component: 'process' }, 'uncaught exception'),
  )
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error, component: 'process' }, 'unhandled rejection'),
  )

  const topology = runTopology(run)
  const models = createHonestModels(manifest.model.parameterCount, systemClock)
  preloadNetwork()
  const usesEngine = init.nodes.some(({ trainer }) => trainer === undefined)
  const source = usesEngine
    ? await loadData(init.source, init.cacheFolder, manifestTask(manifest))
    : undefined
  const service = await createTrainerService({ backend: init.backend })
  const nodes = new Map<number, TemperedNode>()
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()
  const departing = new Set<number>()
  /** By peer id; nodes that open later learn them too. */
  const addresses = new Map<string, readonly string[]>()
  let { conditions } = init
  /** Cuts and restores the links of a node according to the conditions. */
  const setLinks = (index: number, node: TemperedNode): void => {
    const cut = new Set(conditions.cut)
    manifest.members.forEach((peer, other) => {
      if (other !== index) node.setReachable(peer, !cut.has(linkName(index, other)))
    })
  }
  worker = {
    receive(message) {
      if (message.type === 'honest-model') {
        models.note(message.index, message.round, () => readFile(message.path))
      } else if (message.type === 'honest-secret') {
        models.note(message.index, message.round, async () => message.model)
      } else if (message.type === 'honest-gone') models.gone(message.index)
      else if (message.type === 'addresses') {
        addresses.set(message.peer, message.addresses)
        for (const node of nodes.values()) node.learnAddresses(message.peer, message.addresses)
      } else if (message.type === 'conditions') {
        conditions = message.conditions
        for (const [index, node] of nodes) setLinks(index, node)
      } else if (message.type === 'leave') {
        departing.add(message.index)
        void nodes.get(message.index)?.stop()
      }
    },
    async stop() {
      stopping.abort()
      // What fails in a node on the way is an end of its work, which is reported.
      await Promise.allSettled([...nodes.values()].map((node) => node.stop()))
      // Nodes end their trainers.
      await Promise.all(working)
      await service.close()
    },
  }
  for (const message of early.splice(0)) worker.receive(message)
  send({ type: 'ready', backend: service.backend.name, notice: service.backend.notice })

  const components = {
    ...{ run, topology, models, source, service, logger, send },
    conditions: () => conditions,
    signal: stopping.signal,
  }
  const work = async (assigned: WorkerNode): Promise<void> => {
    const { index } = assigned
    const { node, close } = await openWorkerNode(components, init, assigned)
    try {
      nodes.set(index, node)
      for (const [peer, known] of addresses) node.learnAddresses(peer, known)
      setLinks(index, node)
      if (departing.has(index) || stopping.signal.aborted) await node.stop()
      else await node.run()
    } finally {
      await close()
    }
  }

  shareMemory(init.nodes.length)
  for (const assigned of init.nodes) {
    const { index, name } = assigned
    working.add(reportEnd(work(assigned), { index, name, stopping: stopping.signal, logger, send }))
  }
  await Promise.all(working)
  send({ type: 'memory', residentBytes: process.memoryUsage.rss() })
}
