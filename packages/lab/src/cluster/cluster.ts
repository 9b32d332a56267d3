import { join } from 'node:path'
import { sleep, systemClock } from '@tempered/node'
import { makeFolder } from '@tempered/train'
import { afterFault, type Conditions, calm } from '../faults/conditions.js'
import { createFaultTimeline, type FaultAction } from '../faults/fault-timeline.js'
import type { PlannedNode } from '../scenario/plan.js'
import { LOG_FOLDER, type StagedRun, type StageInit } from '../stage/stage.js'
import { createLifecycle } from './lifecycle.js'
import { checkLedgers, nodeFolder, readModel } from './node-folders.js'
import type { Worker } from './worker.js'
import type { FromWorker } from './worker-messages.js'
import { createWorkers } from './workers.js'

/** Together with the exit of a killed process this stays below 5 s. */
const STOP_LIMIT_MS = 4_000

/** Starts the worker processes of a plan, connects their nodes with each other and carries out the scenario's faults. */
export async function startCluster(init: StageInit): Promise<StagedRun> {
  const { plan, folder, onEvent } = init
  const { scenario, run, nodes } = plan
  await makeFolder(join(folder, LOG_FOLDER))
  const timeline = createFaultTimeline(scenario.faults, { nodes: nodes.length })
  let conditions: Conditions = calm
  let stopping: Promise<void> | undefined

  const workers = createWorkers({
    ...init,
    onMessage: (worker, message) => receive(worker, message),
    onExit: (worker, exitCode, signal) => exited(worker, exitCode, signal),
  })
  const lifecycle = createLifecycle({
    plan,
    workers,
    coming: () => timeline.pending().flatMap((action) => ('node' in action ? [action.node] : [])),
  })

  const launch = (some: readonly PlannedNode[], logName: string): void => {
    const absent = timeline.pending().flatMap((action) => (action.type === 'join' ? [action.node] : []))
    lifecycle.started(workers.launch(some, logName, { conditions, absent }))
  }

  let finish!: () => void
  const done = new Promise<void>((resolve) => {
    finish = () => {
      if (stopping === undefined)
        for (const action of timeline.pending()) onEvent({ type: 'fault-skipped', action })
      resolve()
    }
  })

  const exited = (worker: Worker, exitCode: number | null, signal: string | null): void => {
    if (worker.running.size > 0) {
      const names = worker.nodes.filter(({ index }) => worker.running.has(index)).map(({ name }) => name)
      for (const index of worker.running) lifecycle.ended(worker, index)
      if (stopping === undefined)
        onEvent({ type: 'host-gone', pid: worker.child.pid, exitCode, signal, nodes: names })
    }
    if (workers.count === 0 && !lifecycle.isRestarting) finish()
  }

  const begin = (node: PlannedNode): void => {
    void lifecycle.begin(node.index, () => {
      if (stopping === undefined) launch([node], soloLog(node))
      else if (workers.count === 0) finish()
    })
  }

  const carryOut = (actions: readonly FaultAction[]): void => {
    for (const action of actions) {
      if (stopping !== undefined) return
      onEvent({ type: 'fault', action })
      conditions = afterFault(conditions, action)
      if (action.type === 'kill') lifecycle.kill(action.node)
      else if (action.type === 'restart' || action.type === 'join') begin(nodes[action.node]!)
      else if (action.type === 'leave') workers.broadcast({ type: 'leave', index: action.node })
      else workers.broadcast({ type: 'conditions', conditions })
    }
  }

  const published = ({ index, round, modelCid }: FromWorker & { type: 'published' }): void => {
    const node = nodes[index]!
    const isHonest = node.attack === undefined
    lifecycle.published(index, round)
    if (round === 0) onEvent({ type: 'step', index, step: 'trained' })
    if (isHonest && run.manifest.privacy === undefined) {
      const path = join(nodeFolder(folder, node), 'blobs', modelCid)
      for (const worker of workers)
        if (worker.hasAttackers) worker.send({ type: 'honest-model', index, round, path })
    }
    carryOut(timeline.published(index, round, isHonest))
  }

  const passOn = ({ index, round, model }: FromWorker & { type: 'secret' }): void => {
    for (const worker of workers)
      if (worker.hasAttackers) worker.send({ type: 'honest-secret', index, round, model })
  }

  const receive = (worker: Worker, message: FromWorker): void => {
    if (message.type === 'listening') {
      workers.announce(message.peer, message.addresses)
      onEvent({ type: 'step', index: message.index, step: 'started' })
    } else if (message.type === 'published') published(message)
    else if (message.type === 'secret') passOn(message)
    else {
      if ((message.type === 'done' || message.type === 'failed') && worker.running.has(message.index))
        lifecycle.ended(worker, message.index)
      onEvent(message)
      if (message.type === 'memory') worker.child.disconnect()
    }
  }

  carryOut(timeline.start())
  const { shared, alone } = dealNodes(nodes, scenario.faults, init.workers)
  for (const [k, group] of shared.entries()) launch(group, `host-${k}`)
  for (const node of alone) if (!timeline.absentAtStart.includes(node.index)) launch([node], soloLog(node))

  const stop = async (): Promise<void> => {
    workers.broadcast({ type: 'stop' })
    await Promise.race([done, sleep(systemClock, STOP_LIMIT_MS)])
    workers.killAll()
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
      return [...workers].map(({ child }) => child.pid).filter((pid) => pid !== undefined)
    },
  }
}

type Faults = Parameters<typeof createFaultTimeline>[0]

/** Deals nodes to at most `count` processes in turn. A node that faults kill or start gets its own process. */
function dealNodes(
  nodes: readonly PlannedNode[],
  faults: Faults,
  count: number,
): { readonly shared: readonly PlannedNode[][]; readonly alone: readonly PlannedNode[] } {
  const touched = new Set(
    faults.flatMap(({ kill = [], restart = [], join = [] }) => [...kill, ...restart, ...join]),
  )
  const alone = nodes.filter(({ index }) => touched.has(index))
  const others = nodes.filter(({ index }) => !touched.has(index))
  const groups = Math.min(count, others.length)
  const shared = Array.from({ length: groups }, (_, k) => others.filter((_, at) => at % groups === k))
  return { shared, alone }
}

function soloLog(node: PlannedNode): string {
  return `host-of-${node.name}`
}
