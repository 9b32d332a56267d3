import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep, systemClock } from '@tempered/node'
import { afterFault, type Conditions, calm } from '../faults/conditions.js'
import { createFaultTimeline, type FaultAction } from '../faults/fault-timeline.js'
import { createPresence } from '../faults/presence.js'
import type { PlannedNode } from '../scenario/plan.js'
import type { StagedRun, StageInit } from '../stage/stage.js'
import { checkLedgers, nodeFolder, readModel } from './node-folders.js'
import { startWorker, type Worker } from './worker.js'
import type { FromWorker, ToWorker, WorkerNode } from './worker-messages.js'

/** Together with the exit of a killed process this stays below 5 s. */
const STOP_LIMIT_MS = 4_000

/** Starts the host processes of a plan, connects their nodes with each other and carries out the scenario's faults. */
export async function startCluster(init: StageInit): Promise<StagedRun> {
  const { plan, folder, onEvent } = init
  const { scenario, run, nodes } = plan
  await mkdir(join(folder, 'hosts'), { recursive: true })
  const honest = nodes.filter((node) => node.attack === undefined).map((node) => node.index)
  const timeline = createFaultTimeline(scenario.faults, { nodes: nodes.length })
  const presence = createPresence(plan.topology.graph, run.manifest.training.rounds)
  const hosts = new Set<Worker>()
  const addresses = new Map<string, ToWorker & { type: 'addresses' }>()
  let conditions: Conditions = calm
  let stopping: Promise<void> | undefined
  /** Nodes that are killed and wait to be gone before they start again. */
  const restarting = new Set<number>()
  /** Hosts that were started when others had been running. */
  const late = new WeakSet<Worker>()

  const broadcast = (message: ToWorker): void => {
    for (const host of hosts) host.send(message)
  }
  const hostOf = (index: number): Worker | undefined => [...hosts].find((host) => host.running.has(index))

  const launch = (hosted: readonly PlannedNode[], logName: string): Worker => {
    const logFile = join(folder, 'hosts', `${logName}.log`)
    const host: Worker = startWorker(
      hosted,
      logFile,
      (message) => receive(host, message),
      (exitCode, signal) => exited(host, exitCode, signal),
    )
    hosts.add(host)
    for (const { index } of hosted) presence.started(index)
    const hostedNode = (node: PlannedNode): WorkerNode => ({
      index: node.index,
      name: node.name,
      seed: node.identity.seed,
      stateFolder: nodeFolder(folder, node),
      attack: node.attack,
    })
    host.send({
      type: 'launch',
      launch: {
        manifest: run.bytes,
        nodes: hosted.map(hostedNode),
        honest,
        source: scenario.data.source,
        partition: plan.partition,
        conditions,
        absent: timeline.pending().flatMap((action) => (action.type === 'join' ? [action.node] : [])),
        cacheFolder: init.cacheFolder,
        evaluation: scenario.evaluation,
        backend: scenario.backend,
        keepRounds: scenario.keepRounds,
        logFile,
        logLevel: init.logLevel,
      },
    })
    return host
  }

  /** Nodes that nobody will ever come to are told to stop; whoever waits for the end would wait with them. */
  const releaseStranded = (): void => {
    const coming = new Set(restarting)
    for (const action of timeline.pending()) if ('node' in action) coming.add(action.node)
    for (const index of presence.stranded((other) => coming.has(other)))
      hostOf(index)?.send({ type: 'leave', index })
  }

  const ended = (host: Worker, index: number): void => {
    host.running.delete(index)
    presence.gone(index)
    broadcast({ type: 'honest-gone', index })
    releaseStranded()
  }

  const exited = (host: Worker, exitCode: number | null, signal: string | null): void => {
    hosts.delete(host)
    if (host.running.size > 0) {
      const names = host.nodes.filter(({ index }) => host.running.has(index)).map(({ name }) => name)
      for (const index of host.running) ended(host, index)
      if (stopping === undefined)
        onEvent({ type: 'host-gone', pid: host.child.pid, exitCode, signal, nodes: names })
    }
    if (hosts.size === 0 && restarting.size === 0) finish()
  }

  const carryOut = (actions: readonly FaultAction[]): void => {
    for (const action of actions) {
      if (stopping !== undefined) return
      onEvent({ type: 'fault', action })
      conditions = afterFault(conditions, action)
      if (action.type === 'kill') kill(action.node)
      else if (action.type === 'restart' || action.type === 'join') void begin(action.node)
      else if (action.type === 'leave') broadcast({ type: 'leave', index: action.node })
      else broadcast({ type: 'conditions', conditions })
    }
  }

  const dying = new Map<number, Promise<void>>()
  const kill = (index: number): void => {
    const host = hostOf(index)
    if (host === undefined) return
    // It is meant to go, and does not count as one that failed.
    ended(host, index)
    dying.set(index, host.exited)
    host.child.kill('SIGKILL')
  }
  const begin = async (index: number): Promise<void> => {
    restarting.add(index)
    await dying.get(index)
    restarting.delete(index)
    if (stopping === undefined) {
      late.add(launch([nodes[index]!], soloLog(nodes[index]!)))
      // The others may have finished in the meantime.
      releaseStranded()
    } else if (hosts.size === 0) finish()
  }

  const receive = (host: Worker, message: FromWorker): void => {
    if (message.type === 'listening') {
      const told = { type: 'addresses', peer: message.peer, addresses: message.addresses } as const
      addresses.set(message.peer, told)
      broadcast(told)
      // It was not there yet when the others told theirs.
      if (late.has(host)) for (const known of addresses.values()) host.send(known)
      return
    }
    if (message.type === 'published') {
      const { index, round } = message
      const node = nodes[index]!
      presence.published(index, round)
      if (node.attack === undefined) {
        const path = join(nodeFolder(folder, node), 'blobs', message.modelCid)
        for (const other of hosts)
          if (other.hasAttackers) other.send({ type: 'honest-model', index, round, path })
      }
      carryOut(timeline.published(index, round, node.attack === undefined))
      return
    }
    if ((message.type === 'done' || message.type === 'failed') && host.running.has(message.index))
      ended(host, message.index)
    onEvent(message)
    if (message.type === 'memory') host.child.disconnect()
  }

  let finish!: () => void
  const done = new Promise<void>((resolve) => {
    finish = () => {
      if (stopping === undefined)
        for (const action of timeline.pending()) onEvent({ type: 'fault-skipped', action })
      resolve()
    }
  })

  carryOut(timeline.start())
  const alone = new Set(
    scenario.faults.flatMap(({ kill = [], restart = [], join = [] }) => [...kill, ...restart, ...join]),
  )
  const shared = nodes.filter(({ index }) => !alone.has(index))
  const count = Math.min(init.hosts, shared.length)
  for (let k = 0; k < count; k++)
    launch(
      shared.filter((_, at) => at % count === k),
      `host-${k}`,
    )
  for (const node of nodes) {
    if (alone.has(node.index) && !timeline.absentAtStart.includes(node.index)) launch([node], soloLog(node))
  }

  const stop = async (): Promise<void> => {
    broadcast({ type: 'stop' })
    await Promise.race([done, sleep(systemClock, STOP_LIMIT_MS)])
    for (const host of hosts) if (host.child.exitCode === null) host.child.kill('SIGKILL')
    await done
  }
  return {
    done,
    stop() {
      stopping ??= stop()
      return stopping
    },
    readModel: (index, cid) => readModel(join(nodeFolder(folder, nodes[index]!), 'blobs', cid), run),
    ledgers: () => checkLedgers(folder, nodes),
    get pids() {
      return [...hosts].map((host) => host.child.pid).filter((pid) => pid !== undefined)
    },
  }
}

function soloLog(node: PlannedNode): string {
  return `host-of-${node.name}`
}
