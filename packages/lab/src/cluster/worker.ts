import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { killGroup } from '@tempered/train'
import type { PlannedNode } from '../scenario/plan.js'
import type { FromWorker, ToWorker, TrainerProcess } from './worker-messages.js'

/** A worker process as its launcher sees it. */
export interface Worker {
  readonly child: ChildProcess
  readonly nodes: readonly PlannedNode[]
  readonly hasAttackers: boolean
  /** Indices of nodes that are neither done nor failed. */
  readonly running: Set<number>
  readonly exited: Promise<void>
  send(message: ToWorker): void
}

/**
 * Forks a worker process; its output goes to the log file. The trainers that it has started are killed when it has
 * gone without ending them, as when it was killed itself.
 */
export function startWorker(
  nodes: readonly PlannedNode[],
  logFile: string,
  onMessage: (message: FromWorker) => void,
  onExit: (exitCode: number | null, signal: string | null) => void,
): Worker {
  const log = openSync(logFile, 'a')
  const child = fork(new URL('./worker-process.js', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const trainers = new Set<number>()
  child.on('message', (message: FromWorker | TrainerProcess) => {
    if (message.type !== 'trainer-process') onMessage(message)
    else if (message.isRunning) trainers.add(message.pid)
    else trainers.delete(message.pid)
  })
  const exited = new Promise<void>((resolve) => {
    let over = false
    const end = (exitCode: number | null, signal: string | null): void => {
      if (over) return
      over = true
      for (const pid of trainers) killGroup(pid)
      onExit(exitCode, signal)
      resolve()
    }
    child.once('exit', end)
    // It could not be started: there will be no exit.
    child.once('error', () => {
      if (child.pid === undefined) end(null, null)
    })
  })
  return {
    child,
    nodes,
    hasAttackers: nodes.some((node) => node.attack !== undefined),
    running: new Set(nodes.map((node) => node.index)),
    exited,
    send(message) {
      // A worker that has just gone is reported by its exit.
      if (child.connected) child.send(message, () => undefined)
    },
  }
}
