import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LedgerVerdict, sleep, systemClock } from '@tempered/node'
import type { ClusterPlan, PlannedNode } from '../scenario/plan.js'
import type { FromHost, HostedNode, ToHost } from './host-messages.js'
import { checkLedgers, nodeFolder, readModel } from './node-folders.js'

/** What happens in a running cluster, in order. */
export type ClusterEvent = Exclude<FromHost, { type: 'published' | 'listening' }> | HostGone | Observed

/** What only somebody who sees all honest models can say of a round. */
export interface Observed {
  readonly type: 'observed'
  readonly round: number
  /** Mean squared L2 distance of the honest nodes' aggregates to their mean; null when some were not to be had. */
  readonly consensusDistance: number | null
  /** Share in [0, 1] of triggered test images told as the backdoor's target, by index of the honest node; empty without a backdoor. */
  readonly attackSuccess: Readonly<Record<number, number>>
}

interface HostGone {
  readonly type: 'host-gone'
  readonly pid: number | undefined
  readonly exitCode: number | null
  readonly signal: string | null
  /** Names of the nodes that went with it. */
  readonly nodes: readonly string[]
}

export interface ClusterInit {
  readonly plan: ClusterPlan
  /** Folder of this run's results; nodes keep their state below it. */
  readonly folder: string
  readonly cacheFolder: string
  /** Host processes; nodes are dealt to them by turns. */
  readonly hosts: number
  readonly logLevel: string
  onEvent(event: ClusterEvent): void
}

export interface Cluster {
  /** Resolves when every node is done, failed or stopped and every process is gone. */
  readonly done: Promise<void>
  /** Stops all nodes; whatever is not gone after `STOP_LIMIT_MS` is killed. */
  stop(): Promise<void>
  /** Pids of the host processes. */
  readonly pids: readonly number[]
  /** Milliseconds of virtual time since the start, where time is virtual. */
  elapsedMs?(): number
  /** A model that a node holds at the moment, by CID; undefined when it is not to be had any more. */
  readModel(index: number, cid: string): Promise<Float32Array | undefined>
  /** Checks the ledger of every node that has one; once all is done. */
  ledgers(): Promise<readonly CheckedLedger[]>
}

export interface CheckedLedger {
  /** Name of the node. */
  readonly node: string
  readonly verdict: LedgerVerdict
}

/** Together with the exit of a killed process this stays below 5 s. */
const STOP_LIMIT_MS = 4_000

/** Starts the host processes of a plan and connects their nodes with each other. */
export async function startCluster(init: ClusterInit): Promise<Cluster> {
  const { plan, folder, onEvent } = init
  const { scenario, run, nodes } = plan
  await mkdir(join(folder, 'hosts'), { recursive: true })
  const honest = nodes.filter((node) => node.attack === undefined).map((node) => node.index)
  const hosts: Host[] = []

  const broadcast = (message: ToHost): void => {
    for (const host of hosts) host.send(message)
  }

  const receive = (host: Host, message: FromHost): void => {
    if (message.type === 'listening') {
      broadcast({ type: 'addresses', peer: message.peer, addresses: message.addresses })
      return
    }
    if (message.type === 'published') {
      const node = nodes[message.index]
      if (node === undefined || node.attack !== undefined) return
      const path = join(nodeFolder(folder, node), 'blobs', message.modelCid)
      const { index, round } = message
      for (const other of hosts)
        if (other.hasAttackers) other.send({ type: 'honest-model', index, round, path })
      return
    }
    if (message.type === 'done' || message.type === 'failed') host.running.delete(message.index)
    if (message.type === 'failed') broadcast({ type: 'honest-gone', index: message.index })
    onEvent(message)
    if (message.type === 'memory') host.child.disconnect()
  }

  const count = Math.min(init.hosts, nodes.length)
  for (let k = 0; k < count; k++) {
    const hosted = nodes.filter((node) => node.index % count === k)
    const logFile = join(folder, 'hosts', `host-${k}.log`)
    const host = startHost(
      hosted,
      logFile,
      (message) => receive(host, message),
      (exitCode, signal) => {
        if (host.running.size === 0) return
        const gone = hosted.filter((node) => host.running.has(node.index))
        for (const node of gone) broadcast({ type: 'honest-gone', index: node.index })
        if (!stopping) {
          const names = gone.map((node) => node.name)
          onEvent({ type: 'host-gone', pid: host.child.pid, exitCode, signal, nodes: names })
        }
      },
    )
    hosts.push(host)
    host.send({
      type: 'launch',
      launch: {
        manifest: run.bytes,
        nodes: hosted.map(
          (node): HostedNode => ({
            index: node.index,
            name: node.name,
            seed: node.identity.seed,
            stateFolder: nodeFolder(folder, node),
            attack: node.attack,
          }),
        ),
        honest,
        source: scenario.data.source,
        partition: plan.partition,
        cacheFolder: init.cacheFolder,
        evaluation: scenario.evaluation,
        backend: scenario.backend,
        keepRounds: scenario.keepRounds,
        logFile,
        logLevel: init.logLevel,
      },
    })
  }

  let stopping: Promise<void> | undefined
  const gone = Promise.all(hosts.map((host) => host.exited)).then(() => undefined)
  const stop = async (): Promise<void> => {
    broadcast({ type: 'stop' })
    await Promise.race([gone, sleep(systemClock, STOP_LIMIT_MS)])
    for (const host of hosts) if (host.child.exitCode === null) host.child.kill('SIGKILL')
    await gone
  }
  return {
    done: gone,
    stop() {
      stopping ??= stop()
      return stopping
    },
    pids: hosts.map((host) => host.child.pid).filter((pid) => pid !== undefined),
    readModel: (index, cid) => readModel(join(nodeFolder(folder, nodes[index]!), 'blobs', cid), run),
    ledgers: () => checkLedgers(folder, nodes),
  }
}

interface Host {
  readonly child: ChildProcess
  readonly hasAttackers: boolean
  /** Indices of nodes that are neither done nor failed. */
  readonly running: Set<number>
  readonly exited: Promise<void>
  send(message: ToHost): void
}

function startHost(
  nodes: readonly PlannedNode[],
  logFile: string,
  onMessage: (message: FromHost) => void,
  onExit: (exitCode: number | null, signal: string | null) => void,
): Host {
  const log = openSync(logFile, 'a')
  const child = fork(new URL('./host-process.js', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  child.on('message', (message) => onMessage(message as FromHost))
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      onExit(exitCode, signal)
      resolve()
    })
    child.once('error', () => resolve())
  })
  return {
    child,
    hasAttackers: nodes.some((node) => node.attack !== undefined),
    running: new Set(nodes.map((node) => node.index)),
    exited,
    send(message) {
      // A host that has just gone is reported by its exit.
      if (child.connected) child.send(message, () => undefined)
    },
  }
}
